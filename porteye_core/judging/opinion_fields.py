"""Fields at the end of files of listeners and events: label, note and verdict."""

from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any, NamedTuple

from porteye_core.config import Config
from porteye_core.judging.acceptance import ACCEPTED, Accepted
from porteye_core.judging.in_force import in_force
from porteye_core.judging.judge import Judge, without_file
from porteye_core.judging.note_words import Words, words_of
from porteye_core.store.alerts import Note, by_host
from porteye_core.store.reading import USE_COLUMNS, Field, PastUse, use_of

_MOST = 20_000  # opinions that are remembered: a busy history has as many ephemeral ports


class _Opinion(NamedTuple):
    label: str
    note: str
    verdict: str


class _Bench(NamedTuple):
    """The judge of a host, None if no file says what is expected, and what people say there; words:
    of the notes, by the keys of their identities."""

    judge: Judge | None
    accepted: Accepted
    words: Mapping[str, Words]

    def opinion(self, use: PastUse) -> _Opinion:
        """The opinion on a use."""
        judged = (self.judge or without_file()).judged(use).after(self.accepted)
        said = judged.words(self.words.get(judged.identity.key) if self.words else None)
        verdict = ACCEPTED if judged.is_accepted else judged.judgement.verdict.value
        return _Opinion(said.label, said.text, verdict if self.judge else "")


def opinion_fields(
    config: Config, notes: Sequence[Note], now: int, host: str = ""
) -> dict[str, Field]:
    """The fields of one file; the verdict is that of now, empty if no file says what is expected.
    notes: all that people say. host: of a fleet, empty for this machine."""
    found = in_force(config)
    judge = found.on(host) if host else found.judge
    bench = _Bench(judge, Accepted.of(notes, now), words_of(notes))
    return _fields(lambda _row: bench, USE_COLUMNS)


def fleet_opinion_fields(config: Config, notes: Sequence[Note], now: int) -> dict[str, Field]:
    """The same for a file over many hosts, whose rows have the name of their `host`; notes: all
    that people say of any of them. Where nobody says anything nothing is remembered."""
    found = in_force(config)
    if found.judges is None and not notes:
        return dict.fromkeys(_Opinion._fields, Field(str, lambda _row: ""))
    of_host = by_host(notes)
    benches = dict[str, _Bench]()

    def bench(row: Any) -> _Bench:
        host = row["host"]
        if host not in benches:
            said = of_host.get(host, [])
            benches[host] = _Bench(found.on(host), Accepted.of(said, now), words_of(said))
        return benches[host]

    return _fields(bench, (*USE_COLUMNS, "host"))


def _fields(bench_of: Callable[[Any], _Bench], columns: Sequence[str]) -> dict[str, Field]:
    """columns: what an opinion follows from, first those of a use."""
    remembered: dict[tuple[object, ...], _Opinion] = {}
    key_of = itemgetter(*columns)

    def opinion(row: Any) -> _Opinion:
        key = key_of(row)
        found = remembered.get(key)
        if found is None:
            if len(remembered) >= _MOST:
                remembered.clear()
            found = bench_of(row).opinion(use_of(key[: len(USE_COLUMNS)]))
            remembered[key] = found
        return found

    return {
        "label": Field(str, lambda row: opinion(row).label),
        "note": Field(str, lambda row: opinion(row).note),
        "verdict": Field(str, lambda row: opinion(row).verdict),
    }
