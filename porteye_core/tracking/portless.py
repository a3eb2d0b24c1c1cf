"""Sockets that listen without having been bound; pure.

The kernel records such an opening before it chooses the port, which a scan or the closing shows.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from porteye_core.model import AttributedSocket, Family, KernelEvent, Protocol

_MAX_WAITING = 256  # openings that wait
Unbound = tuple[Protocol, Family, str]


class Portless:
    """The openings that wait for their ports."""

    def __init__(self) -> None:
        self.kernel_events: tuple[KernelEvent, ...] = ()
        self._places: tuple[tuple[KernelEvent, ...], frozenset[Unbound]] = (), frozenset()

    def places(self) -> frozenset[Unbound]:
        """The addresses at which an opening waits."""
        if self._places[0] is not self.kernel_events:
            places = frozenset(each.endpoint.socket_address[:3] for each in self.kernel_events)
            self._places = self.kernel_events, places
        return self._places[1]

    def is_waiting(self, since: int) -> bool:
        """Tell that a socket opened after the scan of this time, which did not show it."""
        return any(each.at >= since for each in self.kernel_events)

    def take(self, strangers: Sequence[AttributedSocket]) -> dict[int, KernelEvent]:
        """Take out the openings of these sockets; returns each by the position of its socket.

        An opening goes with a socket of the same process. As many sockets as openings are the
        sockets of these, so that the only one left goes with the only socket left. Of several
        nothing tells which is whose: they stay.
        """
        if not self.kernel_events:
            return {}
        kernel_events, positions = _grouped(self.kernel_events), defaultdict(list)
        for position, owned in enumerate(strangers):
            positions[owned.socket.endpoint.socket_address[:3]].append(position)
        found: dict[int, KernelEvent] = {}
        for unbound, waiting in kernel_events.items():
            sockets = {at: strangers[at] for at in positions.get(unbound, ())}
            if len(sockets) == len(waiting):
                found |= _by_elimination(sockets, waiting)
            else:  # some have not been shown, or were not recorded
                found |= _by_process(sockets, waiting)
        taken = {id(each) for each in found.values()}
        self.kernel_events = tuple(each for each in self.kernel_events if id(each) not in taken)
        return found

    def latest(self) -> dict[Unbound, int]:
        """The time of the latest opening at each address."""
        return {each.endpoint.socket_address[:3]: each.at for each in self.kernel_events}

    def keep_newest(self) -> None:
        """Keep so many as memory is meant for: no scan shows a socket in a namespace out of reach,
        and its closing may be lost."""
        self.kernel_events = self.kernel_events[-_MAX_WAITING:]


def _by_elimination(
    sockets: dict[int, AttributedSocket], kernel_events: Sequence[KernelEvent]
) -> dict[int, KernelEvent]:
    """Pair sockets with the openings of their processes, one process after the other."""
    found: dict[int, KernelEvent] = {}
    opened = _by_opener(kernel_events)
    for pid, positions in _by_holder(sockets).items():
        found |= _only([at for at in positions if at not in found], opened.get(pid, []))
    taken = {id(each) for each in found.values()}
    return found | _only(
        [at for at in sockets if at not in found],
        [each for each in kernel_events if id(each) not in taken],
    )


def _by_process(
    sockets: dict[int, AttributedSocket], kernel_events: Sequence[KernelEvent]
) -> dict[int, KernelEvent]:
    """Pair each socket that only one of the openings can be with that, if it can be no other's."""
    found: dict[int, KernelEvent] = {}
    opened = _by_opener(kernel_events)
    for pid, positions in _by_holder(sockets).items():
        for at, kernel_event in _only(positions, opened.get(pid, [])).items():
            others = {each.key.pid for each in sockets[at].holders} - {pid}
            if not any(opened.get(each) for each in others):
                found[at] = kernel_event
    return found


def _by_holder(sockets: dict[int, AttributedSocket]) -> dict[int, list[int]]:
    held: dict[int, list[int]] = defaultdict(list)
    for position, owned in sockets.items():
        for holder in owned.holders:
            held[holder.key.pid].append(position)
    return held


def _by_opener(kernel_events: Iterable[KernelEvent]) -> dict[int | None, list[KernelEvent]]:
    opened: dict[int | None, list[KernelEvent]] = defaultdict(list)
    for kernel_event in kernel_events:
        opened[kernel_event.pid].append(kernel_event)
    return opened


def _only(positions: Sequence[int], kernel_events: Sequence[KernelEvent]) -> dict[int, KernelEvent]:
    return {positions[0]: kernel_events[0]} if len(positions) == len(kernel_events) == 1 else {}


def _grouped(kernel_events: Iterable[KernelEvent]) -> dict[Unbound, list[KernelEvent]]:
    found: dict[Unbound, list[KernelEvent]] = defaultdict(list)
    for each in kernel_events:
        found[each.endpoint.socket_address[:3]].append(each)
    return found
