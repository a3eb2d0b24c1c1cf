"""The loop that watches: look, find owners, compare, store. It runs for months and stays small."""

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Protocol

from porteye_core import tracker
from porteye_core.clock import Clock
from porteye_core.errors import SourceError
from porteye_core.footprint import Footprint, FootprintMeter
from porteye_core.model import (
    Depth,
    Endpoint,
    Listener,
    Notice,
    Owned,
    Place,
    Reading,
    Seen,
    Socket,
    Tick,
    WatchPlan,
)
from porteye_core.owner import OwnerFinder, UsageMeter
from porteye_core.sampling import samples_of
from porteye_core.schedule import Schedule, Turn
from porteye_core.sources import Source
from porteye_core.store.writer import Closing, Opening, Writer

log = logging.getLogger("porteye")

# Between looks that the kernel's notices ask for: the first one is heard at once, and of a storm
# twenty looks a second hear as much as a thousand would.
_REST = 0.05
_MOST_LINES = 20
# Seconds that one step of dropping old records may take, between two looks.
_STEP = 0.05


class Wait(Protocol):
    """Waits until the monitor has to stop, a descriptor is readable, or the time is over."""

    def __call__(self, seconds: float, filenos: Sequence[int]) -> bool:
        """Whether to stop."""
        ...


