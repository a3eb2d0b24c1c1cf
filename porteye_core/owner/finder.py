"""From sockets to their owners; only a socket that the scan before did not have is searched."""

import itertools
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from porteye_core.model import (
    Hidden,
    Listener,
    Owned,
    Place,
    Process,
    ProcessKey,
    Socket,
)
from porteye_core.owner.descriptions import Descriptions
from porteye_core.owner.descriptors import (
    Deadline,
    Descriptor,
    SharedHolders,
    Walk,
    holds,
    pids,
)
from porteye_core.owner.naming import Naming
from porteye_core.owner.processes import Processes
from porteye_core.owner.search import Held, OwnerSearch

# An owner that could not be found is searched again after so many beats, and then ever more rarely:
# a search walks over every process, and a socket of the kernel's never has an owner.
_FIRST_RETRY, _RAREST_RETRY = 6, 360

# Seconds that the search for newer holders may take in each beat; what is left goes on in the next.
_SEARCH_NEWBORN = 0.25

# Seconds for which an owner is checked at every scan: daemons fork, and servers give up rights,
# shortly after they listen. An older one is checked at a beat, of many at every second.
_YOUNG = 15.0
_FEW = 128  # sockets whose owners are all checked at each beat

# Holders of one listener that are kept: a server of more has workers that are all alike.
_MOST_HOLDERS = 256

_Known = tuple[object, ...]


@dataclass(slots=True)
class _Found:
    """A socket with its owner, the links that show its holders, and the end of its youth."""

    owned: Owned
    descriptors: tuple[Descriptor, ...] = ()
    young_until: float = 0.0

    def keep(self, descriptors: Sequence[Descriptor]) -> None:
        """Forget every holder but those of these descriptors."""
        pids = {each.pid for each in descriptors}
        holders = tuple(each for each in self.owned.holders if each.key.pid in pids)
        self.owned = replace(self.owned, holders=holders)
        self.descriptors = tuple(descriptors)


