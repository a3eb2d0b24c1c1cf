"""The listeners that are open as far as is known, found by whatever a notice names."""

from collections import defaultdict
from collections.abc import Iterable, Iterator

from porteye_core.model import Listener, Place


class OpenListeners:
    """Listeners by id, by their socket's address in the kernel, by cookie and by place."""

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

    def with_cookie(self, cookie: int, netns: int | None) -> Listener | None:
        """The listener whose socket has this cookie in this namespace.

        Before Linux 5.10 each namespace counts its cookies by itself.
        """
        found = self._by_cookie.get(cookie)
        if found and None not in (netns, found.endpoint.netns) and found.endpoint.netns != netns:
            return None
        return found

    def has_cookie(self, cookie: int) -> bool:
        """Tell that a listener has this cookie, in whatever namespace."""
        return cookie in self._by_cookie

    def unnamed(self, place: Place) -> set[int]:
        """The ids of the listeners at a place whose address in the kernel is not known."""
        return self._unnamed.get(place, set())

    def __getitem__(self, number: int) -> Listener:
        return self._by_id[number]
