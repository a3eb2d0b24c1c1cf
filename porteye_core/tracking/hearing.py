"""Notices of the kernel, matched with listeners and with one another; pure."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from porteye_core.model import Closing, KernelEvent, Kind, Listener, Precision, SocketAddress
from porteye_core.tracking.open_listeners import Concerned, OpenListeners


@dataclass(frozen=True, slots=True)
class Announced:
    """The openings and closings that notices report.

    born: an opening, with its closing if that came too; portless: openings of sockets that were
    not bound, whose port the next scan shows; unplaced: closings at a place where several
    listeners are, so that the next scan shows which.
    """

    born: tuple[tuple[KernelEvent, KernelEvent | None], ...]
    closed: tuple[Closing, ...]
    portless: tuple[KernelEvent, ...]
    unplaced: tuple[KernelEvent, ...]


def announced(
    listeners: OpenListeners,
    kernel_events: Sequence[KernelEvent],
    *,
    vague: Precision = Precision.POLL,
) -> Announced:
    """Match notices, in the order of time, with listeners and with one another.

    vague: the exactness of a closing whose notice has no time of its own.
    """
    hearing = _Hearing(listeners.concerned(kernel_events), vague)
    for kernel_event in kernel_events:
        if kernel_event.kind is Kind.OPENED:
            hearing.open(kernel_event)
        else:
            hearing.close(kernel_event)
    return hearing.result()


class _Hearing:
    """The state of one pass over notices."""

    def __init__(self, listeners: Concerned, vague: Precision) -> None:
        self._listeners = listeners
        self._vague = vague
        self._reused: set[int] = set()
        self._closed: dict[int, Closing] = {}
        self._closed_unnamed: Counter[SocketAddress] = Counter()
        self._open: dict[int, KernelEvent] = {}
        self._born: list[tuple[KernelEvent, KernelEvent | None]] = []
        self._unplaced: list[KernelEvent] = []

    def open(self, kernel_event: KernelEvent) -> None:
        # The socket that had this address before has gone, and its closing was lost: a scan tells.
        self._reused.add(kernel_event.skaddr)
        before = self._open.pop(kernel_event.skaddr, None)
        if before and before.endpoint.port:
            self._born.append((before, None))
        self._open[kernel_event.skaddr] = kernel_event

    def close(self, kernel_event: KernelEvent) -> None:
        known = self._listeners.at_address(kernel_event.skaddr)
        if kernel_event.cookie is not None:
            found = self._listeners.with_cookie(kernel_event.cookie, kernel_event.endpoint.netns)
            # The kernel announces a destroyed socket late, and without a time. Where the number can
            # be that of a twin, the record and the next scan decide.
            if found and not found.guessed:
                self._end(found, kernel_event, self._vague)
        elif opening := self._open.pop(kernel_event.skaddr, None):
            self._end_born(opening, kernel_event)
        elif known and kernel_event.skaddr not in self._reused:
            self._end(known, kernel_event, Precision.KERNEL)
        else:
            self._close_at(kernel_event)

    def _end_born(self, opening: KernelEvent, kernel_event: KernelEvent) -> None:
        """End what was announced; a scan may have shown it meanwhile if its port was not known."""
        shown = []
        if not opening.endpoint.port:
            ids = self._listeners.unnamed(kernel_event.endpoint.socket_address)
            candidates = [self._listeners[each] for each in ids if each not in self._closed]
            shown = [each for each in candidates if each.opened_at >= opening.at]
        if len(shown) == 1:
            self._end(shown[0], kernel_event, Precision.KERNEL)
        elif shown:
            self._unplaced.append(kernel_event)
        else:
            self._born.append((replace(opening, endpoint=kernel_event.endpoint), kernel_event))

    def _close_at(self, kernel_event: KernelEvent) -> None:
        """Close the only listener that it can be; of several none."""
        place = kernel_event.endpoint.socket_address
        ids = self._listeners.unnamed(place)
        left = len(ids) - self._closed_unnamed[place]
        if left == 1:
            listener_id = next(each for each in ids if each not in self._closed)
            self._end(self._listeners[listener_id], kernel_event, Precision.KERNEL)
        elif left:
            self._unplaced.append(kernel_event)

    def _end(self, listener: Listener | None, kernel_event: KernelEvent, seen: Precision) -> None:
        if listener is not None and listener.id not in self._closed:
            self._closed[listener.id] = Closing(listener, kernel_event.at, seen)
            if not listener.skaddr:
                self._closed_unnamed[listener.endpoint.socket_address] += 1

    def result(self) -> Announced:
        still_open = [
            (kernel_event, None)
            for kernel_event in self._open.values()
            if kernel_event.endpoint.port
        ]
        portless = tuple(
            kernel_event for kernel_event in self._open.values() if not kernel_event.endpoint.port
        )
        born = sorted((*self._born, *still_open), key=lambda pair: pair[0].at)
        return Announced(tuple(born), tuple(self._closed.values()), portless, tuple(self._unplaced))
