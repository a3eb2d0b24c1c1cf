"""Label, note and verdict for the files of listeners and events."""

from porteye_core.config import Config
from porteye_core.errors import StoreError
from porteye_core.judging.acceptance import Accepted
from porteye_core.judging.in_force import watched_file
from porteye_core.judging.note_words import Words
from porteye_core.judging.opinion_fields import opinion_fields
from porteye_core.store import alerts
from porteye_core.store.alerts import Note
from porteye_core.store.reading import Field


def opinions(config: Config, now: int) -> dict[str, Field]:
    """The fields of one file; without an alerts database that can be read nobody says anything."""
    judge = watched_file(config.expected, config.db).in_force().judge
    notes = _notes(config)
    accepted = Accepted(each.key for each in notes if each.accepts(now))
    words = {each.key: Words(each.label, each.text, each.link) for each in notes}
    return opinion_fields(judge, accepted, words)


def _notes(config: Config) -> list[Note]:
    try:
        with alerts.open_to_read(config.alerts_db or alerts.beside(config.db)) as connection:
            return alerts.notes(connection)
    except StoreError:
        return []