class OwnerFinder:
    """Finds owners, and remembers those of the sockets in the latest scan."""

    def __init__(
        self,
        reader: Processes,
        *,
        privileged: bool,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._reader = reader
        self._privileged = privileged
        self._clock = clock
        self._found: dict[_Known, _Found] = {}
        self._descriptions = Descriptions(reader, clock)
        # The processes of one turn: thousands of sockets can have the same holders.
        self._turn: dict[int, Process | None] = {}
        self._waiting: set[int] = set()  # inodes for which the next scan walks
        self._has_found = False  # what the first scan shows is of any age
        self._young: set[_Known] = set()
        self._walk: Walk | None = None
        self._newborn: Walk | None = None
        self._living: set[int] = set()
        self._beats = 0
        self._patience, self._retry_at = _FIRST_RETRY, _FIRST_RETRY
        self._ownerless: set[_Known] = set()
        self._shared = SharedHolders(warns=True)
        self._recalled: dict[int, Socket] = {}  # by inode

    @property
    def is_searching(self) -> bool:
        """Tell that sockets of the latest scan are still searched for: another scan goes on."""
        return self._walk is not None or bool(self._waiting)

    def recall(self, listeners: Iterable[Listener]) -> None:
        """Let the next search find the holders of listeners that were open before.

        No scan shows those whose namespace cannot be entered any more: only a holder tells that
        they are there.
        """
        self._recalled = {
            each.inode: Socket(each.endpoint, each.inode)
            for each in listeners
            if each.inode is not None
        }

    def own(
        self,
        sockets: Sequence[Socket],
        hints: Mapping[Place, int] | None = None,
        scanned: frozenset[int] | None = None,
    ) -> tuple[Owned, ...]:
        """The sockets with their owners and holders, in the same order.

        hints: by endpoint, the process that the kernel named when a socket was opened there.
        scanned: the namespaces whose sockets these are; those of others stay remembered, None if
        these are all. A process that ends while it is read leaves its socket with a reason in
        `hidden`; a socket without an owner and a reason is still searched for.
        """
        self._turn = {}
        started = {pid: self._reader.started_at(pid) for pid in {s.pid for s in sockets} if pid}
        keys = [_identity(each, started.get(each.pid) if each.pid else None) for each in sockets]
        new = [each for each, at in zip(sockets, keys, strict=True) if at not in self._found]
        lost = self._lost(scanned)
        search = OwnerSearch(sockets, hints or {})
        by_inode: Held = {}
        if new or lost or self._walk:
            self._count_shared()
            by_inode, self._walk = search.by_inode([*new, *lost], self._walk, self._waiting)
        self._waiting = search.postponed
        found: dict[_Known, _Found] = {}
        owned = []
        for socket, at in zip(sockets, keys, strict=True):
            known = self._found.get(at)
            if known is None:
                if socket.inode is not None:
                    known = self._held(socket, by_inode.get(socket.inode))
                elif socket.pid is None:
                    known = self._held(socket, [])
                elif started.get(socket.pid) is None:
                    known = _Found(Owned(socket, hidden=Hidden.GONE))
                else:
                    known = self._held(socket, search.by_endpoint(socket))
            if known.owned.socket != socket:
                known.owned = replace(known.owned, socket=_of_owner(socket, known.owned))
            if known.owned.holders or known.owned.hidden is not None:
                found[at] = known
            owned.append(known.owned)
        found |= self._recall_found(lost, by_inode)
        if scanned is not None:
            found |= {
                at: each
                for at, each in self._found.items()
                if at not in found and each.owned.socket.endpoint.netns not in scanned
            }
        self._remember(found)
        return tuple(owned)

    def _lost(self, scanned: frozenset[int] | None) -> list[Socket]:
        """The recalled sockets that are in none of the namespaces that were scanned."""
        self._recalled = {
            inode: each
            for inode, each in self._recalled.items()
            if scanned is not None and each.endpoint.netns not in scanned
        }
        return list(self._recalled.values())

    def _recall_found(self, lost: Iterable[Socket], by_inode: Held) -> dict[_Known, _Found]:
        """The recalled sockets that a process holds; recalls no more those that were searched."""
        found = {}
        for socket in lost:
            held = None if socket.inode is None else by_inode.get(socket.inode)
            if socket.inode is not None and held is not None:
                del self._recalled[socket.inode]
                if held:
                    found[_identity(socket, None)] = self._held(socket, held)
        return found

    def _remember(self, found: dict[_Known, _Found]) -> None:
        self._young = {at for at in self._young if at in found}
        self._young |= {at for at in found if at not in self._found and found[at].young_until}
        self._found, self._has_found = found, True
        ownerless = {at for at, each in found.items() if not each.owned.holders}
        if ownerless - self._ownerless:
            self._patience, self._retry_at = _FIRST_RETRY, self._beats + _FIRST_RETRY
        self._ownerless = ownerless

    def naming(self) -> Naming:
        """A way to find the processes that the kernel's notices name; one for each reading."""
        return Naming(self._descriptions)

    def may_hold(self, listener: Listener) -> bool:
        """Tell that a process which had a listener can have it still.

        Its descriptor is there, or is still searched for; of a listener without numbers the process
        is there.
        """
        if listener.inode in self._recalled:
            return True
        if listener.inode is not None:
            known = self._found.get((listener.inode,))
            return known is not None and any(holds(d, listener.inode) for d in known.descriptors)
        owner = listener.owner
        return owner is not None and self._reader.started_at(owner.pid) == owner.started_at

    def check_young(self) -> bool:
        """Check the owners of what opened lately; returns true if the next scan differs for it.

        Forgets those that hold their socket no more, so that they are searched anew.
        """
        now = self._clock()
        self._young = {at for at in self._young if self._found[at].young_until > now}
        return self._check(self._young)

    def refresh(self) -> None:
        """Check all owners, at a beat: the next scan searches anew what may have changed.

        A child inherits what its parent holds, a socket may outlive its owner in another process,
        and a descriptor that is passed over a Unix socket changes hands without a birth or an end.
        """
        self._turn = {}
        self._beats += 1
        if sys.platform == "linux":
            self._search_anew()
        else:
            self._check(self._due())
        self._descriptions.keep(
            {holder.key for each in self._found.values() for holder in each.owned.holders}
        )

    def _search_anew(self) -> None:
        """Forget the owners that the next scan has to search, and add holders that are new."""
        again = self._beats >= self._retry_at
        if again:
            self._patience = min(self._patience * _FIRST_RETRY, _RAREST_RETRY)
            self._retry_at = self._beats + self._patience
        self._check(self._due())
        living = set(pids())
        for at, each in list(self._found.items()):
            holders = each.owned.holders
            if (again and not holders) or (holders and holders[0].key.pid not in living):
                self._forget(at)
            elif any(holder.key.pid not in living for holder in holders):
                each.keep([d for d in each.descriptors if d.pid in living])
        self._add_newborn(living)

    def _due(self) -> list[_Known]:
        """The sockets whose owners are checked at this beat: of many those of half of the owners,
        for a glance at 1,000 costs 20 ms."""
        if len(self._found) <= _FEW:
            return list(self._found)
        return [
            at
            for at, each in self._found.items()
            if each.owned.owner and (each.owned.owner.key.pid + self._beats) % 2 == 0
        ]

    def _add_newborn(self, living: set[int]) -> None:
        """Add the holders that were born since the beat before: workers of pre-fork servers."""
        self._count_shared()
        born, self._living = living - (self._living or living), living
        if self._newborn is None and born:
            # Also those that are holders of a socket which opened after their birth.
            sockets = [each.owned.socket for each in self._found.values()]
            wanted = {each.inode: each.uid for each in sockets if each.inode is not None}
            self._newborn = Walk(wanted, among=born) if wanted else None
        elif self._newborn:
            self._living -= born  # their turn comes once those before are done
        if self._newborn is None:
            return
        self._newborn.advance(Deadline(_SEARCH_NEWBORN))
        for inode, descriptors in self._newborn.found.items():
            known = self._found.get((inode,))
            if known is not None:
                self._add(known, descriptors)
        self._newborn.found.clear()
        if self._newborn.is_done:
            self._newborn = None

    def _count_shared(self) -> None:
        """Count the holders that are kept beside the owners, as they are now."""
        self._shared.count(
            (each.owned.socket.uid, len(each.descriptors) - 1) for each in self._found.values()
        )

    def _add(self, known: _Found, descriptors: Iterable[Descriptor]) -> None:
        room = self._shared.room(known.owned.socket.uid, _MOST_HOLDERS - len(known.descriptors))
        pids = {each.key.pid for each in known.owned.holders}
        kept = itertools.islice((each for each in descriptors if each.pid not in pids), room)
        found = [(each, self._describe(each.pid)) for each in kept]
        holders = tuple(process for _, process in found if process)
        if holders and known.owned.owner:
            known.owned = replace(known.owned, holders=(*known.owned.holders, *holders))
            known.descriptors += tuple(each for each, process in found if process)
            self._shared.add(known.owned.socket.uid, len(holders))

    def _check(self, these: Iterable[_Known]) -> bool:
        """Forget owners that have let go, and describe holders anew that have changed."""
        at_work: dict[int, Process] = {}  # by identity: listeners share their holders
        stale = []
        released = False
        for at in these:
            known = self._found[at]
            inode = known.owned.socket.inode
            if inode is not None and known.descriptors:
                held = [each for each in known.descriptors if holds(each, inode)]
                if held[:1] != list(known.descriptors[:1]):  # the owner's is first
                    stale.append(at)
                    continue
                if len(held) < len(known.descriptors):
                    known.keep(held)
                    released = True
            at_work |= {id(holder): holder for holder in known.owned.holders}
        for at in stale:
            self._forget(at)
        changed = self._descriptions.changed(at_work.values())
        if changed:
            for each in self._found.values():
                each.owned = _described(each.owned, changed)
        return bool(stale or changed or released)

    def _forget(self, at: _Known) -> None:
        del self._found[at]
        self._young.discard(at)

    def _describe(self, pid: int) -> Process | None:
        if pid not in self._turn:
            self._turn[pid] = self._descriptions.of(pid)
        return self._turn[pid]

    def _held(self, socket: Socket, by: Sequence[Descriptor] | None) -> _Found:
        """The owner of a socket that these processes hold; None: it is still searched for."""
        user = "" if socket.uid is None else self._reader.user_name(socket.uid)
        if by is None:
            return _Found(Owned(socket, user=user))
        kept = tuple(by[: 1 + self._shared.room(socket.uid, _MOST_HOLDERS - 1)])
        self._shared.add(socket.uid, len(kept) - 1)
        holders = tuple(filter(None, (self._describe(each.pid) for each in kept)))
        if holders:
            owned = Owned(socket, holders[0], holders, user=user)
            return _Found(owned, kept, self._clock() + _YOUNG if self._has_found else 0.0)
        nobody = Hidden.KERNEL if self._privileged else Hidden.PRIVILEGE
        return _Found(Owned(socket, hidden=Hidden.GONE if kept else nobody, user=user))


def _identity(socket: Socket, started: int | None) -> _Known:
    """The values that tell a socket from every other: the inode if the source knows it."""
    if socket.inode is not None:
        return (socket.inode,)
    return (socket.endpoint, socket.pid, socket.fd, started)


def _of_owner(socket: Socket, known: Owned) -> Socket:
    """The socket without its descriptor if that is another holder's than the owner's."""
    if known.owner is None or socket.pid in (None, known.owner.key.pid):
        return socket
    return replace(socket, pid=known.owner.key.pid, fd=None)


def _described(owned: Owned, changed: Mapping[ProcessKey, Process]) -> Owned:
    """The same with the newer descriptions of its holders, itself if none of them has one."""
    if not any(holder.key in changed for holder in owned.holders):
        return owned
    holders = tuple(changed.get(each.key, each) for each in owned.holders)
    return replace(
        owned, owner=owned.owner and changed.get(owned.owner.key, owned.owner), holders=holders
    )
