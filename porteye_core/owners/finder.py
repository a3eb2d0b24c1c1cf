"""From sockets to their owners; only a socket that the scan before did not have is searched."""

import itertools
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from porteye_core.model import AttributedSocket, Hidden, Listener, Process, Socket, SocketAddress
from porteye_core.owners.descriptions import Descriptions
from porteye_core.owners.fd_holders import (
    Deadline,
    Descriptor,
    SharedHolders,
    Walk,
    holds,
    packed,
    pids,
    unpacked,
)
from porteye_core.owners.naming import Naming
from porteye_core.owners.processes import Processes
from porteye_core.owners.remembered import Found, Holding, Known, Remembered, Users, known_by
from porteye_core.owners.search import Held, OwnerSearch

# An owner that could not be found is searched again after so many ticks, and then ever more rarely:
# a search walks over every process, and a socket of the kernel's never has an owner.
_FIRST_RETRY, _RAREST_RETRY = 6, 360

# Seconds that the search for newer holders may take in each tick; what is left goes on in the next.
_SEARCH_NEWBORN = 0.25

# Seconds for which an owner is checked at every scan: daemons fork, and servers give up rights,
# shortly after they listen. An older one is checked at a tick, of many at every second.
_YOUNG = 15.0
_MAX_YOUNG = 1024  # one user can open 100,000 at once: the rest is checked at ticks
_FEW = 128  # sockets whose owners are all checked at each tick

