"""Fields at the end of files of listeners and events: label, note and verdict."""

from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any, NamedTuple

from porteye_core.config import Config
from porteye_core.judging.acceptance import ACCEPTED, Accepted
from porteye_core.judging.in_force import in_force
from porteye_core.judging.judge import Judge, without_file
from porteye_core.judging.note_words import Words, words_of
from porteye_core.store.alerts import Note
from porteye_core.store.reading import USE_COLUMNS, Field, use_of

_MOST = 20_000  # opinions that are remembered: a busy history has as many ephemeral ports
_key = itemgetter(*USE_COLUMNS)


class _Opinion(NamedTuple):
    label: str
    note: str
    verdict: str


def opinion_fields(
    config: Config, notes: Sequence[Note], now: int, host: str = ""
) -> dict[str, Field]:
    """The fields of one file; the verdict is that of now, empty if no file says what is expected.
    notes: all that people say. host: of a fleet, empty for this machine."""
    found = in_force(config)
    judge = found.on(host) if host else found.judge
    return _fields(judge, Accepted.of(notes, now), words_of(notes))


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
