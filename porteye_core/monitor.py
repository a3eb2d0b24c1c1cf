"""The loop that watches: look, find owners, compare, store. It runs for months and stays small."""

import logging
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Protocol

from porteye_core.clock import Clock, moment
from porteye_core.errors import SourceError
from porteye_core.footprint import Footprint, FootprintMeter
from porteye_core.model import (
    Closing,
    Depth,
    Listener,
    Notice,
    Opening,
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
from porteye_core.store.writer import Writer
from porteye_core.tracker import Scan, Tracker

log = logging.getLogger("porteye")

# Between looks that the kernel's notices ask for: the first one is heard at once, and of a storm
# twenty looks a second hear as much as a thousand would.
_REST = 0.05
_MOST_LINES = 20
# Seconds that one step of dropping old records may take, between two looks.
_STEP = 0.05
# Changes that one transaction stores, in half a second: between two of them a stop is heard.
_PIECE = 2000
# Seconds for which what was announced before a stop is still stored, a turn's changes included.
_FAREWELL = 0.5


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
        self._left_out = self._left_out_us = 0
        self._alive: Callable[[], None] = lambda: None
        self._stopping: Callable[[], bool] = lambda: False
        self._until: float | None = None  # elapsed; the end of the time after a stop
        self._begin_with_what_is_stored()

    def _begin_with_what_is_stored(self) -> None:
        self._tracker = Tracker(self._writer.open_listeners().values())
        self._owned: dict[int, Owned] = {}
        self._sockets: tuple[Socket, ...] | None = None
        self._unsampled: set[int] = set()
        self._schedule = Schedule(self._plan)
        self._begun = False
        self._failing = self._is_behind = False

    def run(
        self,
        wait: Wait,
        orphaned: Callable[[], bool] = lambda: False,
        alive: Callable[[], None] = lambda: None,
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        """Look at every interval and whenever the kernel announces something, until `wait` says
        stop or the parent has gone; then end the watch. Calls `alive` at every turn, and between
        the pieces of a long one, which `stopping` can end."""
        self._alive, self._stopping = alive, stopping
        self._watch(wait, orphaned)
        self._hear_the_last()
        self.stop()

    def _watch(self, wait: Wait, orphaned: Callable[[], bool]) -> None:
        while True:
            self.look()
            self._alive()
            self._writer.retry(self._clock.elapsed())
            self._writer.measure(self._clock.now(), self._clock.elapsed())
            if self._left() >= _STEP or self._writer.is_behind:
                self._writer.drop_some(self._clock.now(), self._clock.elapsed())
            filenos = () if self._failing else self._source.filenos()
            most = 0.0 if self._is_behind else self._left()
            if orphaned() or (filenos and wait(min(_REST, most), ())):
                return
            if wait(min(most, self._left()), filenos):
                return

    def _hear_the_last(self) -> None:
        """Store what was announced until now, as far as the time for it goes."""
        until = self._farewell()
        with suppress(SourceError):
            while self.has_looked and not self._failing:
                reading = self._source.read(Depth.NOTICES)
                self._count_lost(reading)
                self._hear(reading, gap=0)
                if not reading.notices or self._clock.elapsed() > until:
                    break

    def _farewell(self) -> float:
        """The end of the time for which something is stored after a stop; elapsed."""
        if self._until is None:
            self._until = self._clock.elapsed() + _FAREWELL * 1e6
        return self._until

    def _must_end(self) -> bool:
        """Tell between two pieces of a turn that the time after a stop is over."""
        self._alive()
        is_stopping = self._until is not None or self._stopping()
        return is_stopping and self._clock.elapsed() > self._farewell()

    @property
    def has_looked(self) -> bool:
        """Whether a look has succeeded yet."""
        return self._schedule.has_looked

    @property
    def watched(self) -> int | None:
        """How many listeners are open; None if the last look failed."""
        return None if self._failing or not self.has_looked else len(self._tracker.listeners)

    def stop(self) -> None:
        """End the watch: what was seen is stored already."""
        if self._begun:
            self._writer.end_watch(self._clock.now())
        log.info("stopped watching %d listeners", len(self._tracker.listeners))

    def look(self) -> None:
        """One look at the system; a look that fails is a gap, and closes nothing."""
        if self._writer.is_renewed:
            self._begin_with_what_is_stored()
        at, began = moment(self._clock)
        turn = self._schedule.turn(began, failing=self._failing)
        try:
            if turn.depth is Depth.CLIENTS:
                self._finder.refresh()
            reading = self._source.read(turn.depth)
            self._is_behind = reading.more
            if self._writer.is_full:
                self._fail("So much waits to be stored that nothing more is recorded until it is.")
            else:
                self._take(reading, turn, at, began)
        except SourceError as err:
            self._fail(f"{err} Nothing is recorded until it can be read again.")

    def _fail(self, sentence: str) -> None:
        if not self._failing:
            log.warning("%s", sentence)
        self._failing, self._is_behind = True, False

    def _take(self, reading: Reading, turn: Turn, at: int, began: int) -> None:
        if not self.has_looked:
            self._begin(at)
        self._count_lost(reading)
        self._hear(reading, turn.gap)
        if reading.sockets is not None:
            self._see(reading, reading.sockets, at, began, turn)

    def _begin(self, at: int) -> None:
        if self._begun:
            return
        self._writer.begin_watch(at, self._plan)
        self._begun = True
        if self._writer.rebooted:
            # No socket outlives a boot, however well its numbers fit one of this.
            ended = [Closing(each, at, Seen.GAP) for each in self._tracker.clear()]
            self._writer.record_changes(at, closed=ended)
        else:
            self._finder.recall(self._tracker.listeners)

    def _left(self) -> float:
        return self._schedule.left(self._clock.elapsed())

    def _count_lost(self, reading: Reading) -> None:
        if reading.lost:
            self._lost += reading.lost
            self._schedule.hasten()
            log.warning("%d kernel records were lost: the next look reconciles", reading.lost)

    def _hear(self, reading: Reading, gap: int) -> None:
        """Store what the kernel announced, at its own times."""
        heard = self._tracker.hear(reading, Seen.GAP if gap else Seen.POLL)
        openings = self._openings(heard.born)
        born = self._record(self._clock.now(), openings, heard.closed)
        _log(openings, heard.closed)
        for (notice, _), opening, listener in zip(heard.born, openings, born, strict=False):
            if opening.closed is None:
                self._keep(replace(listener, skaddr=notice.skaddr), opening.owned, newborn=True)
            elif listener.endpoint.netns is None:
                self._tracker.homeless.add(listener, opening.closed[0])
        now = self._clock.now()
        if placed := self._tracker.homeless.hear(reading.notices, now):
            self._writer.record_placed(now, placed)
        if self._tracker.wants_scan:
            self._schedule.hasten()

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

    def _see(
        self, reading: Reading, sockets: tuple[Socket, ...], at: int, began: int, turn: Turn
    ) -> None:
        """Reconcile with what is there, and sample at the beat."""
        sampling = turn.depth is Depth.CLIENTS
        if sampling:
            self._left_out = len(reading.scope.left_out)
            self._left_out_us = round(reading.scope.unscanned * 1e6) if self._left_out else 0
        scan = Scan(
            at,
            Seen.GAP if turn.gap or not self.has_looked else Seen.POLL,
            announces=bool(self._source.filenos()) and self.has_looked,
            own=reading.scope.own,
            others_rarely=self._others_rarely,
        )
        if self._must_compare(sockets) or sampling:
            self._reconcile(reading, sockets, scan)
        if sampling:
            self._clients = sum(found.clients or 0 for found in sockets)
            self._unsampled = set(self._owned)
        step = self._schedule.step(at, began)
        if sampling or self._unsampled or step:
            own = self._own.measure() if sampling else Footprint()
            self._sample(at, began, turn.gap, step, own)
        self._schedule.looked(at, began, sampling=sampling)
        self._failing = False

    @property
    def _others_rarely(self) -> bool:
        """Tell that other namespaces are not scanned within each interval."""
        return self._left_out > 0 or self._plan.sample_interval_us > self._plan.interval_us

    def _must_compare(self, sockets: tuple[Socket, ...]) -> bool:
        changed = self._finder.check_young()
        return (
            changed
            or sockets is not self._sockets
            or bool(self._unsampled)
            or self._finder.is_searching
            or not self._tracker.is_settled
        )

    def _reconcile(self, reading: Reading, sockets: tuple[Socket, ...], scan: Scan) -> None:
        living = self._tracker.living(sockets)
        owned = self._finder.own(living, self._hints(), reading.scope.scanned)
        changes = self._tracker.see(owned, reading.scope, scan, self._finder.may_hold)
        # A socket that is left to the next scan is no news there if it is compared with this one.
        self._sockets = sockets if living is sockets else None
        learnt = [(is_, now) for was, is_, now in changes.kept if self._is_news(was, is_, now)]
        opened = self._by_openers(changes.opened)
        born = self._record(scan.at, opened, changes.closed, learnt, changes.unseen)
        _log(opened, changes.closed, first=not self.has_looked)
        for lost in changes.unseen:
            self._tracker.keep(lost)
        for _, listener, now in changes.kept:
            self._keep(listener, now)
        for listener, opening in zip(born, opened, strict=False):
            skaddr = opening.notice.skaddr if opening.notice else 0
            self._keep(replace(listener, skaddr=skaddr), opening.owned)
            self._unsampled.add(listener.id)

    def _by_openers(self, openings: Sequence[Opening]) -> list[Opening]:
        """The openings of a scan, a recorded one by the process that the record names.

        The next scan shows who has the socket now.
        """
        named = self._finder.naming()
        found = []
        for each in openings:
            owner = each.owned.owner
            if each.notice is None or (owner and owner.key.pid == each.notice.pid):
                found.append(each)
                continue
            opener = named.owned(each.notice)
            by_opener = replace(opener, socket=each.owned.socket, user=each.owned.user)
            found.append(replace(each, owned=by_opener))
            self._sockets = None
        return found

    def _record(
        self,
        at: int,
        opened: Sequence[Opening],
        closed: Sequence[Closing],
        learnt: Sequence[tuple[Listener, Owned]] = (),
        unseen: Sequence[Listener] = (),
    ) -> list[Listener]:
        """Store changes, of which one user can make 20,000 at once, in pieces; returns the opened
        listeners, not all of them if a stop came."""
        born: list[Listener] = []
        longest = max(len(opened), len(closed), len(learnt), len(unseen))
        for first in range(0, longest, _PIECE):
            if first and self._must_end():
                log.warning("A stop left up to %d changes out.", longest - first)
                break
            part = slice(first, first + _PIECE)
            born += self._writer.record_changes(
                at, opened[part], closed[part], learnt[part], unseen[part]
            )
            for each in closed[part]:
                self._drop(each.listener)
        return born

    def _is_news(self, was: Listener, listener: Listener, now: Owned) -> bool:
        """Tell that a scan shows more of a listener, or other descriptions of its holders."""
        before = self._owned.get(was.id)
        return listener is not was or before is None or before.holders is not now.holders

    def _hints(self) -> dict[Place, int]:
        """By place, the process that the kernel named for a socket that no scan has shown yet."""
        return {
            each.endpoint.place: each.owner.pid
            for each in self._tracker.listeners
            if each.inode is None and each.owner
        }

    def _keep(self, listener: Listener, owned: Owned, *, newborn: bool = False) -> None:
        self._tracker.keep(listener, newborn=newborn)
        self._owned[listener.id] = owned
        if newborn:
            self._unsampled.add(listener.id)

    def _drop(self, listener: Listener) -> None:
        self._tracker.drop(listener)
        self._owned.pop(listener.id, None)
        self._unsampled.discard(listener.id)

    def _sample(self, at: int, began: int, gap: int, jump: int, own: Footprint) -> None:
        owned = {number: self._owned[number] for number in self._unsampled}
        self._unsampled = set()
        self._meter.forget(each.key for each in self._owned.values() if each.key)
        tick = Tick(
            at,
            began,
            listeners=len(self._tracker.listeners),
            clients=self._clients,
            scan_us=self._clock.elapsed() - began,
            hidden=sum(each.hidden is not None for each in self._owned.values()),
            lost=self._lost,
            gap=gap,
            jump=jump,
            left_out=self._left_out,
            left_out_us=self._left_out_us,
            **own._asdict(),
        )
        self._writer.record_tick(tick, samples_of(owned, self._meter))


def _log(openings: Sequence[Opening], closings: Iterable[Closing], *, first: bool = False) -> None:
    closed = list(closings)
    if not openings and not closed:
        return
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
