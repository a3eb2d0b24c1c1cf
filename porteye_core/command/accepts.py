"""Notes and accepts of people, as far as the alerts database can be read."""

from porteye_core.command.question import Question
from porteye_core.command.screen import warn
from porteye_core.errors import StoreError
from porteye_core.judging.acceptance import Accepted
from porteye_core.store import alerts
from porteye_core.store.alerts import Note


def accepts(question: Question) -> Accepted:
    """The identities that are accepted now; none where there is no alerts database."""
    return Accepted.of(all_notes(question), question.now)


def accepted_notes(question: Question) -> list[Note]:
    """The notes that accept an identity now."""
    return [each for each in all_notes(question) if each.accepts(question.now)]


def all_notes(question: Question) -> list[Note]:
    """Every note; a database that cannot be read is warned of."""
    try:
        return alerts.read_notes(question.alerts_file)
    except StoreError as err:
        warn(f"What was accepted and noted is not known. {err}")
        return []
