"""Holders that were found, in one packed row for each socket: one user can have 100,000."""

import struct
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, replace

from porteye_core.model import AttributedSocket, Hidden, Process, ProcessKey, Socket
from porteye_core.owners.fd_holders import Descriptor, packed, unpacked
from porteye_core.shared_values import SharedValues

Known = int | tuple[object, ...]
"""The value that tells a socket from every other: the inode if the source knows it."""


def known_by(socket: Socket, started: int | None) -> Known:
    """The value of a socket, whose process started at this time."""
    if socket.inode is not None:
        return socket.inode
    return (socket.endpoint, socket.pid, socket.fd, started)


@dataclass(frozen=True, slots=True)
class Holding:
    """Holders of a socket, as far as they are known; sockets of one process share it."""

    holders: tuple[Process, ...]
    hidden: Hidden | None
    user: str
    uid: int | None
    netns: int | None

    @property
    def owner(self) -> Process | None:
        """The oldest holder, None if the holders are hidden."""
        return self.holders[0] if self.holders else None

    @property
    def pids(self) -> Iterator[int]:
        """The processes that hold the socket."""
        return (each.key.pid for each in self.holders)

    def owned(self, socket: Socket) -> AttributedSocket:
        """The socket with its owner and holders, without its descriptor if that is another's than
        the owner's."""
        owner = self.owner
        if owner is not None and socket.pid not in (None, owner.key.pid):
            socket = replace(socket, pid=owner.key.pid, fd=None)
        return AttributedSocket(socket, owner, self.holders, self.hidden, self.user)


@dataclass(slots=True)
class Found:
    """The holders of a socket, the descriptors that show them, and the scan that it was in."""

    holding: Holding
    packed: bytes = b""
    scan: int = 0

    @property
    def descriptors(self) -> list[Descriptor]:
        """The descriptors, the owner's first."""
        return unpacked(self.packed)

    def keep(self, descriptors: Sequence[Descriptor]) -> None:
        """Forget every holder but those of these descriptors."""
        pids = {each.pid for each in descriptors}
        holders = tuple(each for each in self.holding.holders if each.key.pid in pids)
        self.holding = replace(self.holding, holders=holders)
        self.packed = packed(descriptors)


_ROW = struct.Struct("=IB")  # index of the holding, scan; the descriptors follow
_INDEX, _SCAN_AT = struct.Struct("=I"), 4


class Remembered(MutableMapping[Known, Found]):
    """Mapping from a socket to what was found of it, in 150 bytes each.

    A holding is forgotten with the last socket that has it: one of a server whose workers are
    replaced at each tick has 100 processes that have ended, of 2 KB each.
    """

    def __init__(self) -> None:
        self._rows: dict[Known, bytes] = {}
        self._holdings: SharedValues[Holding] = SharedValues(id)

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[Known]:
        return iter(self._rows)

    def __contains__(self, at: object) -> bool:
        return at in self._rows

    def __getitem__(self, at: Known) -> Found:
        row = self._rows[at]
        index, scan = _ROW.unpack_from(row)
        return Found(self._holdings.values[index], row[_ROW.size :], scan)

    def __setitem__(self, at: Known, found: Found) -> None:
        before = self._rows.get(at)
        self._rows[at] = _ROW.pack(self._holdings.take(found.holding), found.scan) + found.packed
        if before is not None:
            self._holdings.release(*_INDEX.unpack_from(before))

    def __delitem__(self, at: Known) -> None:
        self._holdings.release(*_INDEX.unpack_from(self._rows.pop(at)))

    def see(self, at: Known, scan: int) -> Holding:
        """Note that a scan shows the socket."""
        row = self._rows[at]
        (index,) = _INDEX.unpack_from(row)
        if row[_SCAN_AT] != scan:
            self._rows[at] = _ROW.pack(index, scan) + row[_ROW.size :]
        holding: Holding = self._holdings.values[index]
        return holding

    def not_seen(self, scan: int) -> list[Known]:
        """The sockets that this scan did not show."""
        return [at for at, row in self._rows.items() if row[_SCAN_AT] != scan]

    def holdings(self) -> list[tuple[Holding, int]]:
        """Each holding, with the number of sockets that have it."""
        return [(holding, count) for _, holding, count in self._holdings.counted()]

    def where(self, condition: Callable[[Holding], bool]) -> list[Known]:
        """The sockets whose holding meets a condition, which is asked once for each holding."""
        indices = {
            _INDEX.pack(index) for index, each, _ in self._holdings.counted() if condition(each)
        }
        if not indices:
            return []
        return [at for at, row in self._rows.items() if row[:_SCAN_AT] in indices]

    def describe(self, changed: Mapping[ProcessKey, Process]) -> None:
        """Put in the newer descriptions of holders."""
        self._holdings.change(lambda each: _described(each, changed))


class Users(Mapping[int, int | None]):
    """The users of the sockets that were found, by inode."""

    def __init__(self, found: Mapping[Known, Found]) -> None:
        self._found = found

    def __getitem__(self, inode: int) -> int | None:
        return self._found[inode].holding.uid

    def __contains__(self, inode: object) -> bool:
        return inode in self._found

    def __iter__(self) -> Iterator[int]:
        return (each for each in self._found if isinstance(each, int))

    def __len__(self) -> int:
        return len(self._found)


def _described(holding: Holding, changed: Mapping[ProcessKey, Process]) -> Holding:
    """The same with the newer descriptions of its holders, itself if none of them has one."""
    if not any(holder.key in changed for holder in holding.holders):
        return holding
    return replace(holding, holders=tuple(changed.get(each.key, each) for each in holding.holders))