# Holders of one listener that are kept: a server of more has workers that are all alike.
_MAX_HOLDERS = 256


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
        self._found = Remembered()
        self._descriptions = Descriptions(reader, clock)
        # The processes of one turn: thousands of sockets can have the same holders.
        self._turn: dict[int, Process | None] = {}
        self._waiting: set[int] = set()  # inodes for which the next scan walks
        self._has_found = False  # what the first scan shows is of any age
        self._young: dict[Known, float] = {}  # until when
        self._young_until = 0.0  # for what is found now
        self._walk: Walk | None = None
        self._newborn: Walk | None = None
        self._living: set[int] = set()
        self._beats = 0
        self._patience, self._retry_at = _FIRST_RETRY, _FIRST_RETRY
        self._ownerless: set[Known] = set()
        self._shared = SharedHolders(warns=True)
        self._recalling: Iterable[Listener] = ()
        self._recalled: dict[int, Socket] = {}  # by inode
        self._scan = 0
        self._scanned: frozenset[int] | None = None
        self._postponed: set[int] = set()
        self._lost: list[Socket] = []
        self._ahead: Held = {}  # holders of sockets that are in another part of the scan
        self._left_over: frozenset[int] = frozenset()  # in a part that had passed
        self._holdings: dict[tuple[object, ...], Holding] = {}
        self._users: dict[int, str] = {}

    @property
    def is_searching(self) -> bool:
        """Tell that sockets of the latest scan are still searched for: another scan goes on."""
        return self._walk is not None or bool(self._waiting or self._ahead)

    def recall(self, listeners: Iterable[Listener]) -> None:
        """Let the next search find the holders of listeners that were open before.

        No scan shows those whose namespace cannot be entered any more: only a holder tells that
        they are there. The listeners are read when the scan begins.
        """
        self._recalling = listeners

    def own(
        self,
        sockets: Sequence[Socket],
        hints: Mapping[SocketAddress, int] | None = None,
        scanned: frozenset[int] | None = None,
    ) -> tuple[AttributedSocket, ...]:
        """The sockets of one scan with their owners; see begin() and own_part()."""
        self.begin(scanned)
        owned = self.own_part(sockets, hints)
        self.end()
        return owned

    def begin(self, scanned: frozenset[int] | None = None) -> None:
        """Begin with the sockets of another scan; one that was not ended goes on being known.

        scanned: the namespaces whose sockets these are; those of others stay remembered, None if
        these are all.
        """
        self._turn, self._holdings, self._users = {}, {}, {}
        self._scan = (self._scan + 1) % 256
        self._scanned = scanned
        self._postponed = set()
        self._recalled |= {
            each.inode: Socket(each.endpoint, each.inode)
            for each in (self._recalling if scanned is not None else ())
            if each.inode is not None and each.endpoint.netns not in scanned  # type: ignore[operator]
        }
        self._recalling = ()
        for inode, each in list(self._recalled.items()):
            if scanned is None or each.endpoint.netns in scanned:
                del self._recalled[inode]
        self._lost = list(self._recalled.values())
        self._count_shared()

    def own_part(
        self,
        sockets: Sequence[Socket],
        hints: Mapping[SocketAddress, int] | None = None,
        upcoming: Iterable[Socket] = (),
    ) -> tuple[AttributedSocket, ...]:
        """Sockets of the scan with their owners and holders, in the same order.

        hints: by endpoint, the process that the kernel named when a socket was opened there.
        upcoming: sockets of later parts. A process that ends while it is read leaves its socket
        with a reason in `hidden`; a socket without an owner and a reason is still searched for.
        """
        self._young_until = self._clock() + _YOUNG
        started = {pid: self._reader.started_at(pid) for pid in {s.pid for s in sockets} if pid}
        keys = [known_by(each, started.get(each.pid) if each.pid else None) for each in sockets]
        new = [
            each
            for each, at in zip(sockets, keys, strict=True)
            if at not in self._found and at not in self._ahead
        ]
        search = OwnerSearch(sockets, hints or {})
        if new or self._lost or self._walk:
            unknown = (each for each in upcoming if each.inode not in self._found)
            held, self._walk = search.by_inode(
                [*new, *self._lost], self._walk, self._waiting, unknown
            )
            for inode in [each for each in held if each in self._found]:  # found by user before
                self._found[inode] = self._added(self._found[inode], unpacked(held.pop(inode)))
            self._ahead |= held
            self._lost = []
        self._postponed |= search.postponed
        return tuple(
            self._owned(each, at, search, started) for each, at in zip(sockets, keys, strict=True)
        )

    def _owned(
        self,
        socket: Socket,
        at: Known,
        search: OwnerSearch,
        started: Mapping[int, int | None],
    ) -> AttributedSocket:
        if at not in self._found:
            if socket.inode is not None:
                held = self._ahead.pop(socket.inode, None)
                known = self._held(socket, at, None if held is None else unpacked(held))
            elif socket.pid is None:
                known = self._held(socket, at, [])
            elif started.get(socket.pid) is None:
                known = Found(self._holding(socket, (), Hidden.GONE, ""))
            else:
                known = self._held(socket, at, search.by_endpoint(socket))
            holding = known.holding
            if holding.holders or holding.hidden is not None:
                known.scan = self._scan
                self._found[at] = known
        else:
            holding = self._found.see(at, self._scan)
        return holding.owned(socket)

    def end(self) -> None:
        """End the scan, and forget the sockets that it does not show any more."""
        self._recall_found()
        scanned = self._scanned
        for at in self._found.not_seen(self._scan):
            if scanned is None or self._found[at].holding.netns in scanned:
                self._forget(at)
        self._has_found = True
        self._waiting = self._postponed
        # No scan has shown those that were left over by the one before.
        self._ahead = {
            inode: held for inode, held in self._ahead.items() if inode not in self._left_over
        }
        self._left_over = frozenset(self._ahead)
        ownerless = set(self._found.where(lambda each: not each.holders))
        if ownerless - self._ownerless:
            self._patience, self._retry_at = _FIRST_RETRY, self._beats + _FIRST_RETRY
        self._ownerless = ownerless
        self._holdings = {}

    def _recall_found(self) -> None:
        """Remember the recalled sockets that a process holds; recalls no more those that were
        searched."""
        for inode in self._recalled.keys() & self._ahead.keys():
            socket, held = self._recalled.pop(inode), self._ahead.pop(inode)
            if held:
                self._found[inode] = self._held(socket, inode, unpacked(held))
                self._found.see(inode, self._scan)

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
            known = self._found.get(listener.inode)
            return known is not None and any(holds(d, listener.inode) for d in known.descriptors)
        owner = listener.owner
        return owner is not None and self._reader.started_at(owner.pid) == owner.started_at

    def check_young(self) -> bool:
        """Check the owners of what opened lately; returns true if the next scan differs for it.

        Forgets those that hold their socket no more, so that they are searched anew.
        """
        now = self._clock()
        self._young = {at: until for at, until in self._young.items() if until > now}
        return self._check(list(self._young))

    def refresh(self) -> None:
        """Check all owners, at a tick: the next scan searches anew what may have changed.

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
            {holder.key for each, _ in self._found.holdings() for holder in each.holders}
        )

    def _search_anew(self) -> None:
        """Forget the owners that the next scan has to search, and add holders that are new."""
        again = self._beats >= self._retry_at
        if again:
            self._patience = min(self._patience * _FIRST_RETRY, _RAREST_RETRY)
            self._retry_at = self._beats + self._patience
        self._check(self._due())
        living = set(pids())

        def is_stale(holding: Holding) -> bool:
            return again if holding.owner is None else holding.owner.key.pid not in living

        for at in self._found.where(is_stale):
            self._forget(at)
        for at in self._found.where(
            lambda each: any(h.key.pid not in living for h in each.holders)
        ):
            each = self._found[at]
            each.keep([d for d in each.descriptors if d.pid in living])
            self._found[at] = each
        self._add_newborn(living)

    def _due(self) -> list[Known]:
        """The sockets whose owners are checked at this tick: of many those of half of the owners,
        for a glance at 1,000 costs 20 ms."""
        if len(self._found) <= _FEW:
            return list(self._found)
        return self._found.where(
            lambda each: each.owner is not None and (each.owner.key.pid + self._beats) % 2 == 0
        )

    def _add_newborn(self, living: set[int]) -> None:
        """Add the holders that were born since the tick before: workers of pre-fork servers."""
        self._count_shared()
        born, self._living = living - (self._living or living), living
        if self._newborn is None and born:
            # Also those that are holders of a socket which opened after their birth.
            wanted = Users(self._found)
            self._newborn = Walk(wanted, among=born) if any(wanted) else None
        elif self._newborn:
            self._living -= born  # their turn comes once those before are done
        if self._newborn is None:
            return
        self._newborn.advance(Deadline(_SEARCH_NEWBORN))
        for inode, descriptors in self._newborn.found.items():
            known = self._found.get(inode)
            if known is not None:
                self._found[inode] = self._added(known, unpacked(descriptors))
        self._newborn.found.clear()
        if self._newborn.is_done:
            self._newborn = None

    def _count_shared(self) -> None:
        """Count the holders that are kept beside the owners, as they are now."""
        self._shared.count(
            (each.uid, count * (len(each.holders) - 1)) for each, count in self._found.holdings()
        )

    def _added(self, known: Found, descriptors: Iterable[Descriptor]) -> Found:
        holding, before = known.holding, known.descriptors
        room = self._shared.room(holding.uid, _MAX_HOLDERS - len(before))
        pids = {each.key.pid for each in holding.holders}
        kept = itertools.islice((each for each in descriptors if each.pid not in pids), room)
        found = [(each, self._describe(each.pid)) for each in kept]
        holders = tuple(process for _, process in found if process)
        if holders and holding.owner:
            known.holding = replace(holding, holders=(*holding.holders, *holders))
            known.packed = packed([*before, *(each for each, process in found if process)])
            self._shared.add(holding.uid, len(holders))
        return known

    def _check(self, these: Iterable[Known]) -> bool:
        """Forget owners that have let go, and describe holders anew that have changed."""
        at_work: dict[int, Process] = {}  # by identity: listeners share their holders
        stale = []
        released = False
        for at in these:
            known = self._found[at]
            if isinstance(at, int) and known.packed:
                descriptors = known.descriptors
                held = [each for each in descriptors if holds(each, at)]
                if held[:1] != descriptors[:1]:  # the owner's is first
                    stale.append(at)
                    continue
                if len(held) < len(descriptors):
                    known.keep(held)
                    self._found[at] = known
                    released = True
            at_work |= {id(holder): holder for holder in known.holding.holders}
        for at in stale:
            self._forget(at)
        changed = self._descriptions.changed(at_work.values())
        if changed:
            self._found.describe(changed)
        return bool(stale or changed or released)

    def _forget(self, at: Known) -> None:
        del self._found[at]
        self._young.pop(at, None)

    def _describe(self, pid: int) -> Process | None:
        if pid not in self._turn:
            self._turn[pid] = self._descriptions.of(pid)
        return self._turn[pid]

    def _held(self, socket: Socket, at: Known, by: Sequence[Descriptor] | None) -> Found:
        """The owner of a socket that these processes hold; None: it is still searched for."""
        user = self._user(socket.uid)
        if by is None:
            return Found(self._holding(socket, (), None, user))
        kept = tuple(by[: 1 + self._shared.room(socket.uid, _MAX_HOLDERS - 1)])
        self._shared.add(socket.uid, len(kept) - 1)
        holders = tuple(filter(None, (self._describe(each.pid) for each in kept)))
        if holders:
            if self._has_found and len(self._young) < _MAX_YOUNG:
                self._young[at] = self._young_until
            return Found(self._holding(socket, holders, None, user), packed(kept))
        nobody = Hidden.KERNEL if self._privileged else Hidden.PRIVILEGE
        return Found(self._holding(socket, (), Hidden.GONE if kept else nobody, user))

    def _user(self, uid: int | None) -> str:
        if uid is None:
            return ""
        if uid not in self._users:
            self._users[uid] = self._reader.user_name(uid)
        return self._users[uid]

    def _holding(
        self, socket: Socket, holders: tuple[Process, ...], hidden: Hidden | None, user: str
    ) -> Holding:
        """The same object for the sockets of one scan that differ in nothing of it."""
        netns = socket.endpoint.netns
        key = (*map(id, holders), hidden, user, socket.uid, netns)
        if key not in self._holdings:
            self._holdings[key] = Holding(holders, hidden, user, socket.uid, netns)
        return self._holdings[key]
