"""Blocks of expected ports, and the listeners that they fit; pure."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from fnmatch import fnmatchcase
from pathlib import Path

from porteye_core import host_patterns
from porteye_core.host_patterns import Patterns
from porteye_core.judging.seen import Seen, is_within
from porteye_core.model import Protocol
from porteye_core.reach import Exposure

SECOND = 1_000_000
OWNER_KEYS = ("unit", "container", "program", "user")


class Ephemeral(StrEnum):
    """The ephemeral ports that are expected without a block."""

    IGNORE_LOOPBACK = "ignore-loopback"  # those that this machine alone reaches
    TELL = "tell"  # none
    IGNORE = "ignore"  # all


@dataclass(frozen=True, slots=True)
class Defaults:
    """Settings of all blocks; times in microseconds."""

    hold: int = 30 * SECOND
    missing: int = 120 * SECOND
    ephemeral: Ephemeral = Ephemeral.IGNORE_LOOPBACK


@dataclass(frozen=True, slots=True)
class Block:
    """Listeners that are expected: shell patterns of the owner, None for any; ports: inclusive
    ranges. takes_ephemeral: every ephemeral port, too. hosts: where it counts, on every host if
    there is none. line: the line of the file."""

    ports: tuple[tuple[int, int], ...]
    takes_ephemeral: bool = False
    protocol: Protocol = Protocol.TCP
    reach: Exposure = Exposure.MACHINE
    unit: str | None = None
    container: str | None = None
    program: str | None = None
    user: str | None = None
    always: bool = False
    label: str = ""
    note: str = ""
    link: str = ""
    line: int = 0
    hosts: Patterns = ()

    def names(self, protocol: Protocol, port: int) -> bool:
        """Tell that it has this port by number."""
        return protocol is self.protocol and any(low <= port <= high for low, high in self.ports)

    def holds(self, seen: Seen) -> bool | None:
        """Tell that the owner fits; None if that is not known."""
        found = [
            _fits(pattern, getattr(seen, name), is_known=not seen.hidden)
            for name in OWNER_KEYS
            if (pattern := getattr(self, name)) is not None
        ]
        return False if False in found else None if None in found else True

    def admits(self, seen: Seen) -> bool | None:
        """Tell that it may be reached as it is; None if that is not known."""
        return is_within(seen.exposure, self.reach)


@dataclass(frozen=True, slots=True)
class Expected:
    """A file of expected ports, or what of it counts on a host; local_ports: the first and the last
    ephemeral port of this machine."""

    file: Path
    defaults: Defaults = Defaults()
    blocks: tuple[Block, ...] = ()
    local_ports: tuple[int, int] = (32768, 60999)

    def on(self, host: str) -> "Expected":
        """The part of it that counts on the host of this name, as if no other block were there."""
        counting = tuple(each for each in self.blocks if host_patterns.matches(each.hosts, host))
        return self if len(counting) == len(self.blocks) else replace(self, blocks=counting)

    def is_ephemeral(self, protocol: Protocol, port: int) -> bool:
        """Tell that a port is ephemeral: the kernel gives it away, and no block names it."""
        first, last = self.local_ports
        return first <= port <= last and not any(
            block.names(protocol, port) for block in self.blocks
        )

    def covering(self, seen: Seen) -> list[Block]:
        """The blocks that have the port and protocol of a listener."""
        is_ephemeral = self.is_ephemeral(seen.protocol, seen.port)
        return [each for each in self.blocks if _covers(each, seen, is_ephemeral=is_ephemeral)]


def covered(block: Block, all_seen: Iterable[Seen], expected: Expected) -> list[Seen]:
    """Those of the listeners whose port and protocol a block has."""
    return [
        seen
        for seen in all_seen
        if _covers(block, seen, is_ephemeral=expected.is_ephemeral(seen.protocol, seen.port))
    ]


def _covers(block: Block, seen: Seen, *, is_ephemeral: bool) -> bool:
    if is_ephemeral:
        return block.takes_ephemeral and block.protocol is seen.protocol
    return block.names(seen.protocol, seen.port)


def _fits(pattern: str, value: str, *, is_known: bool) -> bool | None:
    if pattern == "*":
        return True
    return fnmatchcase(value, pattern) if is_known else None