class Monitor:
    """Watches one machine and writes to one database."""

    def __init__(
        self,
        *,
        source: Source,
        finder: OwnerFinder,
        meter: UsageMeter,
        own: FootprintMeter,
        writer: Writer,
        clock: Clock,
        plan: WatchPlan,
    ) -> None:
        self._source = source
        self._finder = finder
        self._meter = meter
        self._own = own
        self._writer = writer
        self._clock = clock
        self._plan = plan
        self._clients = 0
        self._lost = 0
        self._own_netns: int | None = None
        self._left_out = 0
        self._begin_with_what_is_stored()

    def _begin_with_what_is_stored(self) -> None:
        self._listeners = tracker.OpenListeners(self._writer.open_listeners().values())
        self._owned: dict[int, Owned] = {}
        self._sockets: tuple[Socket, ...] | None = None
        self._portless: tuple[Notice, ...] = ()
        self._unplaced: dict[Place, list[int]] = {}
        self._unsampled: set[int] = set()
        self._missing: dict[int, int] = {}  # when a look first missed a listener, by its number
        self._schedule = Schedule(self._plan)
        self._begun = False
        self._failing = False

    def run(
        self,
        wait: Wait,
        orphaned: Callable[[], bool] = lambda: False,
        alive: Callable[[], None] = lambda: None,
    ) -> None:
        """Look at every interval and whenever the kernel announces something, until `wait` says
        stop or the parent has gone; then end the watch. Calls `alive` at every turn."""
        while True:
            self.look()
            alive()
            self._writer.retry(self._clock.elapsed())
            if self._left() >= _STEP:
                self._writer.drop_some(self._clock.now(), self._clock.elapsed())
            filenos = () if self._failing else self._source.filenos()
            if orphaned() or (filenos and wait(min(_REST, self._left()), ())):
                break
            if wait(self._left(), filenos):
                break
        self.look()  # what was announced until now
        self.stop()

    @property
    def has_looked(self) -> bool:
        """Whether a look has succeeded yet."""
        return self._schedule.has_looked

    @property
    def watched(self) -> int | None:
        """How many listeners are open; None if the last look failed."""
        return None if self._failing or not self.has_looked else len(self._listeners)

    def stop(self) -> None:
        """End the watch: what was seen is stored already."""
        if self.has_looked:
            self._writer.end_watch(self._clock.now())
        log.info("stopped watching %d listeners", len(self._listeners))

    def look(self) -> None:
        """One look at the system; a look that fails is a gap, and closes nothing."""
        if self._writer.is_renewed:
            self._begin_with_what_is_stored()
        at, began = self._clock.now(), self._clock.elapsed()
        turn = self._schedule.turn(began, failing=self._failing)
        try:
            if turn.depth is Depth.CLIENTS:
                self._finder.refresh()
            reading = self._source.read(turn.depth)
            if self._writer.is_full:
                self._fail("So much waits to be stored that nothing more is recorded until it is.")
            else:
                self._take(reading, turn, at, began)
        except SourceError as err:
            self._fail(f"{err} Nothing is recorded until it can be read again.")

    def _fail(self, sentence: str) -> None:
        if not self._failing:
            log.warning("%s", sentence)
        self._failing = True

    def _take(self, reading: Reading, turn: Turn, at: int, began: int) -> None:
        if not self.has_looked:
            self._begin(at)
        self._count_lost(reading)
        self._left_out = reading.left_out
        newborn = self._hear(reading.notices, turn.gap)
        if reading.sockets is not None:
            self._see(reading, newborn, at, began, turn)

    def _begin(self, at: int) -> None:
        if not self._begun:
            self._writer.begin_watch(at, self._plan)
            self._begun = True
        if self._writer.rebooted and len(self._listeners):
            # No socket outlives a boot, however well its numbers fit one of this.
            ended = [Closing(each, at, Seen.GAP) for each in self._listeners]
            self._writer.record_changes(at, closed=ended)
            self._listeners = tracker.OpenListeners()

    def _left(self) -> float:
        return self._schedule.left(self._clock.elapsed())

    def _count_lost(self, reading: Reading) -> None:
        if reading.lost:
            self._lost += reading.lost
            self._schedule.hasten()
            log.warning("%d kernel records were lost: the next look reconciles", reading.lost)

    def _hear(self, notices: tuple[Notice, ...], gap: int) -> set[int]:
        """Store what the kernel announced, at its own times; returns the listeners it opened."""
        newborn: set[int] = set()
        if not notices:
            return newborn
        heard = tracker.announced(self._listeners, (*self._portless, *notices))
        openings = self._openings(heard.born)
        closings = [
            Closing(each, notice.at, _exactness_of(notice, gap)) for each, notice in heard.closed
        ]
        if openings or closings:
            born = self._writer.record_changes(self._clock.now(), openings, closings)
            _log(openings, closings)
            for each in closings:
                self._drop(each.listener)
            for (notice, _), opening, listener in zip(heard.born, openings, born, strict=True):
                if opening.closed is None:
                    self._keep(replace(listener, skaddr=notice.skaddr), opening.owned)
                    newborn.add(listener.id)
        self._unsampled |= newborn
        self._portless = heard.portless
        for notice in heard.unplaced:
            self._unplaced.setdefault(notice.endpoint.place, []).append(notice.at)
        if heard.portless or heard.unplaced:
            self._schedule.hasten()
        return newborn

    def _openings(self, born: Sequence[tuple[Notice, Notice | None]]) -> list[Opening]:
        named = self._finder.naming()
        return [
            Opening(
                named.owned(notice),
                notice.at,
                Seen.KERNEL,
                None if closed is None else (max(closed.at, notice.at), Seen.KERNEL),
            )
            for notice, closed in born
        ]

    def _see(self, reading: Reading, newborn: set[int], at: int, began: int, turn: Turn) -> None:
        """Reconcile with what is there, and sample at the beat."""
        sockets, sampling = reading.sockets or (), turn.depth is Depth.CLIENTS
        seen = Seen.GAP if turn.gap or not self.has_looked else Seen.POLL
        if sockets is not self._sockets or self._unsampled or sampling:
            self._reconcile(reading, sockets, newborn, at, seen)
        if sampling:
            self._clients = sum(found.clients or 0 for found in sockets)
            self._unsampled = set(self._owned)
        if sampling or self._unsampled:
            self._sample(at, began, turn.gap, self._own.measure() if sampling else Footprint())
        self._schedule.looked(at, began, sampling=sampling)
        self._failing = False

    def _reconcile(
        self,
        reading: Reading,
        sockets: tuple[Socket, ...],
        newborn: set[int],
        at: int,
        seen: Seen,
    ) -> None:
        gone = tracker.lingering(self._listeners, sockets, reading.notices)
        held = [each for each in sockets if each not in gone] if gone else sockets
        owned = self._finder.own(held, self._hints(), whole=reading.scope is None)
        within = tracker.within(self._listeners, reading.scope)
        raw = tracker.compare(within, owned)
        changes = tracker.settled(raw, newborn, reading)
        # What a notice explains is looked at again next time, when it should explain nothing.
        self._sockets = sockets if changes == raw and not gone else None
        kept = [(was, tracker.merged(was, now), now) for was, now in changes.kept]
        reowned = [(listener, now) for was, listener, now in kept if listener is not was]
        self._own_netns = reading.scope or self._own_netns
        openings = [self._found(each, at, seen) for each in changes.opened]
        closings = [self._missed(*each, seen) for each in self._surely_closed(changes.closed, at)]
        born: tuple[Listener, ...] = ()
        if self._missing:
            self._sockets = None
        if openings or closings or reowned:
            born = self._writer.record_changes(at, openings, closings, reowned)
            _log(openings, closings, first=not self.has_looked)
        for each in closings:
            self._drop(each.listener)
        for _, listener, now in kept:
            self._keep(listener, now)
        for listener, opening in zip(born, openings, strict=True):
            self._keep(listener, opening.owned)
            self._unsampled.add(listener.id)
        self._unplaced.clear()
        if reading.scope is None:
            self._portless = ()

    def _surely_closed(self, missed: Iterable[Listener], at: int) -> list[tuple[Listener, int]]:
        """What a look misses, with the time at which a look first did.

        A source that announces closings has told already: what it did not tell, two looks have to
        miss, for a dump of many sockets may skip one while others open and close.
        """
        before = self._missing
        self._missing = {each.id: before.get(each.id, at) for each in missed}
        if not self._source.filenos() or not self.has_looked:
            sure = set(self._missing)
        else:
            sure = self._missing.keys() & before.keys()
        return [(each, self._missing.pop(each.id)) for each in missed if each.id in sure]

    def _hints(self) -> dict[Place, int]:
        """By place, the process that the kernel named for a socket that no look has shown yet."""
        return {
            each.endpoint.place: each.owner.pid
            for each in self._listeners
            if each.inode is None and each.owner
        }

    def _found(self, owned: Owned, at: int, seen: Seen) -> Opening:
        """The opening of a socket that a look found, at a portless notice's time if one fits."""
        unbound = replace(owned.socket.endpoint, port=0, netns=None)
        for notice in self._portless:
            pid = owned.owner.key.pid if owned.owner else None
            if unbound == notice.endpoint and pid == notice.pid:
                self._portless = tuple(each for each in self._portless if each is not notice)
                return Opening(owned, notice.at, Seen.KERNEL)
        return Opening(owned, at, self._exactness(owned.socket.endpoint, seen))

    def _missed(self, listener: Listener, at: int, seen: Seen) -> Closing:
        """The closing of a listener that a look missed, at an unplaced notice's time if any."""
        times = self._unplaced.get(listener.endpoint.place)
        return (
            Closing(listener, times.pop(0), Seen.KERNEL)
            if times
            else Closing(listener, at, self._exactness(listener.endpoint, seen))
        )

    def _exactness(self, endpoint: Endpoint, seen: Seen) -> Seen:
        """Other namespaces are looked into at the beat of samples: between, nobody watched them."""
        foreign = self._own_netns is not None and endpoint.netns not in (None, self._own_netns)
        rarely = self._plan.sample_interval_us > self._plan.interval_us
        return Seen.GAP if foreign and rarely else seen

    def _keep(self, listener: Listener, owned: Owned) -> None:
        self._listeners.put(listener)
        self._owned[listener.id] = owned

    def _drop(self, listener: Listener) -> None:
        self._listeners.remove(listener)
        self._owned.pop(listener.id, None)
        self._unsampled.discard(listener.id)

    def _sample(self, at: int, began: int, gap: int, own: Footprint) -> None:
        owned = {number: self._owned[number] for number in self._unsampled}
        self._unsampled = set()
        self._meter.forget(each.key for each in self._owned.values() if each.key)
        tick = Tick(
            at,
            began,
            listeners=len(self._listeners),
            clients=self._clients,
            scan_us=self._clock.elapsed() - began,
            hidden=sum(each.hidden is not None for each in self._owned.values()),
            lost=self._lost,
            gap=gap,
            jump=self._schedule.jump(at, began),
            left_out=self._left_out,
            **own._asdict(),
        )
        self._writer.record_tick(tick, samples_of(owned, self._meter))


def _exactness_of(notice: Notice, gap: int) -> Seen:
    """What has no address of a socket has no time of its own either, but that of its reading."""
    return Seen.GAP if gap and not notice.skaddr else Seen.KERNEL


def _log(openings: Sequence[Opening], closings: Iterable[Closing], *, first: bool = False) -> None:
    closed = list(closings)
    if first or len(openings) + len(closed) > _MOST_LINES:
        log.info("%d listeners opened, %d closed", len(openings), len(closed))
        return
    for opening in openings:
        owner = opening.owned.owner
        who = f" by {owner.program.name}, pid {owner.key.pid}" if owner else ""
        until = ", closed again" if opening.closed else ""
        log.info("opened %s%s%s", opening.owned.socket.endpoint, who, until)
    for closing in closed:
        log.info("closed %s", closing.listener.endpoint)
