"""State that events and earlier scans leave for the next scan to decide on; pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from porteye_core.model import (
    Closing,
    KernelEvent,
    Kind,
    Listener,
    Precision,
    Socket,
    SocketAddress,
)
from porteye_core.tracking.hearing import Announced

# Kernel times are converted to the wall clock, which is read twice for it: they may be off by less
# than this, in microseconds.
_CLOCKS_DIFFER = 1000


class Waiting:
    """The state between notices and scans.

    newborn: ids of listeners that a notice announced after the scan began; missed: by id, the time
    at which a scan first missed a listener; unplaced: by place, the times of closings of which only
    a scan tells whose they are; mixed: places of several such closings, of which some have been
    told; doubtful: places at which a socket of the scan may have closed.
    """

    def __init__(self) -> None:
        self.newborn: set[int] = set()
        self.missed: dict[int, int] = {}
        self.unplaced: dict[SocketAddress, list[int]] = {}
        self.mixed: set[SocketAddress] = set()
        self.doubtful: set[SocketAddress] = set()
        self._closed = _Closed()
        self._began = 0

    def begin(self, began: int) -> None:
        """Forget what was announced after the scan before; this one began at that time."""
        self.newborn.clear()
        self._closed = _Closed()
        self._began = began

    def forget(self, listener_id: int) -> None:
        """Forget a listener that has closed."""
        self.newborn.discard(listener_id)
        self.missed.pop(listener_id, None)

    def wait_for_scan(self, closings: Iterable[KernelEvent]) -> None:
        """Note closings of which a scan tells whose they are."""
        for kernel_event in closings:
            self.unplaced.setdefault(kernel_event.endpoint.socket_address, []).append(
                kernel_event.at
            )

    def hear(self, heard: Announced, kernel_events: Iterable[KernelEvent]) -> None:
        """Note what was announced after the scan began."""
        self._closed |= _closed(heard, kernel_events, self._began)

    def not_after_missed(self, closing: Closing) -> Closing:
        """The closing, no later than the scan that missed the listener: a notice that has no time
        of its own may come after it."""
        missed = self.missed.get(closing.listener.id, closing.at)
        if closing.seen is Precision.KERNEL or missed >= closing.at:
            return closing
        return Closing(closing.listener, missed, closing.seen)

    def at_recorded_time(self, closing: Closing) -> Closing:
        """The closing at the time of its record, if that waits for a scan to tell whose it is.

        The announcement of a destroyed socket names the listener, and the record before it the
        time: of several records nothing tells which is whose.
        """
        place = closing.listener.endpoint.socket_address
        times = self.unplaced.get(place)
        if closing.seen is Precision.KERNEL or closing.listener.skaddr or not times:
            return closing
        if len(times) > 1:
            self.mixed.add(place)
        at = times.pop(0)
        if not times:
            del self.unplaced[place]
        return closing if place in self.mixed else replace(closing, at=at, seen=Precision.KERNEL)

    def keep_later(self, at: int) -> None:
        """Keep the closings after a scan of this time, which it could not tell."""
        later = {place: [t for t in times if t >= at] for place, times in self.unplaced.items()}
        self.unplaced = {place: times for place, times in later.items() if times}
        self.mixed &= self.unplaced.keys()

    def living(
        self, sockets: Sequence[Socket], listeners: Iterable[Listener]
    ) -> tuple[Socket, ...]:
        """The sockets of a scan without those that closed before the notices were read.

        listeners: those at the places of the sockets. At a place where one closed that has no
        number, an unknown socket may be that one or another: it is left to the next scan.
        """
        closed = self._closed
        if not closed:
            return tuple(sockets)
        known = [each for each in listeners if each.endpoint.socket_address in closed.places]
        inodes = {each.inode for each in known} - {None}
        cookies = {each.cookie for each in known} - {None}
        found = []
        for socket in sockets:
            if socket.cookie in closed.cookies or socket.inode in closed.inodes:
                continue
            if (
                socket.endpoint.socket_address in closed.places
                and socket.inode not in inodes
                and socket.cookie not in cookies
            ):
                self.doubtful.add(socket.endpoint.socket_address)
                continue
            found.append(socket)
        return tuple(found)


@dataclass(frozen=True, slots=True)
class _Closed:
    """The sockets that closed after a scan began: by number, and else by place."""

    cookies: frozenset[int] = frozenset()
    inodes: frozenset[int] = frozenset()
    places: frozenset[SocketAddress] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.cookies or self.inodes or self.places)

    def __or__(self, other: "_Closed") -> "_Closed":
        return _Closed(
            self.cookies | other.cookies, self.inodes | other.inodes, self.places | other.places
        )


def _closed(heard: Announced, kernel_events: Iterable[KernelEvent], began: int) -> _Closed:
    closings = [kernel_event for kernel_event in kernel_events if kernel_event.kind is Kind.CLOSED]
    known = [each.listener for each in heard.closed if not each.listener.guessed]
    cookies = {each.cookie for each in closings} | {each.cookie for each in known}
    return _Closed(
        frozenset(each for each in cookies if each is not None),
        frozenset(each.inode for each in known if each.inode is not None),
        # A socket leaves the tables before its closing is recorded: an earlier scan alone has it.
        frozenset(
            kernel_event.endpoint.socket_address
            for kernel_event in closings
            if kernel_event.cookie is None and kernel_event.at >= began - _CLOCKS_DIFFER
        ),
    )
