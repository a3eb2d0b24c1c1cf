"""Sockets that listen without having been bound; pure.

The kernel records such an opening before it chooses the port, which a scan or the closing shows.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from porteye_core.model import Family, Notice, Owned, Protocol

_MOST = 256  # openings that wait
Unbound = tuple[Protocol, Family, str]


class Portless:
    """The openings that wait for their ports."""

    def __init__(self) -> None:
        self.notices: tuple[Notice, ...] = ()
        self._places: tuple[tuple[Notice, ...], frozenset[Unbound]] = (), frozenset()

    def places(self) -> frozenset[Unbound]:
        """The addresses at which an opening waits."""
        if self._places[0] is not self.notices:
            places = frozenset(each.endpoint.place[:3] for each in self.notices)
            self._places = self.notices, places
        return self._places[1]

    def is_waiting(self, since: int) -> bool:
        """Tell that a socket opened after the scan of this time, which did not show it."""
        return any(each.at >= since for each in self.notices)

    def take(self, strangers: Sequence[Owned]) -> dict[int, Notice]:
        """Take out the openings of these sockets; returns each by the position of its socket.

        An opening goes with a socket of the same process. As many sockets as openings are the
        sockets of these, so that the only one left goes with the only socket left. Of several
        nothing tells which is whose: they stay.
        """
        if not self.notices:
            return {}
        notices, positions = _grouped(self.notices), defaultdict(list)
        for position, owned in enumerate(strangers):
            positions[owned.socket.endpoint.place[:3]].append(position)
        found: dict[int, Notice] = {}
        for unbound, waiting in notices.items():
            sockets = {at: strangers[at] for at in positions.get(unbound, ())}
            if len(sockets) == len(waiting):
                found |= _by_elimination(sockets, waiting)
            else:  # some have not been shown, or were not recorded
                found |= _by_process(sockets, waiting)
        taken = {id(each) for each in found.values()}
        self.notices = tuple(each for each in self.notices if id(each) not in taken)
        return found

    def latest(self) -> dict[Unbound, int]:
        """The time of the latest opening at each address."""
        return {each.endpoint.place[:3]: each.at for each in self.notices}

    def keep_newest(self) -> None:
        """Keep so many as memory is meant for: no scan shows a socket in a namespace out of reach,
        and its closing may be lost."""
        self.notices = self.notices[-_MOST:]


def _by_elimination(sockets: dict[int, Owned], notices: Sequence[Notice]) -> dict[int, Notice]:
    """Pair sockets with the openings of their processes, one process after the other."""
    found: dict[int, Notice] = {}
    opened = _by_opener(notices)
    for pid, positions in _by_holder(sockets).items():
        found |= _only([at for at in positions if at not in found], opened.get(pid, []))
    taken = {id(each) for each in found.values()}
    return found | _only(
        [at for at in sockets if at not in found],
        [each for each in notices if id(each) not in taken],
    )


def _by_process(sockets: dict[int, Owned], notices: Sequence[Notice]) -> dict[int, Notice]:
    """Pair each socket that only one of the openings can be with that, if it can be no other's."""
    found: dict[int, Notice] = {}
    opened = _by_opener(notices)
    for pid, positions in _by_holder(sockets).items():
        for at, notice in _only(positions, opened.get(pid, [])).items():
            others = {each.key.pid for each in sockets[at].holders} - {pid}
            if not any(opened.get(each) for each in others):
                found[at] = notice
    return found


def _by_holder(sockets: dict[int, Owned]) -> dict[int, list[int]]:
    held: dict[int, list[int]] = defaultdict(list)
    for position, owned in sockets.items():
        for holder in owned.holders:
            held[holder.key.pid].append(position)
    return held


def _by_opener(notices: Iterable[Notice]) -> dict[int | None, list[Notice]]:
    opened: dict[int | None, list[Notice]] = defaultdict(list)
    for notice in notices:
        opened[notice.pid].append(notice)
    return opened


def _only(positions: Sequence[int], notices: Sequence[Notice]) -> dict[int, Notice]:
    return {positions[0]: notices[0]} if len(positions) == len(notices) == 1 else {}


def _grouped(notices: Iterable[Notice]) -> dict[Unbound, list[Notice]]:
    found: dict[Unbound, list[Notice]] = defaultdict(list)
    for each in notices:
        found[each.endpoint.place[:3]].append(each)
    return found
