"""One scan compared with what is open, in parts; pure.

One user can have 100,000 sockets. A part has all sockets and listeners at some places, for no rule
of matching looks beyond a place but one: a listener that was recorded at the unspecified address
can be a socket at any. So the parts with those addresses come first, and what is left of them may
be matched in each of the others.
"""

from array import array
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from porteye_core.model import (
    AttributedSocket,
    Closing,
    Family,
    Listener,
    Opening,
    Precision,
    Protocol,
    Scope,
    Socket,
    SocketAddress,
)
from porteye_core.tracking.matching import is_only_recorded, match
from porteye_core.tracking.merging import merged
from porteye_core.tracking.open_listeners import OpenListeners
from porteye_core.tracking.portless import Portless
from porteye_core.tracking.reach import Reach, not_scanned, reach, within
from porteye_core.tracking.scan import Changes, Part, Scan
from porteye_core.tracking.waiting import Waiting

# Sockets, or listeners, of a part. One of 1,000 takes 1.5 MB while it is compared. Twice as many
# are still compared at once, for to divide them takes a fifth more time.
PART = 1000
_STEP = 10_000  # sockets that are divided at once
_UNSPECIFIED = ("0.0.0.0", "::")  # noqa: S104 - compared

MayHold = Callable[[Listener], bool]


