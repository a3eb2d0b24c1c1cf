"""Lives that were over before their process could be read, and the namespace that they were in.

A record of the kernel names no namespace. But the announcements of destroyed sockets come from the
monitor's own namespace alone: as many of them at a place as there were such lives tell that all of
these were in it. Of the others nothing tells where they were.
"""

from collections import Counter
from collections.abc import Sequence

from porteye_core.model import Kind, Listener, Notice, Place

# Microseconds after its closing within which a socket is destroyed: 90 ms were measured.
_PATIENCE = 2_000_000
# Lives that wait at one place: one user can make 1,000 a second at one, for as long as he likes.
_MOST_WAITING = 10_000

Placed = tuple[int, int]
"""The id of a listener, and its namespace."""


class Homeless:
    """Waits for the announcements of sockets that have closed already."""

    def __init__(self) -> None:
        self._waiting: dict[Place, list[tuple[int, int]]] = {}
        self._destroyed: Counter[tuple[Place, int]] = Counter()

    def add(self, listener: Listener, closed_at: int) -> None:
        """Let a listener wait whose namespace is not known."""
        self._waiting.setdefault(listener.endpoint.place, []).append((listener.id, closed_at))

    def hear(self, notices: Sequence[Notice], now: int) -> list[Placed]:
        """The listeners whose namespace the announcements of destroyed sockets tell."""
        if not self._waiting:
            return []
        for notice in notices:
            at = notice.endpoint
            if notice.kind is Kind.CLOSED and notice.cookie is not None and at.netns is not None:
                self._destroyed[at.place, at.netns] += 1
        found: list[Placed] = []
        for (place, netns), count in list(self._destroyed.items()):
            waiting = self._waiting.get(place, [])
            if waiting and count >= len(waiting):
                found += [(number, netns) for number, _ in waiting]
                del self._waiting[place]
        self._give_up(now - _PATIENCE)
        return found

    def _give_up(self, before: int) -> None:
        for place, waiting in list(self._waiting.items()):
            if waiting[-1][1] < before or len(waiting) > _MOST_WAITING:
                del self._waiting[place]
        self._destroyed = Counter(
            {at: count for at, count in self._destroyed.items() if at[0] in self._waiting}
        )
