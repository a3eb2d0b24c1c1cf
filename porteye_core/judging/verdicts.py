"""Verdicts on what listens, and on what should; pure.

What is not known, because an owner is hidden or nobody watched, has the verdict unknown.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from porteye_core.judging.blocks import Block, Ephemeral, Expected, covered
from porteye_core.judging.note_words import Words, merged
from porteye_core.judging.seen import Seen
from porteye_core.reach import Exposure
from porteye_core.spoken_times import length


class Verdict(StrEnum):
    """Verdict on a listener, or on a block for which there is none; the gravest first."""

    WIDER = "wider"  # a block fits but for a narrower reach
    OWNER = "owner"  # a block has the port, and the owner is another one
    NEW = "new"  # no block has this port and protocol
    MISSING = "missing"  # what is always expected is not there
    UNKNOWN = "unknown"  # an owner is hidden, or nobody watched
    BRIEF = "brief"  # new, and gone before it had to be told
    EXPECTED = "expected"  # a block fits


GRAVE = (Verdict.WIDER, Verdict.OWNER, Verdict.NEW)
IN_DIGEST = (Verdict.UNKNOWN, Verdict.BRIEF)
"""Verdicts that the daily digest alone tells."""
GRAVITY = {each.value: place for place, each in enumerate(Verdict)}
"""The place of each verdict, the gravest first."""


def is_at_least(verdict: str, least: str) -> bool:
    """Tell that a verdict is as grave as the least one, or graver; what has no verdict always is,
    and an empty least one takes everything."""
    if not verdict or not least:
        return True
    return GRAVITY.get(verdict, 0) <= GRAVITY.get(least, len(GRAVITY))


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict with its reason; seen: the listener, None where it is missing. block: the one that
    fits, or comes nearest to it, None if there is none."""

    verdict: Verdict
    why: str = ""
    seen: Seen | None = None
    block: Block | None = None

    def words(self, note: Words | None) -> Words:
        """The words of a note on its identity, else those of its block."""
        block = self.block
        of_block = Words() if block is None else Words(block.label, block.note, block.link)
        return of_block if note is None else merged(note, of_block)


@dataclass(frozen=True, slots=True)
class Before:
    """The time before the moment that is judged, as long as a listener may be away.

    unwatched: microseconds of it in which nobody watched. closed: what closed in it.
    """

    unwatched: int
    closed: tuple[Seen, ...] = ()


def judge(seen: Seen, expected: Expected) -> Judgement:
    """The verdict on a listener."""
    found = _judge(seen, expected)
    if seen.doubt and found.verdict is not Verdict.EXPECTED:
        return Judgement(
            Verdict.UNKNOWN, f"{found.verdict}, if it was open: {seen.doubt}", seen, found.block
        )
    return found


def missing(
    all_seen: Sequence[Seen], expected: Expected, before: Before | None
) -> Iterator[Judgement]:
    """The verdicts on blocks that are always expected and that nothing fits; before: None if
    nothing is known of it, as in a single look."""
    for block in expected.blocks:
        if block.always:
            found = _absence(block, all_seen, expected, before)
            if found is not None:
                yield found


def _judge(seen: Seen, expected: Expected) -> Judgement:
    is_ephemeral = expected.is_ephemeral(seen.protocol, seen.port)
    if is_ephemeral and _is_ignored(seen.exposure, expected.defaults.ephemeral):
        return Judgement(Verdict.EXPECTED, "an ephemeral port", seen)
    covering = expected.covering(seen)
    possible = [block for block in covering if block.holds(seen) is not False]
    if not possible:
        # An ephemeral port is no place of its own that another program could take.
        return (
            _other_owner(seen, covering)
            if covering and not is_ephemeral
            else _new(seen, expected, is_ephemeral=is_ephemeral)
        )
    for block in possible:
        if block.holds(seen) and block.admits(seen):
            return Judgement(Verdict.EXPECTED, "", seen, block)
    admitting = [block for block in possible if block.admits(seen) is not False]
    if admitting:
        return Judgement(Verdict.UNKNOWN, _unknown(seen), seen, admitting[0])
    nearest = possible[0]
    why = f"line {nearest.line} expects it from {nearest.reach.value}"
    return Judgement(Verdict.WIDER, why, seen, nearest)


def _is_ignored(exposure: Exposure, wanted: Ephemeral) -> bool:
    is_local = exposure is Exposure.MACHINE
    return wanted is Ephemeral.IGNORE or (wanted is Ephemeral.IGNORE_LOOPBACK and is_local)


def _other_owner(seen: Seen, covering: Sequence[Block]) -> Judgement:
    nearest = covering[0]
    why = f"line {nearest.line} expects {_owner(nearest)}"
    return Judgement(Verdict.OWNER, why, seen, nearest)


def _new(seen: Seen, expected: Expected, *, is_ephemeral: bool) -> Judgement:
    ignores_local = expected.defaults.ephemeral is Ephemeral.IGNORE_LOOPBACK
    if is_ephemeral and ignores_local and seen.exposure is Exposure.UNKNOWN:
        return Judgement(Verdict.UNKNOWN, _unknown(seen), seen)
    if seen.lasted is not None and seen.lasted < expected.defaults.hold:
        return Judgement(Verdict.BRIEF, f"it was open for {length(seen.lasted)}", seen)
    what = "has its program on an ephemeral port" if is_ephemeral else "has this port"
    return Judgement(Verdict.NEW, f"no block {what}", seen)


def _absence(
    block: Block, all_seen: Sequence[Seen], expected: Expected, before: Before | None
) -> Judgement | None:
    there = [seen for seen in covered(block, all_seen, expected) if block.holds(seen) is not False]
    if any(block.holds(seen) and not seen.doubt for seen in there):
        return None
    why = ""
    allowed = expected.defaults.missing
    if there:
        why = there[0].doubt or f"the owner of what listens there is hidden: {there[0].hidden}"
    elif allowed and before is None:
        why = f"it is not there, and nobody watched for the {length(allowed)} before"
    elif before is not None and any(
        block.holds(seen) is not False for seen in covered(block, before.closed, expected)
    ):
        why = f"it closed less than {length(allowed)} before"
    elif before is not None and before.unwatched:
        why = f"nobody watched for {length(before.unwatched)} of the {length(allowed)} before"
    if why:
        return Judgement(Verdict.UNKNOWN, why, None, block)
    return Judgement(Verdict.MISSING, f"line {block.line} always expects it", None, block)


def _unknown(seen: Seen) -> str:
    if seen.hidden:
        return f"owner hidden: {seen.hidden}"
    return "who can reach it is not known" if seen.exposure is Exposure.UNKNOWN else "not known"


def _owner(block: Block) -> str:
    words = (block.unit, block.container, block.program, block.user and f"user {block.user}")
    return ", ".join(filter(None, words))
