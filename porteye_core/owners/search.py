"""The search for the holders of one scan's new sockets, within the time for it."""

from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence
from contextlib import suppress
from itertools import islice

from porteye_core.model import Endpoint, Socket, SocketAddress
from porteye_core.owners.fd_holders import (
    Deadline,
    Descriptor,
    FamilySearch,
    OutOfTimeError,
    SharedHolders,
    Walk,
    packed,
    pids_of,
    unpacked,
)
from porteye_core.owners.psutil_holders import HolderSearch

# Seconds that a search may take in one turn of the monitor's loop: one user's processes can need
# 10 s. What is left goes on in the next turn.
_SEARCH = 0.5
# Sockets that one walk searches: it remembers 300 bytes of each.
_MAX_WALKED = 10_000
# Of more a walk through all processes takes no longer than their families do.
_MAX_IN_FAMILIES = 500
# Seconds of a search among the processes of one user, and the users that a turn has time for.
_SEARCH_OF_USER, _MAX_USERS = 0.25, 4

Held = dict[int, bytes]
"""By inode, the holders of the sockets that were searched, packed."""


class OwnerSearch:
    """The search for the owners of one scan's new sockets, or those of a part of it, within the
    time for it.

    By inode where the source knows it, else by what psutil said.
    """

    def __init__(self, sockets: Sequence[Socket], hints: Mapping[SocketAddress, int]) -> None:
        self._sockets = sockets
        self._twins: Counter[Endpoint] | None = None
        self._hints = hints
        self._by_endpoint = HolderSearch()
        self.postponed: set[int] = set()

    def by_inode(
        self,
        sockets: Sequence[Socket],
        walk: Walk | None,
        waiting: Container[int],
        upcoming: Iterable[Socket] = (),
    ) -> tuple[Held, Walk | None]:
        """The holders of these sockets by inode, as far as they were searched, and the walk that
        is not done; `walk`: the one before. Raises SourceError.

        A socket that the process named by the kernel has no more has mostly closed since the scan:
        it waits in `postponed`, and is walked for where the next scan shows it, too. `waiting`:
        those that have waited; `upcoming`: sockets of later parts, which one walk finds as well.

        While a walk is not done, the holders are those among the processes of a socket's own user
        and their families; they come again, whole, once the walk is done.
        """
        deadline = Deadline(_SEARCH)
        upcoming = iter(upcoming)
        found: Held = {}
        left = {each.inode: each.uid for each in sockets if each.inode is not None}
        if len(left) <= _MAX_IN_FAMILIES:
            self._search_families(sockets, left, found, waiting, deadline)
        while left or walk:
            walk = walk or Walk(_wanted(left, upcoming))
            walk.advance(deadline)
            if not walk.is_done:
                found |= self._held_by_their_users(left, walk)
                break
            found |= {inode: packed(walk.holders(inode)) for inode in walk.wanted}
            left = {inode: uid for inode, uid in left.items() if inode not in found}
            walk = None
        return found, walk

    def _search_families(
        self,
        sockets: Sequence[Socket],
        left: dict[int, int | None],
        found: Held,
        waiting: Container[int],
        deadline: Deadline,
    ) -> None:
        """Move from `left` to `found` what the hints find."""
        shared = SharedHolders()
        with suppress(OutOfTimeError):
            family = FamilySearch(left, deadline)
            for each in sockets:
                hint = self._hints.get(each.endpoint.socket_address)
                if hint is not None and each.inode is not None and each.inode in left:
                    held = family.holders(each.inode, hint)
                    held = held[: 1 + shared.room(each.uid, len(held))]
                    if held:
                        shared.add(each.uid, len(held) - 1)
                        found[each.inode] = packed(held)
                        del left[each.inode]
                    elif each.inode not in waiting:
                        self.postponed.add(each.inode)
                        del left[each.inode]

    def _held_by_their_users(self, left: Mapping[int, int | None], walk: Walk) -> Held:
        """The holders of sockets among the processes of their own users, and their families.

        A stranger's processes can keep a walk busy for longer than a socket of root's lives. Each
        socket is searched once, root's first.
        """
        by_user: dict[int, dict[int, int | None]] = {}
        for inode, user in left.items():
            if user is not None and inode not in walk.sought:
                by_user.setdefault(user, {})[inode] = user
        found: Held = {}
        for user in sorted(by_user)[:_MAX_USERS]:
            walk.sought |= by_user[user].keys()
            if len(by_user[user]) <= _MAX_IN_FAMILIES:
                found |= self._held_by_user(user, by_user[user])
        return found

    def _held_by_user(self, user: int, wanted: Mapping[int, int | None]) -> Held:
        deadline, shared, found = Deadline(_SEARCH_OF_USER), SharedHolders(), Held()
        among = pids_of(user)
        own = Walk(wanted, among=among) if among else None
        if own is None:
            return found
        own.advance(deadline)
        family = FamilySearch(wanted, deadline)
        with suppress(OutOfTimeError):
            for inode, descriptors in own.found.items():
                held = family.holders(inode, unpacked(descriptors)[0].pid)
                held = held[: 1 + shared.room(user, len(held))]
                if held:
                    shared.add(user, len(held) - 1)
                    found[inode] = packed(held)
        return found

    def by_endpoint(self, socket: Socket) -> list[Descriptor]:
        """The holders of a socket of which the source knows one process."""
        assert socket.pid is not None  # without either nobody is searched
        if self._twins is None:
            self._twins = Counter(found.endpoint for found in self._sockets)
        if self._twins[socket.endpoint] > 1:
            return [Descriptor(socket.pid)]
        held = self._by_endpoint.holders(socket.endpoint, socket.pid)
        return [Descriptor(pid) for pid in held]


def _wanted(left: Mapping[int, int | None], upcoming: Iterable[Socket]) -> dict[int, int | None]:
    """The users of the sockets that one walk searches, by inode."""
    wanted = dict(islice(left.items(), _MAX_WALKED))
    for each in upcoming:
        if len(wanted) >= _MAX_WALKED:
            break
        if each.inode is not None:
            wanted[each.inode] = each.uid
    return wanted
