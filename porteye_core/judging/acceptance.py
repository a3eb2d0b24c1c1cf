"""Identities that people accept: a second layer over the file of expected ports; pure."""

from collections.abc import Iterable
from typing import Self

from porteye_core.judging.blocks import Expected
from porteye_core.judging.seen import REACHES, Identity, Seen, is_within
from porteye_core.judging.verdicts import Judgement, Verdict, judge
from porteye_core.store.alerts import Note

ACCEPTED = "accepted"


class Accepted:
    """Identities that are accepted at a moment, by their keys."""

    def __init__(self, keys: Iterable[str] = ()) -> None:
        self.keys = frozenset(keys)

    @classmethod
    def of(cls, notes: Iterable[Note], now: int) -> Self:
        """The identities that notes accept now."""
        return cls(each.key for each in notes if each.accepts(now))

    def accepts(self, identity: Identity) -> bool:
        """Tell that an identity is accepted, or one that is reachable from further away.

        A wider reach and another owner are other identities, which nobody has accepted.
        """
        if not self.keys:
            return False
        return identity.key in self.keys or any(
            identity._replace(reach=reach).key in self.keys
            for reach in REACHES
            if is_within(identity.reach, reach)
        )


NOBODY = Accepted()
"""Nothing is accepted."""


def judge_with(seen: Seen, expected: Expected, accepted: Accepted) -> Judgement:
    """The verdict on a listener, which is expected if people accept its identity."""
    is_ephemeral = expected.is_ephemeral(seen.protocol, seen.port)
    return after(judge(seen, expected), seen.identity(is_ephemeral=is_ephemeral), accepted)


def after(found: Judgement, identity: Identity, accepted: Accepted) -> Judgement:
    """The verdict of the file on this identity, which is expected if people accept it."""
    if found.verdict is Verdict.EXPECTED or not accepted.accepts(identity):
        return found
    return Judgement(Verdict.EXPECTED, ACCEPTED, found.seen, found.block)
