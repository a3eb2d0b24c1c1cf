"""Fields at the end of files of listeners and events: label, note and verdict."""

from collections.abc import Mapping
from operator import itemgetter
from typing import Any, NamedTuple

from porteye_core.config import Config
from porteye_core.errors import StoreError
from porteye_core.judging.acceptance import ACCEPTED, Accepted
from porteye_core.judging.in_force import in_force
from porteye_core.judging.judge import Judge, without_file
from porteye_core.judging.note_words import Words, words_of
from porteye_core.store import alerts
from porteye_core.store.alerts import Note
from porteye_core.store.reading import USE_COLUMNS, Field, use_of

_MOST = 20_000  # opinions that are remembered: a busy history has as many ephemeral ports
_key = itemgetter(*USE_COLUMNS)


class _Opinion(NamedTuple):
    label: str
    note: str
    verdict: str


def opinion_fields(config: Config, now: int) -> dict[str, Field]:
    """The fields of one file; the verdict is that of now, empty if no file says what is expected.

    Without an alerts database that can be read nobody has noted anything.
    """
    judge = in_force(config).judge
    notes = _notes(config)
    accepted = Accepted(each.key for each in notes if each.accepts(now))
    return _fields(judge, accepted, words_of(notes))


def _notes(config: Config) -> list[Note]:
    try:
        with alerts.open_to_read(config.alerts_db or alerts.beside(config.db)) as connection:
            return alerts.notes(connection)
    except StoreError:
        return []


def _fields(
    judge: Judge | None, accepted: Accepted, words: Mapping[str, Words]
) -> dict[str, Field]:
    """words: of the notes, by the keys of their identities."""
    remembered: dict[tuple[object, ...], _Opinion] = {}
    known = judge or without_file()

    def opinion(row: Any) -> _Opinion:
        key = _key(row)
        found = remembered.get(key)
        if found is None:
            if len(remembered) >= _MOST:
                remembered.clear()
            judged = known.judged(use_of(key)).after(accepted)
            said = judged.words(words.get(judged.identity.key) if words else None)
            verdict = ACCEPTED if judged.is_accepted else judged.judgement.verdict.value
            found = _Opinion(said.label, said.text, verdict if judge else "")
            remembered[key] = found
        return found

    return {
        "label": Field(str, lambda row: opinion(row).label),
        "note": Field(str, lambda row: opinion(row).note),
        "verdict": Field(str, lambda row: opinion(row).verdict),
    }
