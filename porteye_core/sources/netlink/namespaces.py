"""The listening sockets of every other network namespace that a process lives in."""

import itertools
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from porteye_core.errors import SourceError
from porteye_core.model import Socket
from porteye_core.sources.netlink.crowd import joined
from porteye_core.sources.netlink.namespace import away, enter, owner
from porteye_core.sources.netlink.sock_diag import SockDiag

# Seconds of one round for the namespaces of root, and for those that other users make. A scan takes
# a third of a millisecond, and up to a hundred times that while others keep the processors busy.
# The next round goes on where this one ended, and the longest wait is stored with each tick.
ROOTS_TIME, OTHERS_TIME = 1.0, 0.25
_ROOT = 0
# Files that hold a namespace without a process: `ip netns` and container runtimes mount them.
_MOUNTED = b" nsfs "


class Others(NamedTuple):
    """One round: the sockets of the namespaces that were scanned, and those that live.

    unscanned: seconds since the latest scan of the living namespace that was scanned longest ago,
    or since it was found if it never was; 0 if this round scanned all.
    """

    sockets: Sequence[Socket]
    scanned: frozenset[int]
    living: frozenset[int]
    unscanned: float = 0.0


@dataclass(slots=True)
class _Known:
    """A living namespace: a path to it, the user who owns it, and its latest scan.

    scanned_at, tried_at: by the steady clock; of one without a scan the time at which it was found;
    may_listen: it had sockets then, or was never scanned.
    """

    path: Path
    owner: int | None
    scanned_at: float
    tried_at: float
    may_listen: bool = True

    def urgency(self, now: float) -> float:
        """The seconds since its turn, twice as many where something may listen."""
        return (now - self.tried_at) * (2 if self.may_listen else 1)


_Numbered = tuple[int, _Known]


class Namespaces:
    """Dumps of the other namespaces; each is known by its inode and entered through a path."""

    def __init__(
        self, proc: Path = Path("/proc"), clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._proc = proc
        self._clock = clock
        self._own = (proc / "self/ns/net").stat().st_ino
        self._known: dict[int, _Known] = {}

    def read(self) -> Others:
        """Every listening socket of the other namespaces, as far as the time for it goes.

        A namespace that cannot be read, because its last process has just ended or moved, counts as
        not scanned. Raises SourceError.
        """
        self._find()
        found = away(self._scan_all)
        now = self._clock()
        unscanned = (now - each.scanned_at for at, each in self._known.items() if at not in found)
        return Others(
            joined(tuple(found.values())),
            frozenset(found),
            frozenset(self._known),
            max(unscanned, default=0.0),
        )

    def _find(self) -> None:
        """Find the namespaces that live now."""
        living = self._living()
        known, now = self._known, self._clock()
        self._known = {}
        for netns, path in living.items():
            at = known.get(netns) or _Known(path, None, now, now)
            at.path = path  # the process whose path was used before may have ended
            if at.owner is None:
                at.owner = owner(path, netns)
            self._known[netns] = at

    def _scan_all(self) -> dict[int, Sequence[Socket]]:
        """The sockets by namespace; root has the first turns, and the others one after another."""
        now = self._clock()
        owned: dict[int | None, list[_Numbered]] = {}
        for item in sorted(self._known.items(), key=lambda item: -item[1].urgency(now)):
            owned.setdefault(item[1].owner, []).append(item)
        roots = owned.pop(_ROOT, [])
        return {
            **self._scan(roots, ROOTS_TIME),
            **self._scan(_in_turns(owned.values()), OTHERS_TIME),
        }

    def _scan(self, these: Iterable[_Numbered], seconds: float) -> dict[int, Sequence[Socket]]:
        """The sockets of these namespaces, one of them at least, until the time is over."""
        found: dict[int, Sequence[Socket]] = {}
        until = self._clock() + seconds
        for netns, each in these:
            sockets = _scan(netns, each.path)
            each.tried_at = self._clock()
            if sockets is not None:
                found[netns] = sockets
                each.scanned_at, each.may_listen = each.tried_at, bool(sockets)
            if each.tried_at > until:
                break
        return found

    def _living(self) -> dict[int, Path]:
        living: dict[int, Path] = {}
        for path in self._paths():
            with suppress(OSError):  # it has ended meanwhile
                netns = os.stat(path).st_ino  # noqa: PTH116 - ten times faster for 500 processes
                if netns != self._own and netns not in living:
                    living[netns] = Path(path)
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


def _in_turns(owned: Iterable[list[_Numbered]]) -> Iterator[_Numbered]:
    """One namespace of each owner, then the next of each; who had a turn latest is last."""
    owners = sorted(owned, key=lambda theirs: max(each.tried_at for _, each in theirs))
    for turn in itertools.zip_longest(*owners):
        yield from filter(None, turn)


def _scan(netns: int, path: Path) -> Sequence[Socket] | None:
    """The sockets of the namespace at a path, None unless it is the one of this number."""
    source = SockDiag()
    try:
        enter(path)
        sockets = source.read(count_clients=True)
    except SourceError:
        return None
    finally:
        source.close()  # an open netlink socket would keep the namespace alive
    # The process whose path this is may have moved to another namespace meanwhile.
    return sockets if source.netns == netns else None


def _unescaped(octal: re.Match[bytes]) -> bytes:
    return bytes((int(octal[1], 8),))
