"""Pure: what was open, what the kernel announced and what one look saw, make what changed."""

from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from porteye_core.model import Kind, Listener, Notice, Owned, Place, ProcessKey, Reading, Socket


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


class OpenListeners:
    """The listeners that are open as far as is known, found by whatever a notice tells."""

    def __init__(self, listeners: Iterable[Listener] = ()) -> None:
        self._by_id: dict[int, Listener] = {}
        self._by_skaddr: dict[int, Listener] = {}
        self._by_cookie: dict[int, Listener] = {}
        self._unnamed: dict[Place, set[int]] = defaultdict(set)
        for listener in listeners:
            self.put(listener)

    def __len__(self) -> int:
        return len(self._by_id)

    def __iter__(self) -> Iterator[Listener]:
        return iter(self._by_id.values())

    def put(self, listener: Listener) -> None:
        """Add a listener, or what was learnt of it."""
        before = self._by_id.get(listener.id)
        if before is listener:
            return
        if before is not None:
            self.remove(before)
        self._by_id[listener.id] = listener
        if listener.skaddr:
            self._by_skaddr[listener.skaddr] = listener
        else:
            self._unnamed[listener.endpoint.place].add(listener.id)
        if listener.cookie is not None:
            self._by_cookie[listener.cookie] = listener

    def remove(self, listener: Listener) -> None:
        """Take a listener out; nothing happens if it is not there."""
        known = self._by_id.pop(listener.id, None)
        if known is None:
            return
        if self._by_skaddr.get(known.skaddr) is known:
            del self._by_skaddr[known.skaddr]
        if known.cookie is not None and self._by_cookie.get(known.cookie) is known:
            del self._by_cookie[known.cookie]
        place = known.endpoint.place
        self._unnamed[place].discard(known.id)
        if not self._unnamed[place]:
            del self._unnamed[place]

    def at_address(self, skaddr: int) -> Listener | None:
        """The listener whose socket has this address in the kernel."""
        return self._by_skaddr.get(skaddr)

    def numbered(self, cookie: int) -> Listener | None:
        """The listener whose socket has this number."""
        return self._by_cookie.get(cookie)

    def unnamed(self, place: Place) -> list[Listener]:
        """The listeners at a place whose address in the kernel is not known."""
        return [self._by_id[number] for number in sorted(self._unnamed.get(place, ()))]


def announced(listeners: OpenListeners, notices: Sequence[Notice]) -> Announced:
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

    def __init__(self, listeners: OpenListeners) -> None:
        self._listeners = listeners
        self._reused: set[int] = set()
        self._closed: dict[int, tuple[Listener, Notice]] = {}
        self._open: dict[int, Notice] = {}
        self._born: list[tuple[Notice, Notice | None]] = []
        self._unplaced: list[Notice] = []

    def open(self, notice: Notice) -> None:
        # Whoever had this address before has gone, and its closing was lost: a look will tell.
        self._reused.add(notice.skaddr)
        if before := self._open.pop(notice.skaddr, None):
            self._born.append((before, None))
        self._open[notice.skaddr] = notice

    def close(self, notice: Notice) -> None:
        known = self._listeners.at_address(notice.skaddr)
        if notice.cookie is not None:
            self._end(self._listeners.numbered(notice.cookie), notice)
        elif opening := self._open.pop(notice.skaddr, None):
            self._born.append((replace(opening, endpoint=notice.endpoint), notice))
        elif known and notice.skaddr not in self._reused:
            self._end(known, notice)
        else:
            unnamed = self._listeners.unnamed(notice.endpoint.place)
            here = [each for each in unnamed if each.id not in self._closed]
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
    left: dict[Place, list[Listener]] = defaultdict(list)
    for listener in listeners:
        left[listener.endpoint.place].append(listener)
    unmatched = list(seen)
    kept: list[tuple[Listener, Owned]] = []
    for wanted in (Same.YES, Same.UNKNOWN):
        pending, unmatched = unmatched, []
        for owned in pending:
            candidates = left[owned.socket.endpoint.place]
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


def within(listeners: Iterable[Listener], scope: int | None) -> list[Listener]:
    """The listeners that a look into one namespace may show, those of unknown ones included."""
    return [each for each in listeners if scope is None or each.endpoint.netns in (None, scope)]


def settled(changes: Changes, newborn: Container[int], reading: Reading) -> Changes:
    """The changes without those that the same reading explains otherwise.

    Notices reach beyond the look that they came with: a listener of theirs (`newborn`, by number)
    need not be in it, and a socket that they closed may still be. A look into one namespace says
    nothing of a listener whose namespace is not known.
    """
    cookies, places = _closings(reading.notices)

    def is_news(owned: Owned) -> bool:
        socket = owned.socket
        return socket.cookie not in cookies and socket.endpoint.place not in places

    return replace(
        changes,
        opened=tuple(filter(is_news, changes.opened)),
        closed=tuple(
            each
            for each in changes.closed
            if each.id not in newborn and (reading.scope is None or each.endpoint.netns is not None)
        ),
    )


def lingering(
    listeners: OpenListeners, sockets: Iterable[Socket], notices: Sequence[Notice]
) -> set[Socket]:
    """The sockets of a look that closed before its notices were read, so that nobody holds them:
    their closing is among the notices, and no listener is known that they could be."""
    cookies, places = _closings(notices)
    places -= {each.endpoint.place for each in listeners} if places else set()
    return {
        socket
        for socket in sockets
        if socket.cookie in cookies or (places and socket.endpoint.place in places)
    }


def _closings(notices: Sequence[Notice]) -> tuple[set[int], set[Place]]:
    """What closed, by number where the notice has one, else by place."""
    closings = [notice for notice in notices if notice.kind is Kind.CLOSED]
    cookies = {notice.cookie for notice in closings if notice.cookie is not None}
    return cookies, {notice.endpoint.place for notice in closings if notice.cookie is None}


def merged(listener: Listener, owned: Owned) -> Listener:
    """The listener with what this look knows of it, itself if that is nothing new; what a look
    cannot tell stays as it was."""
    socket = owned.socket
    known = (
        listener.endpoint if socket.endpoint.netns is None else socket.endpoint,
        listener.inode if socket.inode is None else socket.inode,
        listener.cookie if socket.cookie is None else socket.cookie,
        listener.fd if socket.fd is None else socket.fd,
        owned.key or listener.owner,
    )
    before = (listener.endpoint, listener.inode, listener.cookie, listener.fd, listener.owner)
    holders = _keys(owned)
    if known == before and holders <= listener.holders:
        return listener
    endpoint, inode, cookie, fd, owner = known
    return replace(
        listener,
        endpoint=endpoint,
        inode=inode,
        cookie=cookie,
        fd=fd,
        owner=owner,
        holders=listener.holders | holders,
    )


def _keys(owned: Owned) -> frozenset[ProcessKey]:
    return frozenset(holder.key for holder in owned.holders)


def _differ(first: int | None, second: int | None) -> bool:
    return first is not None and second is not None and first != second
