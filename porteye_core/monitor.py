"""The loop that watches: look, find owners, compare, store. It runs for months and stays small."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Protocol

from porteye_core.clock import Clock, moment
from porteye_core.errors import SourceError
from porteye_core.footprint import Footprint, FootprintMeter
from porteye_core.model import (
    Closing,
    Depth,
    Notice,
    Opening,
    Reading,
    Seen,
    Socket,
    Tick,
    WatchPlan,
)
from porteye_core.owner import OwnerFinder, UsageMeter
from porteye_core.reconciliation import Reconciliation
from porteye_core.recording import Recording, log_changes
from porteye_core.sampling import Observed
from porteye_core.schedule import Schedule, Turn
from porteye_core.sources import Source
from porteye_core.store.writer import Writer
from porteye_core.tracker import Scan, Tracker

log = logging.getLogger("porteye")

# Between looks that the kernel's notices ask for: the first one is heard at once, and of a storm
# twenty looks a second hear as much as a thousand would.
_REST = 0.05
# Seconds that one step of dropping old records may take, between two looks.
_STEP = 0.05
# Seconds of work on one scan, after which notices are heard before it goes on.
_SLICE = 0.5
# Samples that one transaction stores.
_SAMPLES = 2000
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
        self._clients = self._hidden = 0  # at the last beat
        self._lost = 0
        self._left_out = self._left_out_us = 0
        self._alive: Callable[[], None] = lambda: None
        self._stopping: Callable[[], bool] = lambda: False
        self._until: float | None = None  # elapsed; the end of the time after a stop
        self._begin_with_what_is_stored()

    def _begin_with_what_is_stored(self) -> None:
        self._tracker = self._writer.open_listeners(Tracker)
        self._recording = Recording(self._tracker, self._writer, self._must_end)
        self._sockets: Sequence[Socket] | None = None
        self._work: Iterator[None] | None = None  # on a scan, while it goes on
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
            if self._work and not (orphaned() or self._stopping()):
                continue
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
        """One look at the system; a look that fails is a gap, and closes nothing.

        While there is work on a scan it hears notices, and goes on with that.
        """
        if self._writer.is_renewed:
            self._begin_with_what_is_stored()
        at, began = moment(self._clock)
        if self._work:
            turn = Turn(Depth.NOTICES, 0)
        else:
            turn = self._schedule.turn(began, failing=self._failing)
        try:
            if turn.depth is Depth.CLIENTS:
                self._sockets = None  # whatever was before, all are compared and sampled
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
        self._give_up()

    def _give_up(self) -> None:
        """Leave the rest of a scan to the next one."""
        self._work = None
        self._tracker.give_up()

    def _take(self, reading: Reading, turn: Turn, at: int, began: int) -> None:
        if not self.has_looked:
            self._begin(at)
        self._count_lost(reading)
        self._hear(reading, turn.gap)
        if reading.sockets is not None:
            self._work = self._see(reading, reading.sockets, at, began, turn)
        self._go_on()

    def _go_on(self) -> None:
        """Work on the scan, if there is one, for the time of a slice."""
        until = self._clock.elapsed() + _SLICE * 1e6
        while self._work:
            if next(self._work, self) is self:
                self._give_up()
            elif self._clock.elapsed() > until:
                return

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
        born = self._recording.record(self._clock.now(), openings, heard.closed)
        log_changes(openings, heard.closed)
        for (notice, _), opening, listener in zip(heard.born, openings, born, strict=False):
            if opening.closed is None:
                known = replace(listener, skaddr=notice.skaddr)
                self._recording.keep(known, opening.owned, newborn=True)
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
        self, reading: Reading, sockets: Sequence[Socket], at: int, began: int, turn: Turn
    ) -> Iterator[None]:
        """Reconcile with what is there, and sample at the beat; each `next()` does a part."""
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
        observed = Observed()
        if self._must_compare(sockets) or sampling:
            self._sockets = None  # the ones before, which may be many
            work = Reconciliation(
                self._finder,
                self._recording,
                reading.scope,
                scan,
                is_first=not self.has_looked,
                sampling=sampling,
            )
            yield from work.steps(sockets)
            if self._recording.is_cut:
                return
            self._sockets = sockets if work.is_final else None
            observed = work.observed
        if sampling:
            self._clients, self._hidden = observed.clients, observed.hidden
        step = self._schedule.step(at, began)
        if sampling or observed or step:
            own = self._own.measure() if sampling else Footprint()
            yield from self._sample(at, began, turn.gap, step, own, observed)
        self._schedule.looked(at, began, sampling=sampling)
        self._failing = False

    @property
    def _others_rarely(self) -> bool:
        """Tell that other namespaces are not scanned within each interval."""
        return self._left_out > 0 or self._plan.sample_interval_us > self._plan.interval_us

    def _must_compare(self, sockets: Sequence[Socket]) -> bool:
        changed = self._finder.check_young()
        return (
            changed
            or sockets is not self._sockets
            or bool(self._recording.unsampled)
            or self._finder.is_searching
            or not self._tracker.is_settled
        )

    def _sample(
        self, at: int, began: int, gap: int, jump: int, own: Footprint, observed: Observed
    ) -> Iterator[None]:
        self._meter.forget(self._tracker.listeners.owners())
        tick = Tick(
            at,
            began,
            listeners=len(self._tracker.listeners),
            clients=self._clients,
            scan_us=self._clock.elapsed() - began,
            hidden=self._hidden,
            lost=self._lost,
            gap=gap,
            jump=jump,
            left_out=self._left_out,
            left_out_us=self._left_out_us,
            **own._asdict(),
        )
        pieces = observed.samples(self._meter).pieces(self._tracker.listeners, _SAMPLES)
        self._writer.record_tick(tick, next(pieces))
        for piece in pieces:
            yield
            self._writer.record_samples(at, piece)
