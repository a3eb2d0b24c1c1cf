"""A judge, who remembers each verdict: a machine has many listeners of few programs."""

from functools import cache
from pathlib import Path
from typing import NamedTuple

from porteye_core.judging.acceptance import ACCEPTED, Accepted, after
from porteye_core.judging.blocks import Block, Expected
from porteye_core.judging.note_words import Words
from porteye_core.judging.seen import Identity, Seen
from porteye_core.judging.verdicts import Judgement, judge
from porteye_core.store.reading import PastUse
from porteye_core.system.local_ports import ephemeral_ports

_MOST = 20_000  # a busy history has as many ephemeral ports as there are numbers


class Judged(NamedTuple):
    """The verdict on a listener, and its identity."""

    judgement: Judgement
    identity: Identity

    @property
    def is_accepted(self) -> bool:
        """Tell that it is expected because people accept it."""
        return self.judgement.why == ACCEPTED

    def after(self, accepted: Accepted) -> "Judged":
        """The same, which is expected if people accept its identity."""
        found = after(self.judgement, self.identity, accepted)
        return self if found is self.judgement else self._replace(judgement=found)

    def words(self, note: Words | None) -> Words:
        """The words of a note on its identity, else those of its block."""
        return self.judgement.words(note)


class Judge:
    """Judges listeners by one file of expected ports.

    A verdict among a thousand blocks takes 0.5 ms, and one that is remembered a thousandth of it.
    """

    def __init__(self, expected: Expected) -> None:
        self.expected = expected
        self._found: dict[PastUse, Judged] = {}

    def judged(self, use: PastUse) -> Judged:
        """The verdict on the listener of a use; its openings and times do not count."""
        found = self._found.get(use)
        if found is None:
            if len(self._found) >= _MOST:
                self._found.clear()
            found = self._found[use] = self.of(Seen.of_past(use))
        return found

    def of(self, seen: Seen) -> Judged:
        """The verdict on a listener, not remembered."""
        is_ephemeral = self.expected.is_ephemeral(seen.protocol, seen.port)
        return Judged(judge(seen, self.expected), seen.identity(is_ephemeral=is_ephemeral))


class Judges:
    """The judges of many hosts by one file: hosts for which the same blocks count have one."""

    def __init__(self, expected: Expected) -> None:
        self.expected = expected
        self._of_host: dict[str, Judge] = {}
        self._of_blocks: dict[tuple[Block, ...], Judge] = {}

    def on(self, host: str) -> Judge:
        """The judge of the host of this name."""
        found = self._of_host.get(host)
        if found is None:
            counting = self.expected.on(host)
            found = self._of_blocks.setdefault(counting.blocks, Judge(counting))
            self._of_host[host] = found
        return found


@cache
def without_file() -> Judge:
    """A judge who only knows identities."""
    return judges_without_file().on("")


@cache
def judges_without_file() -> Judges:
    """The same of many hosts."""
    return Judges(Expected(Path(), local_ports=ephemeral_ports()))
