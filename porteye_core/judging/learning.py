"""Identities that the history shows, to be expected from now on; pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from porteye_core.judging.acceptance import NOBODY, Accepted, judge_with
from porteye_core.judging.blocks import Block, Expected, covered
from porteye_core.judging.seen import Identity, Seen
from porteye_core.judging.verdicts import Judgement, Verdict, judge
from porteye_core.reach import Exposure
from porteye_core.store.reading import PastUse

_OFTEN = 2  # openings on ephemeral ports


@dataclass(frozen=True, slots=True)
class Learnt:
    """An identity with what the history knows of it; seen: one of its listeners. longest: the
    length of its longest life. last: when it was last open."""

    identity: Identity
    seen: Seen
    openings: int
    longest: int
    last: int
    is_open: bool

    @property
    def is_everywhere(self) -> bool:
        """Tell that every interface leads to it."""
        return self.identity.reach is Exposure.EVERYWHERE


def identities(uses: Iterable[PastUse], expected: Expected) -> list[Learnt]:
    """Every identity of the history, by port; expected: its settings say which ports are
    ephemeral."""
    found: dict[Identity, Learnt] = {}
    for use in uses:
        seen = Seen.of_past(use)
        identity = seen.identity(is_ephemeral=expected.is_ephemeral(use.protocol, use.port))
        one = Learnt(identity, seen, use.openings, use.longest, use.last, use.is_open)
        found[identity] = _sum(found[identity], one) if identity in found else one
    return sorted(
        found.values(),
        key=lambda each: (each.identity.port or 65536, each.identity[0], each.identity[2:]),
    )


def lasting(every: Iterable[Learnt], expected: Expected) -> list[Learnt]:
    """Those to expect: all that listened longer than a moment, or still do. Left out are ephemeral
    ports that need no block, a reach that is not known, and hidden owners: of an ephemeral port,
    whose block would fit every program, and where another life of the port shows the owner."""
    found = [each for each in every if _is_lasting(each, expected)]
    known = {_place(each) for each in found if not each.seen.hidden}
    return [each for each in found if not each.seen.hidden or _is_needed(each, known)]


def lacking(
    learnt: Sequence[Learnt], expected: Expected, accepted: Accepted = NOBODY
) -> list[tuple[Learnt, Judgement]]:
    """Those of the learnt identities that neither the file nor anybody expects, with the
    verdict."""
    judged = ((each, judge_with(each.seen, expected, accepted)) for each in learnt)
    return [(each, found) for each, found in judged if found.verdict is not Verdict.EXPECTED]


def needless(every: Sequence[Learnt], expected: Expected) -> list[Block]:
    """The blocks of the file that no identity of the history has needed."""
    seen = [each.seen for each in every]
    return [
        block
        for block in expected.blocks
        if not any(
            block.holds(each) is not False and block.admits(each) is not False
            for each in covered(block, seen, expected)
        )
    ]


def _is_needed(learnt: Learnt, known: set[tuple[object, ...]]) -> bool:
    """Tell that a block without owner is the only way to expect it."""
    has_place = learnt.identity.port is not None and _place(learnt) not in known
    return has_place and learnt.is_open


def _is_lasting(learnt: Learnt, expected: Expected) -> bool:
    if learnt.identity.reach is Exposure.UNKNOWN:
        return False
    is_brief = learnt.longest < expected.defaults.hold and not learnt.is_open
    # A program that listens for a moment on one port may listen for longer on the next one.
    if is_brief and (learnt.identity.port is not None or learnt.openings < _OFTEN):
        return False
    needs_no_block = replace(expected, blocks=())
    return judge(learnt.seen, needs_no_block).verdict is not Verdict.EXPECTED


def _place(learnt: Learnt) -> tuple[object, ...]:
    return learnt.identity[:2]


def _sum(one: Learnt, other: Learnt) -> Learnt:
    return replace(
        one,
        openings=one.openings + other.openings,
        longest=max(one.longest, other.longest),
        last=max(one.last, other.last),
        is_open=one.is_open or other.is_open,
    )
