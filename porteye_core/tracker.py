"""Pure: what was open, what the kernel announced and what one look saw, make what changed."""

from collections import defaultdict
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from porteye_core.model import Endpoint, Kind, Listener, Notice, Owned, ProcessKey


class Same(Enum):
    """Whether a listener and a socket are one; a source that cannot see enough leaves it open."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Changes:
    """What one look says about the listeners that were open before it."""

    kept: tuple[tuple[Listener, Owned], ...]
    opened: tuple[Owned, ...]
    closed: tuple[Listener, ...]

    @property
    def anything(self) -> bool:
        """Whether a listener opened or closed."""
        return bool(self.opened or self.closed)


@dataclass(frozen=True, slots=True)
class Announced:
    """What notices say about the listeners that were open before them.

    born: an opening, with its closing if that came too; portless: openings of sockets that were
    not bound, whose port the next look tells; unplaced: closings at a place where several
    listeners are, so that the next look tells which.
    """

    born: tuple[tuple[Notice, Notice | None], ...]
    closed: tuple[tuple[Listener, Notice], ...]
    portless: tuple[Notice, ...]
    unplaced: tuple[Notice, ...]


def place(endpoint: Endpoint) -> Endpoint:
    """The endpoint without its namespace, which not every source can tell."""
    return endpoint if endpoint.netns is None else replace(endpoint, netns=None)


def announced(listeners: Iterable[Listener], notices: Sequence[Notice]) -> Announced:
    """Match notices, in the order of time, with listeners and with one another."""
    hearing = _Hearing(listeners)
    for notice in notices:
        if notice.kind is Kind.OPENED:
            hearing.open(notice)
        else:
            hearing.close(notice)
    return hearing.result()


class _Hearing:
    """The state of one pass over notices."""

    def __init__(self, listeners: Iterable[Listener]) -> None:
        self._by_skaddr: dict[int, Listener] = {}
        self._by_cookie: dict[int, Listener] = {}
        self._by_place: dict[Endpoint, list[Listener]] = defaultdict(list)
        for listener in listeners:
            if listener.skaddr:
                self._by_skaddr[listener.skaddr] = listener
            else:
                self._by_place[place(listener.endpoint)].append(listener)
            if listener.cookie is not None:
                self._by_cookie[listener.cookie] = listener
        self._closed: dict[int, tuple[Listener, Notice]] = {}
        self._open: dict[int, Notice] = {}
        self._born: list[tuple[Notice, Notice | None]] = []
        self._unplaced: list[Notice] = []

    def open(self, notice: Notice) -> None:
        # Whoever had this address before has gone, and its closing was lost: a look will tell.
        self._by_skaddr.pop(notice.skaddr, None)
        if before := self._open.pop(notice.skaddr, None):
            self._born.append((before, None))
        self._open[notice.skaddr] = notice

    def close(self, notice: Notice) -> None:
        if notice.cookie is not None:
            self._end(self._by_cookie.get(notice.cookie), notice)
        elif opening := self._open.pop(notice.skaddr, None):
            self._born.append((replace(opening, endpoint=notice.endpoint), notice))
        elif notice.skaddr in self._by_skaddr:
            self._end(self._by_skaddr[notice.skaddr], notice)
        else:
            here = [each for each in self._by_place[notice.endpoint] if each.id not in self._closed]
            if len(here) == 1:
                self._end(here[0], notice)
            elif here:
                self._unplaced.append(notice)

    def _end(self, listener: Listener | None, notice: Notice) -> None:
        if listener is not None:
            self._closed.setdefault(listener.id, (listener, notice))

    def result(self) -> Announced:
        still_open = [(notice, None) for notice in self._open.values() if notice.endpoint.port]
        portless = tuple(notice for notice in self._open.values() if not notice.endpoint.port)
        born = sorted((*self._born, *still_open), key=lambda pair: pair[0].at)
        return Announced(tuple(born), tuple(self._closed.values()), portless, tuple(self._unplaced))


def compare(listeners: Iterable[Listener], seen: Sequence[Owned]) -> Changes:
    """Match listeners with sockets: each with at most one, certain matches first.

    What cannot be told apart counts as the same, for only evidence may close a listener.
    """
    left: dict[Endpoint, list[Listener]] = defaultdict(list)
    for listener in listeners:
        left[place(listener.endpoint)].append(listener)
    unmatched = list(seen)
    kept: list[tuple[Listener, Owned]] = []
    for wanted in (Same.YES, Same.UNKNOWN):
        pending, unmatched = unmatched, []
        for owned in pending:
            candidates = left[place(owned.socket.endpoint)]
            match = next((each for each in candidates if same(each, owned) is wanted), None)
            if match is None:
                unmatched.append(owned)
            else:
                candidates.remove(match)
                kept.append((match, owned))
    closed = tuple(listener for candidates in left.values() for listener in candidates)
    return Changes(tuple(kept), tuple(unmatched), closed)


def same(listener: Listener, owned: Owned) -> Same:
    """Whether this socket is this listener, both being at one place.

    The kernel's own numbers decide where both know them, whoever holds the socket now. Else the
    owner decides, and the descriptor between sockets of one owner; a socket outlives its owner in
    another holder.
    """
    socket = owned.socket
    if _differ(listener.endpoint.netns, socket.endpoint.netns):
        return Same.NO
    if listener.cookie is not None and socket.cookie is not None:
        return Same.YES if listener.cookie == socket.cookie else Same.NO
    if listener.inode is not None and socket.inode is not None:
        return Same.YES if listener.inode == socket.inode else Same.NO
    return _same_holders(listener, owned)


def _same_holders(listener: Listener, owned: Owned) -> Same:
    if listener.owner is None or owned.key is None:
        return Same.YES if listener.owner == owned.key else Same.UNKNOWN
    if listener.owner != owned.key:
        handed_on = owned.key in listener.holders or listener.owner in _keys(owned)
        return Same.YES if handed_on else Same.NO
    if listener.fd == owned.socket.fd:
        return Same.YES
    return Same.UNKNOWN if None in (listener.fd, owned.socket.fd) else Same.NO


def settled(changes: Changes, newborn: Container[int], notices: Sequence[Notice]) -> Changes:
    """The changes without those that the notices of the same reading explain.

    Notices reach beyond the look that they came with: a listener of theirs (`newborn`, by number)
    need not be in it, and a socket that they closed may still be.
    """
    closings = [notice for notice in notices if notice.kind is Kind.CLOSED]
    cookies = {notice.cookie for notice in closings if notice.cookie is not None}
    places = {notice.endpoint for notice in closings if notice.cookie is None}

    def is_news(owned: Owned) -> bool:
        socket = owned.socket
        return socket.cookie not in cookies and place(socket.endpoint) not in places

    return replace(
        changes,
        opened=tuple(filter(is_news, changes.opened)),
        closed=tuple(each for each in changes.closed if each.id not in newborn),
    )


def merged(listener: Listener, owned: Owned) -> Listener:
    """The listener with what this look knows of it; what a look cannot tell stays as it was."""
    socket = owned.socket
    return replace(
        listener,
        endpoint=listener.endpoint if socket.endpoint.netns is None else socket.endpoint,
        inode=listener.inode if socket.inode is None else socket.inode,
        cookie=listener.cookie if socket.cookie is None else socket.cookie,
        fd=listener.fd if socket.fd is None else socket.fd,
        owner=owned.key or listener.owner,
        holders=listener.holders | _keys(owned),
    )


def _keys(owned: Owned) -> frozenset[ProcessKey]:
    return frozenset(holder.key for holder in owned.holders)


def _differ(first: int | None, second: int | None) -> bool:
    return first is not None and second is not None and first != second
