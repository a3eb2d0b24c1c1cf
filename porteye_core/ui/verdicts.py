"""Verdicts on what listens now, by the file of expected ports, as the views show them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from porteye_core.judging.blocks import Expected
from porteye_core.judging.in_force import InForce, watched_file
from porteye_core.judging.judge import Judged
from porteye_core.judging.seen import Seen
from porteye_core.judging.verdicts import Before, Judgement, Verdict, missing
from porteye_core.store.reading import Reader
from porteye_core.ui.context import View
from porteye_core.ui.session_cache import cached

_KEPT = "verdicts"
# What is missing follows from time alone, too.
_STEP = 10 * 1_000_000  # microseconds
_ORDER = {verdict: rank for rank, verdict in enumerate(Verdict)}


@dataclass(frozen=True, slots=True)
class Verdicts:
    """Verdicts of one moment: of each open listener by its id, and of the blocks that are always
    expected and not there. is_judged: a file is in force. error: why the newest one is not."""

    of: Mapping[int, Judged] = field(default_factory=dict)
    missing: tuple[Judgement, ...] = ()
    is_judged: bool = True
    error: str = ""

    def gravest(self, listeners: Iterable[int]) -> Judgement | None:
        """The gravest verdict on these listeners, None if none of them is judged."""
        found = [self.of[each].judgement for each in listeners if each in self.of]
        return min(found, key=lambda each: _ORDER[each.verdict], default=None)


def in_force(view: View) -> InForce:
    """The file of expected ports that counts for this page."""
    return watched_file(view.expected, view.db).in_force()


def verdicts(
    reader: Reader, view: View, moment: int, *, watching: bool, paused: bool = False
) -> Verdicts | None:
    """Judge what is open; None if no file says what is expected. paused: the reader keeps the
    moment as it is."""
    file = in_force(view)
    judge = file.judge
    if judge is None:
        return Verdicts(is_judged=False, error=file.error) if file.error else None

    def ask() -> Verdicts:
        found = {id_: judge.judged(use) for id_, use in reader.open_by_id().items()}
        absent = _missing(reader, judge.expected, found.values(), moment, watching=watching)
        return Verdicts(found, absent, error=file.error)

    version = moment if paused else (reader.version(), moment // _STEP)
    return cached(_KEPT, (version, file, watching), ask)


def _missing(
    reader: Reader, expected: Expected, found: Iterable[Judged], moment: int, *, watching: bool
) -> tuple[Judgement, ...]:
    """The verdicts on what is always expected and not there."""
    if not any(block.always for block in expected.blocks):
        return ()
    since = moment - expected.defaults.missing
    closed = tuple(Seen.of(life) for life in reader.closed_lives(since, moment))
    before = Before(reader.coverage(since, moment, watching=watching).unwatched, closed)
    seen = [each.judgement.seen for each in found if each.judgement.seen is not None]
    return tuple(missing(seen, expected, before))
