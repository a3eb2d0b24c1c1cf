"""Notices of the kernel, matched with listeners and with one another; pure."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from porteye_core.model import Closing, Kind, Listener, Notice, Place, Seen
from porteye_core.tracking.open_listeners import Concerned, OpenListeners


@dataclass(frozen=True, slots=True)
class Announced:
    """The openings and closings that notices report.

    born: an opening, with its closing if that came too; portless: openings of sockets that were
    not bound, whose port the next scan shows; unplaced: closings at a place where several
    listeners are, so that the next scan shows which.
    """

    born: tuple[tuple[Notice, Notice | None], ...]
    closed: tuple[Closing, ...]
    portless: tuple[Notice, ...]
    unplaced: tuple[Notice, ...]


def announced(
    listeners: OpenListeners, notices: Sequence[Notice], *, vague: Seen = Seen.POLL
) -> Announced:
    """Match notices, in the order of time, with listeners and with one another.

    vague: the exactness of a closing whose notice has no time of its own.
    """
    hearing = _Hearing(listeners.concerned(notices), vague)
    for notice in notices:
        if notice.kind is Kind.OPENED:
            hearing.open(notice)
        else:
            hearing.close(notice)
    return hearing.result()


class _Hearing:
    """The state of one pass over notices."""

    def __init__(self, listeners: Concerned, vague: Seen) -> None:
        self._listeners = listeners
        self._vague = vague
        self._reused: set[int] = set()
        self._closed: dict[int, Closing] = {}
        self._closed_unnamed: Counter[Place] = Counter()
        self._open: dict[int, Notice] = {}
        self._born: list[tuple[Notice, Notice | None]] = []
        self._unplaced: list[Notice] = []

    def open(self, notice: Notice) -> None:
        # The socket that had this address before has gone, and its closing was lost: a scan tells.
        self._reused.add(notice.skaddr)
        before = self._open.pop(notice.skaddr, None)
        if before and before.endpoint.port:
            self._born.append((before, None))
        self._open[notice.skaddr] = notice

    def close(self, notice: Notice) -> None:
        known = self._listeners.at_address(notice.skaddr)
        if notice.cookie is not None:
            found = self._listeners.with_cookie(notice.cookie, notice.endpoint.netns)
            # The kernel announces a destroyed socket late, and without a time. Where the number can
            # be that of a twin, the record and the next scan decide.
            if found and not found.guessed:
                self._end(found, notice, self._vague)
        elif opening := self._open.pop(notice.skaddr, None):
            self._end_born(opening, notice)
        elif known and notice.skaddr not in self._reused:
            self._end(known, notice, Seen.KERNEL)
        else:
            self._close_at(notice)

    def _end_born(self, opening: Notice, notice: Notice) -> None:
        """End what was announced; a scan may have shown it meanwhile if its port was not known."""
        shown = []
        if not opening.endpoint.port:
            ids = self._listeners.unnamed(notice.endpoint.place)
            candidates = [self._listeners[each] for each in ids if each not in self._closed]
            shown = [each for each in candidates if each.opened_at >= opening.at]
        if len(shown) == 1:
            self._end(shown[0], notice, Seen.KERNEL)
        elif shown:
            self._unplaced.append(notice)
        else:
            self._born.append((replace(opening, endpoint=notice.endpoint), notice))

    def _close_at(self, notice: Notice) -> None:
        """Close the only listener that it can be; of several none."""
        place = notice.endpoint.place
        ids = self._listeners.unnamed(place)
        left = len(ids) - self._closed_unnamed[place]
        if left == 1:
            number = next(each for each in ids if each not in self._closed)
            self._end(self._listeners[number], notice, Seen.KERNEL)
        elif left:
            self._unplaced.append(notice)

    def _end(self, listener: Listener | None, notice: Notice, seen: Seen) -> None:
        if listener is not None and listener.id not in self._closed:
            self._closed[listener.id] = Closing(listener, notice.at, seen)
            if not listener.skaddr:
                self._closed_unnamed[listener.endpoint.place] += 1

    def result(self) -> Announced:
        still_open = [(notice, None) for notice in self._open.values() if notice.endpoint.port]
        portless = tuple(notice for notice in self._open.values() if not notice.endpoint.port)
        born = sorted((*self._born, *still_open), key=lambda pair: pair[0].at)
        return Announced(tuple(born), tuple(self._closed.values()), portless, tuple(self._unplaced))
