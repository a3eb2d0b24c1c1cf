"""Lives that were over before their process could be read, and the namespace that they were in.

A record of the kernel names no namespace. But the announcements of destroyed sockets come from the
monitor's own namespace alone: as many of them at a place as there were such lives tell that all of
these were in it. Of the others nothing tells where they were.
"""

from collections import Counter
from collections.abc import Sequence

from porteye_core.model import KernelEvent, Kind, Listener, SocketAddress

# Microseconds after its closing within which a socket is destroyed: 90 ms were measured.
_PATIENCE = 2_000_000
# Lives that wait at one place: one user can make 1,000 a second at one, for as long as he likes.
_MAX_WAITING = 10_000

Placed = tuple[int, int]
"""The id of a listener, and its namespace."""


class Homeless:
    """Waits for the announcements of sockets that have closed already."""

    def __init__(self) -> None:
        self._waiting: dict[SocketAddress, list[tuple[int, int]]] = {}
        self._destroyed: Counter[tuple[SocketAddress, int]] = Counter()

    def add(self, listener: Listener, closed_at: int) -> None:
        """Let a listener wait whose namespace is not known."""
        self._waiting.setdefault(listener.endpoint.socket_address, []).append(
            (listener.id, closed_at)
        )

    def hear(self, kernel_events: Sequence[KernelEvent], now: int) -> list[Placed]:
        """The listeners whose namespace the announcements of destroyed sockets tell."""
        if not self._waiting:
            return []
        for kernel_event in kernel_events:
            at = kernel_event.endpoint
            if (
                kernel_event.kind is Kind.CLOSED
                and kernel_event.cookie is not None
                and at.netns is not None
            ):
                self._destroyed[at.socket_address, at.netns] += 1
        found: list[Placed] = []
        for (place, netns), count in list(self._destroyed.items()):
            waiting = self._waiting.get(place, [])
            if waiting and count >= len(waiting):
                found += [(listener_id, netns) for listener_id, _ in waiting]
                del self._waiting[place]
        self._give_up(now - _PATIENCE)
        return found

    def _give_up(self, before: int) -> None:
        for place, waiting in list(self._waiting.items()):
            if waiting[-1][1] < before or len(waiting) > _MAX_WAITING:
                del self._waiting[place]
        self._destroyed = Counter(
            {at: count for at, count in self._destroyed.items() if at[0] in self._waiting}
        )
