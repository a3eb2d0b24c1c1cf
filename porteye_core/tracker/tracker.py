"""The state of what is open, moved on by notices and scans; pure.

A scan and the notices of one reading belong together: the scan comes first, and the notices reach
beyond it. A socket that they close may be in the scan, and one that they open need not be.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from porteye_core.model import (
    Closing,
    Kind,
    Listener,
    Opening,
    Owned,
    Place,
    ProcessKey,
    Reading,
    Scope,
    Seen,
    Socket,
)
from porteye_core.tracker.hearing import Announced, announced
from porteye_core.tracker.homeless import Homeless
from porteye_core.tracker.matching import match
from porteye_core.tracker.open_listeners import OpenListeners
from porteye_core.tracker.portless import Portless
from porteye_core.tracker.reach import Reach, not_scanned, reach, within

# Kernel times are converted to the wall clock, which is read twice for it: they may be off by less
# than this, in microseconds.
_CLOCKS_DIFFER = 1000


@dataclass(frozen=True, slots=True)
class Scan:
    """The exactness of one scan.

    at: its time, which each change that it shows gets; seen: how exact that is; announces: the
    source announces closings, so that one scan may miss a socket that is there: a dump of many can
    skip one while others open and close; own: the monitor's own namespace; others_rarely: other
    namespaces are scanned less often than one interval.
    """

    at: int
    seen: Seen
    announces: bool = False
    own: int | None = None
    others_rarely: bool = False

    def seen_in(self, netns: int | None) -> Seen:
        """The exactness of a change in this namespace: nobody watched it between two scans."""
        foreign = self.own is not None and netns not in (None, self.own)
        return Seen.GAP if foreign and self.others_rarely else self.seen


@dataclass(frozen=True, slots=True)
class Changes:
    """The difference between a scan and what was open before it.

    kept: a listener, the same as it is known now, and its socket; unseen: listeners that can no
    longer be looked for, or are not in the namespace that was guessed.
    """

    kept: tuple[tuple[Listener, Listener, Owned], ...] = ()
    opened: tuple[Opening, ...] = ()
    closed: tuple[Closing, ...] = ()
    unseen: tuple[Listener, ...] = ()


class Tracker:
    """Tells what changed; the caller stores it, and then says so by keep() and drop()."""

    def __init__(self, listeners: Iterable[Listener] = ()) -> None:
        self.listeners = OpenListeners(listeners)
        self._newborn: set[int] = set()  # opened by a notice after the latest scan began
        self._missed: dict[int, int] = {}  # the time at which a scan first missed a listener
        self._is_pressing = False  # the next scan of the own namespace decides on one of them
        self._portless = Portless()
        self._scanned_at = 0
        self._unplaced: dict[Place, list[int]] = {}
        self._closed: _Closed = _Closed()
        self._covered: frozenset[int] = frozenset()  # scanned since the latest round began
        self.homeless = Homeless()
        self._doubtful: set[Place] = set()

    @property
    def is_settled(self) -> bool:
        """Tell that an equal scan would change nothing."""
        return not (self._is_pressing or self.wants_scan)

    @property
    def wants_scan(self) -> bool:
        """Tell that the notices do not explain what is open."""
        waiting = self._portless.is_waiting(since=self._scanned_at)
        return waiting or bool(self._unplaced or self._doubtful)

    def keep(self, listener: Listener, *, newborn: bool = False) -> None:
        """Take in a listener, or what was learnt of it; newborn: a notice announced it."""
        self.listeners.put(listener)
        if newborn:
            self._newborn.add(listener.id)

    def drop(self, listener: Listener) -> None:
        """Forget a listener that has closed."""
        self.listeners.remove(listener)
        self._newborn.discard(listener.id)
        self._missed.pop(listener.id, None)

    def clear(self) -> tuple[Listener, ...]:
        """Forget and return every listener."""
        everyone = tuple(self.listeners)
        self.listeners = OpenListeners()
        self._missed = {}
        return everyone

    def hear(self, reading: Reading, vague: Seen = Seen.POLL) -> Announced:
        """Match the notices of a reading with what is open.

        vague: the exactness of a closing whose notice has no time of its own.
        """
        self._newborn.clear()
        self._closed = _Closed()
        if not reading.notices:
            return Announced((), (), (), ())
        heard = announced(self.listeners, (*self._portless.notices, *reading.notices), vague=vague)
        heard = replace(heard, closed=tuple(map(self._not_after_missed, heard.closed)))
        self._portless.notices = heard.portless
        for notice in heard.unplaced:
            self._unplaced.setdefault(notice.endpoint.place, []).append(notice.at)
        self._closed = _closed(heard, reading)
        return heard

    def _not_after_missed(self, closing: Closing) -> Closing:
        """A notice that comes after the scan that missed the listener is later than the closing."""
        missed = self._missed.get(closing.listener.id, closing.at)
        if closing.seen is Seen.KERNEL or missed >= closing.at:
            return closing
        return replace(closing, at=missed)

    def living(self, sockets: tuple[Socket, ...]) -> tuple[Socket, ...]:
        """The sockets of a scan without those that closed before the notices were read.

        At a place where one closed that has no number, an unknown socket may be that one or
        another: it is left to the next scan.
        """
        self._doubtful = set()
        closed = self._closed
        if not closed:
            return sockets
        known = {
            each.inode
            for each in self.listeners
            if each.inode is not None and each.endpoint.place in closed.places
        }
        found = []
        for socket in sockets:
            if socket.cookie in closed.cookies or socket.inode in closed.inodes:
                continue
            if (
                socket.endpoint.place in closed.places
                and socket.inode not in known
                and (socket.cookie is None or not self.listeners.has_cookie(socket.cookie))
            ):
                self._doubtful.add(socket.endpoint.place)
                continue
            found.append(socket)
        return tuple(found)

    def see(
        self,
        owned: Sequence[Owned],
        scope: Scope,
        scan: Scan,
        may_hold: Callable[[Listener], bool] = lambda _: False,
    ) -> Changes:
        """Compare what is open with the living sockets of a scan.

        may_hold: tells that a process which had the listener can have it still: its descriptor is
        there, or, for a socket without numbers, the process.
        """
        matched = match(within(self.listeners, scope), owned)
        kept = tuple(
            (was, merged(was, now, guessed=was.guessed or was.id in matched.guesses), now)
            for was, now in matched.pairs
        )
        opened = tuple(self._openings(matched.strangers, scan))
        for was, _, _ in kept:
            self._missed.pop(was.id, None)
        missing = matched.missing
        if scope.living is not None:  # those in namespaces that are out of reach are missing, too
            compared = {each.id for each in missing} | {was.id for was, _, _ in kept}
            missing += tuple(each for each in self.listeners if each.id not in compared)
        is_whole = self._ends_round(scope)
        verdicts = [
            self._miss(each, reach(each, scope, is_whole=is_whole), scope, scan, may_hold)
            for each in missing
        ]
        self._is_pressing = any(
            each.id in self._missed
            and (scope.scanned is None or each.endpoint.netns in (None, scan.own))
            for each in missing
        )
        self._unplaced.clear()
        self._scanned_at = scan.at
        self._portless.keep_newest()
        return Changes(
            kept,
            opened,
            tuple(each for each in verdicts if isinstance(each, Closing)),
            tuple(each for each in verdicts if isinstance(each, Listener)),
        )

    def _openings(self, strangers: Sequence[Owned], scan: Scan) -> Iterator[Opening]:
        """The openings of sockets that a scan found, at the times of their records if known."""
        recorded = self._portless.take(strangers)
        latest = self._portless.latest()
        for position, owned in enumerate(strangers):
            if notice := recorded.get(position):
                yield Opening(owned, notice.at, Seen.KERNEL, notice=notice)
            else:
                # Never before a record that may be this socket's: its closing finds it by that.
                at = max(scan.at, latest.get(owned.socket.endpoint.place[:3], 0))
                yield Opening(owned, at, scan.seen_in(owned.socket.endpoint.netns))

    def _ends_round(self, scope: Scope) -> bool:
        """Tell that with this scan every namespace was scanned, of too many in several scans."""
        if scope.is_whole:
            self._covered = frozenset()
            return True
        if not scope.complete or scope.scanned is None or scope.living is None:
            return False
        self._covered = (self._covered | scope.scanned) & scope.living
        if self._covered < scope.living:
            return False
        self._covered = frozenset()
        return True

    def _miss(
        self,
        listener: Listener,
        reach: Reach,
        scope: Scope,
        scan: Scan,
        may_hold: Callable[[Listener], bool],
    ) -> Closing | Listener | None:
        """Decide on a listener that a scan does not show: closed, unseen, or neither yet."""
        if listener.id in self._newborn or listener.endpoint.place in self._doubtful:
            return None
        if reach is not Reach.SCANNED:
            known = not_scanned(listener, reach, scope, scan.at, may_hold)
            if known is not None:
                if reach is not Reach.LATER:
                    self._missed.pop(listener.id, None)  # a process shows it
                return None if known is listener else known
        first = self._missed.setdefault(listener.id, scan.at)
        times = self._unplaced.get(listener.endpoint.place)
        if scan.announces and first == scan.at and not times:
            return None
        del self._missed[listener.id]
        if times:
            # Of several closings at one place nothing tells which is whose.
            return Closing(listener, times.pop(0), Seen.POLL if times else Seen.KERNEL)
        seen = scan.seen_in(listener.endpoint.netns) if reach is Reach.SCANNED else Seen.GAP
        return Closing(listener, first, seen)


@dataclass(frozen=True, slots=True)
class _Closed:
    """The sockets that closed after a scan began: by number, and else by place."""

    cookies: frozenset[int] = frozenset()
    inodes: frozenset[int] = frozenset()
    places: frozenset[Place] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.cookies or self.inodes or self.places)


def _closed(heard: Announced, reading: Reading) -> _Closed:
    closings = [notice for notice in reading.notices if notice.kind is Kind.CLOSED]
    known = [each.listener for each in heard.closed if not each.listener.guessed]
    cookies = {each.cookie for each in closings} | {each.cookie for each in known}
    return _Closed(
        frozenset(each for each in cookies if each is not None),
        frozenset(each.inode for each in known if each.inode is not None),
        # A socket leaves the tables before its closing is recorded: an earlier scan alone has it.
        frozenset(
            notice.endpoint.place
            for notice in closings
            if notice.cookie is None and notice.at >= reading.began - _CLOCKS_DIFFER
        ),
    )


def merged(listener: Listener, owned: Owned, *, guessed: bool = False) -> Listener:
    """The listener with what this scan shows of it, itself if that is nothing new; what a scan
    cannot show stays as it was. guessed: the socket can be that of a twin."""
    socket = owned.socket
    known = (
        listener.endpoint if socket.endpoint.netns is None else socket.endpoint,
        listener.inode if socket.inode is None else socket.inode,
        listener.cookie if socket.cookie is None else socket.cookie,
        listener.fd if socket.fd is None else socket.fd,
        owned.key or listener.owner,
        socket.interface or listener.interface,
        _keys(owned) or listener.holders,
        None,
        guessed,
    )
    # Values are compared before a listener is made: in a steady scan none is.
    if known == (
        listener.endpoint,
        listener.inode,
        listener.cookie,
        listener.fd,
        listener.owner,
        listener.interface,
        listener.holders,
        listener.unseen_at,
        listener.guessed,
    ):
        return listener
    endpoint, inode, cookie, fd, owner, interface, holders, unseen_at, _ = known
    return replace(
        listener,
        endpoint=endpoint,
        inode=inode,
        cookie=cookie,
        fd=fd,
        owner=owner,
        interface=interface,
        holders=holders,
        unseen_at=unseen_at,
        guessed=guessed,
    )


def _keys(owned: Owned) -> frozenset[ProcessKey]:
    return frozenset(holder.key for holder in owned.holders)
