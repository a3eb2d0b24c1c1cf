"""The listening sockets of every other network namespace that a process lives in."""

import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from porteye_core.errors import SourceError
from porteye_core.model import Socket
from porteye_core.sources.diag.sock_diag import SockDiag

# Seconds for one round of scans. One takes half a millisecond, so that 500 namespaces fit; of more
# the next round goes on where this one ended, and what is left out is told.
BUDGET = 0.25
# Files that hold a namespace without a process: `ip netns` and container runtimes mount them.
_MOUNTED = b" nsfs "


class Others(NamedTuple):
    """One round: the sockets of the namespaces that were scanned, and those that live."""

    sockets: tuple[Socket, ...]
    scanned: frozenset[int]
    living: frozenset[int]


class Namespaces:
    """Dumps of the other namespaces; each is known by its inode and entered through a path."""

    def __init__(
        self, proc: Path = Path("/proc"), clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._proc = proc
        self._clock = clock
        self._own = (proc / "self/ns/net").stat().st_ino
        self._sources: dict[int, SockDiag] = {}
        self._next = 0  # the namespace at which the next round begins

    def read(self) -> Others:
        """Every listening socket of the other namespaces, as far as the time for it goes.

        A namespace that cannot be read, because its last process has just ended or moved, counts as
        not scanned. Raises SourceError.
        """
        living = self._living()
        self._sources = {
            number: self._sources.get(number) or SockDiag(path) for number, path in living.items()
        }
        until = self._clock() + BUDGET
        sockets: list[Socket] = []
        scanned: set[int] = set()
        for turn, number in enumerate(self._turns(living)):
            if turn and self._clock() > until:
                self._next = number
                break
            found = self._scan(number, living[number])
            if found is not None:
                sockets += found
                scanned.add(number)
        return Others(tuple(sockets), frozenset(scanned), frozenset(living))

    def _turns(self, living: dict[int, Path]) -> list[int]:
        order = sorted(living)
        first = next((at for at, number in enumerate(order) if number >= self._next), 0)
        return order[first:] + order[:first]

    def _scan(self, number: int, path: Path) -> tuple[Socket, ...] | None:
        source = self._sources[number]
        source.enter_through(path)
        sockets = None
        with suppress(SourceError):
            sockets = source.read(count_clients=True)
        source.close()  # an open netlink socket would keep the namespace alive
        # The process whose path this is may have moved to another namespace meanwhile.
        return sockets if source.netns == number else None

    def _living(self) -> dict[int, Path]:
        living: dict[int, Path] = {}
        for path in self._paths():
            with suppress(OSError):  # it has ended meanwhile
                number = os.stat(path).st_ino  # noqa: PTH116 - ten times faster for 500 processes
                if number != self._own and number not in living:
                    living[number] = Path(path)
        return living

    def _paths(self) -> Iterator[str]:
        try:
            names = os.listdir(self._proc)  # noqa: PTH208 - as above
            mounts = (self._proc / "self/mountinfo").read_bytes()
        except OSError as err:
            raise SourceError(f"The processes cannot be listed: {err.strerror}.") from err
        yield from (f"{self._proc}/{name}/ns/net" for name in names if name.isdecimal())
        for line in mounts.splitlines() if _MOUNTED in mounts else ():
            fields = line.split(b" ")  # proc(5): the root of the mount, then where it is mounted
            if _MOUNTED in line and fields[3].startswith(b"net:"):
                yield os.fsdecode(re.sub(rb"\\([0-7]{3})", _unescaped, fields[4]))


def _unescaped(octal: re.Match[bytes]) -> bytes:
    return bytes((int(octal[1], 8),))