class Comparison:
    """The comparison of one scan; between its parts the tracker may hear notices."""

    def __init__(
        self,
        listeners: OpenListeners,
        waiting: Waiting,
        portless: Portless,
        scope: Scope,
        scan: Scan,
        *,
        is_whole: bool,
    ) -> None:
        """is_whole: with this scan every namespace was scanned, now or in the latest ones."""
        self._listeners = listeners
        self._waiting = waiting
        self._portless = portless
        self.scope = scope
        self.scan = scan
        self._is_whole = is_whole
        self.sockets: Sequence[Socket] = ()
        self._is_divided = False
        self._left: dict[tuple[Protocol, Family, int], list[int]] = defaultdict(list)
        self._strangers: list[
            AttributedSocket
        ] = []  # whose openings may be those of unbound sockets
        self.is_pressing = False  # the next scan of the own namespace decides on a listener
        self.is_left_over = False  # a socket was left to the next scan

    def parts(self, sockets: Sequence[Socket]) -> Iterator[Part | None]:
        """The scan with what is open, in parts, each of which has to be seen before the next; None
        while a scan of many is divided."""
        self.sockets = sockets
        largest = max(len(sockets), len(self._listeners))
        count = -(-largest // PART)
        self._is_divided = largest > 2 * PART
        if not self._is_divided:
            yield self._part(sockets, list(self._listeners))
            return
        listener_ids: list[list[int]] = [[] for _ in range(2 * count)]
        positions = [array("L") for _ in range(2 * count)]
        for turn, listener_id in enumerate(list(self._listeners.ids())):
            if listener_id in self._listeners:
                listener_ids[_index(self._listeners.place(listener_id), count)].append(listener_id)
            if turn % _STEP == 0:
                yield None
        for position, socket in enumerate(sockets):
            positions[_index(socket.endpoint.socket_address, count)].append(position)
            if position % _STEP == 0:
                yield None
        for index in range(2 * count):
            known = [
                self._listeners[each] for each in listener_ids[index] if each in self._listeners
            ]
            listener_ids[index].clear()
            if known or positions[index]:
                later = (sockets[at] for each in positions[index + 1 :] for at in each)
                yield self._part([sockets[at] for at in positions[index]], known, later)

    def _part(
        self,
        sockets: Sequence[Socket],
        listeners: list[Listener],
        upcoming: Iterable[Socket] = (),
    ) -> Part:
        living = self._waiting.living(sockets, listeners)
        self.is_left_over |= len(living) < len(sockets)
        hints = {
            each.endpoint.socket_address: each.owner.pid
            for each in listeners
            if each.inode is None and each.owner
        }
        return Part(living, listeners, hints, upcoming)

    def see(self, part: Part, owned: Sequence[AttributedSocket], may_hold: MayHold) -> Changes:
        """Compare one part, whose sockets have these owners.

        may_hold: tells that a process which had the listener can have it still: its descriptor is
        there, or, for a socket without numbers, the process.
        """
        left = self._left_at(part.sockets)
        matched = match(within((*part.listeners, *left), self.scope), owned)
        kept = tuple(
            (was, merged(was, now, guessed=was.guessed or was.id in matched.guesses), now)
            for was, now in matched.pairs
        )
        for was, _, _ in kept:
            self._waiting.missed.pop(was.id, None)
        self._take_left(left, {was.id for was, _, _ in kept})
        others = {each.id for each in left}
        missing = [each for each in matched.missing if each.id not in others]
        if self.scope.living is not None:  # those in namespaces out of reach are missing, too
            compared = {each.id for each in missing} | {was.id for was, _, _ in kept}
            missing += [each for each in part.listeners if each.id not in compared]
        closed, unseen = self._decide(self._without_left(missing), may_hold)
        told = {each.listener.id for each in closed} | {each.id for each in unseen}
        refuted = matched.refuted - told
        unseen += tuple(each for each in missing if each.id in refuted)
        return Changes(kept, tuple(self._opened(matched.strangers)), closed, unseen)

    def end(self, may_hold: MayHold) -> Changes:
        """Decide on what no single part could tell."""
        listener_ids = [each for found in self._left.values() for each in found]
        self._left.clear()
        left = [self._listeners[each] for each in listener_ids if each in self._listeners]
        closed, unseen = self._decide(left, may_hold)
        opened = tuple(self._openings(self._living_strangers()))
        self._strangers = []
        return Changes((), opened, closed, unseen)

    def _living_strangers(self) -> list[AttributedSocket]:
        """The strangers of all parts without those that closed since their part was compared."""
        living = self._waiting.living([each.socket for each in self._strangers], ())
        self.is_left_over |= len(living) < len(self._strangers)
        ids = {id(each) for each in living}
        return [each for each in self._strangers if id(each.socket) in ids]

    def _left_at(self, sockets: Sequence[Socket]) -> list[Listener]:
        """The recorded listeners of earlier parts that a socket of this one can be."""
        if not self._left:
            return []
        keys = {(at.protocol, at.family, at.port) for at in (each.endpoint for each in sockets)}
        listener_ids = [each for key in keys for each in self._left.get(key, ())]
        return [self._listeners[each] for each in listener_ids if each in self._listeners]

    def _take_left(self, left: Sequence[Listener], found: set[int]) -> None:
        for each in left:
            if each.id in found:
                self._left[_of_port(each)].remove(each.id)

    def _without_left(self, missing: Iterable[Listener]) -> list[Listener]:
        """The listeners that no later part can show; notes the others."""
        if not self._is_divided:
            return list(missing)
        found = []
        for each in missing:
            if is_only_recorded(each) and each.endpoint.address in _UNSPECIFIED:
                self._left[_of_port(each)].append(each.id)
            else:
                found.append(each)
        return found

    def _opened(self, strangers: Sequence[AttributedSocket]) -> Iterator[Opening]:
        """The openings of sockets that a part found, without those that may be an unbound one's:
        only all of them together tell which."""
        if not self._is_divided:
            yield from self._openings(strangers)
            return
        unbound = self._portless.places()
        for each in strangers:
            if each.socket.endpoint.socket_address[:3] in unbound:
                self._strangers.append(each)
            else:
                yield self._opening(each)

    def _openings(self, strangers: Sequence[AttributedSocket]) -> Iterator[Opening]:
        """The openings of sockets that a scan found, at the times of their records if known."""
        recorded = self._portless.take(strangers)
        latest = self._portless.latest()
        for position, owned in enumerate(strangers):
            if kernel_event := recorded.get(position):
                yield Opening(owned, kernel_event.at, Precision.KERNEL, kernel_event=kernel_event)
            else:
                # Never before a record that may be this socket's: its closing finds it by that.
                yield self._opening(owned, latest.get(owned.socket.endpoint.socket_address[:3], 0))

    def _opening(self, owned: AttributedSocket, earliest: int = 0) -> Opening:
        at = max(self.scan.at, earliest)
        return Opening(owned, at, self.scan.seen_in(owned.socket.endpoint.netns))

    def _decide(
        self, missing: Sequence[Listener], may_hold: MayHold
    ) -> tuple[tuple[Closing, ...], tuple[Listener, ...]]:
        """The listeners that closed, and those of which less is known now."""
        scope = self.scope
        times = self._times(missing)
        verdicts = [
            self._miss(each, reach(each, scope, is_whole=self._is_whole), times, may_hold)
            for each in missing
        ]
        self.is_pressing |= any(
            each.id in self._waiting.missed
            and (scope.scanned is None or each.endpoint.netns in (None, self.scan.own))
            for each in missing
        )
        return (
            tuple(each for each in verdicts if isinstance(each, Closing)),
            tuple(each for each in verdicts if isinstance(each, Listener)),
        )

    def _times(self, missing: Sequence[Listener]) -> dict[SocketAddress, list[int]]:
        """The times of closings that are those of the missing listeners at their places: of more
        listeners than closings, the dump may have skipped one that lives."""
        unplaced = self._waiting.unplaced
        if not unplaced:
            return {}
        counts = Counter(each.endpoint.socket_address for each in missing if not each.skaddr)
        before = {
            at: [each for each in unplaced.get(at, ()) if each < self.scan.at] for at in counts
        }
        return {at: times for at, times in before.items() if len(times) >= counts[at]}

    def _miss(
        self,
        listener: Listener,
        reach: Reach,
        times: Mapping[SocketAddress, Sequence[int]],
        may_hold: MayHold,
    ) -> Closing | Listener | None:
        """Decide on a listener that a scan does not show: closed, unseen, or neither yet."""
        waiting, scan = self._waiting, self.scan
        if listener.id in waiting.newborn or listener.endpoint.socket_address in waiting.doubtful:
            return None
        if reach is not Reach.SCANNED:
            known = not_scanned(listener, reach, self.scope, scan.at, may_hold)
            if known is not None:
                if reach is not Reach.LATER:
                    waiting.missed.pop(listener.id, None)  # a process shows it
                return None if known is listener else known
        first = waiting.missed.setdefault(listener.id, scan.at)
        known_times = () if listener.skaddr else times.get(listener.endpoint.socket_address, ())
        if scan.announces and first == scan.at and not known_times:
            return None
        del waiting.missed[listener.id]
        if known_times:
            # Of several closings at one place nothing tells which is whose.
            is_mixed = len(known_times) > 1 or listener.endpoint.socket_address in waiting.mixed
            return Closing(
                listener, known_times[-1], Precision.POLL if is_mixed else Precision.KERNEL
            )
        seen = scan.seen_in(listener.endpoint.netns) if reach is Reach.SCANNED else Precision.GAP
        return Closing(listener, first, seen)


def _index(place: SocketAddress, count: int) -> int:
    """The part of a place, those of the unspecified addresses before all others."""
    return hash(place) % count + (0 if place[2] in _UNSPECIFIED else count)


def _of_port(listener: Listener) -> tuple[Protocol, Family, int]:
    endpoint = listener.endpoint
    return endpoint.protocol, endpoint.family, endpoint.port
