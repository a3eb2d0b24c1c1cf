"""Loop of the monitor: scan, attribute, track, write. It runs for months and stays small."""

import logging
from collections.abc import Callable, Generator, Sequence
from contextlib import suppress

from porteye_core.errors import SourceError
from porteye_core.model import Precision, ScanDepth, Snapshot, Socket, WatchPlan
from porteye_core.monitor.announcements import Announcements
from porteye_core.monitor.own_usage import FootprintMeter
from porteye_core.monitor.reconciliation import Reconciliation
from porteye_core.monitor.recording import Recording
from porteye_core.monitor.sampling import Observed
from porteye_core.monitor.schedule import Schedule, Turn
from porteye_core.monitor.ticks import Ticks
from porteye_core.monitor.time_limits import GracePeriod, Slices, Wait
from porteye_core.owners import ContainerNames, OwnerFinder, UsageMeter
from porteye_core.sources import Source
from porteye_core.store.writing.writer import Writer
from porteye_core.system.clock import Clock, moment
from porteye_core.tracking import Scan, Tracker

log = logging.getLogger("porteye")

# Between turns that the kernel's events ask for: the first event is read at once, and of a storm
# twenty turns a second read as much as a thousand would.
_REST = 0.05
# Seconds that one step of dropping old records may take, between two scans.
_STEP = 0.05


class Monitor:
    """Monitor of one machine, which writes to one database."""

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
        names: ContainerNames | None = None,
    ) -> None:
        self._source, self._finder, self._writer = source, finder, writer
        self._clock, self._plan, self._names = clock, plan, names
        self._grace = GracePeriod(clock)
        self._ticks = Ticks(meter, own, writer, clock)
        self._begin_with_what_is_stored()

    def _begin_with_what_is_stored(self) -> None:
        self._tracker = self._writer.open_listeners(Tracker)
        self._recording = Recording(self._tracker, self._writer, self._grace.is_over, self._names)
        self._announcements = Announcements(self._finder, self._recording, self._clock)
        self._work = Slices(self._clock)
        self._schedule = Schedule(self._plan)
        self._failing = self._is_behind = False

    def run(
        self,
        wait: Wait,
        ended: Callable[[], bool] = lambda: False,
        alive: Callable[[], None] = lambda: None,
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        """Scan at every interval and read events when the kernel announces some, until `wait` or
        `ended` says stop; then end the watch. Calls `alive` at every turn, and between the pieces
        of a long one, which `stopping` can end."""
        self._grace.alive, self._grace.stopping = alive, stopping
        while not self._must_stop(wait, ended):
            pass
        self._hear_the_last()
        self.stop()

    def _must_stop(self, wait: Wait, ended: Callable[[], bool]) -> bool:
        """Take a turn and wait for the next one; return True if the monitor has to stop."""
        self.scan()
        self._grace.alive()
        self._writer.maintain(self._clock, has_time=self._left() >= _STEP)
        if self._work and not (ended() or self._grace.stopping()):
            return False
        filenos = () if self._failing else self._source.filenos()
        longest = 0.0 if self._is_behind else self._left()
        if ended() or (filenos and wait(min(_REST, longest), ())):
            return True
        return wait(min(longest, self._left()), filenos)

    def _left(self) -> float:
        return self._schedule.left(self._clock.elapsed())

    def _hear_the_last(self) -> None:
        """Store what was announced until now, as far as the time for it goes."""
        until = self._grace.end
        with suppress(SourceError):
            while self.has_scanned and not self._failing:
                reading = self._source.read(ScanDepth.NOTICES)
                self._hear(reading, gap=0)
                if not reading.kernel_events or self._clock.elapsed() > until:
                    break

    @property
    def has_scanned(self) -> bool:
        """True after the first successful scan."""
        return self._schedule.has_scanned

    @property
    def watched(self) -> int | None:
        """Number of open listeners; None if the latest scan failed."""
        return None if self._failing or not self.has_scanned else len(self._tracker.listeners)

    def stop(self) -> None:
        """End the watch."""
        self._recording.end(self._clock.now())

    def scan(self) -> None:
        """Take one turn; a scan that fails is a gap, and closes nothing.

        While there is work on a scan it reads events, and goes on with that.
        """
        if self._writer.is_renewed:
            self._begin_with_what_is_stored()
        at, began = moment(self._clock)
        if self._work:
            turn = Turn(at, began, ScanDepth.NOTICES)
        else:
            turn = self._schedule.turn(at, began, failing=self._failing)
        try:
            if turn.is_sampling:
                self._tracker.forget_scan()  # all listeners are compared and sampled
                self._finder.refresh()
            reading = self._source.read(turn.depth)
            self._is_behind = reading.more
            if self._writer.is_full:
                self._fail("So much waits to be stored that nothing more is recorded until it is.")
            else:
                self._take(reading, turn)
            self._recording.record_names(self._clock.now())
        except SourceError as err:
            self._fail(f"{err} Nothing is recorded until it can be read again.")

    def _fail(self, sentence: str) -> None:
        if not self._failing:
            log.warning("%s", sentence)
        self._failing, self._is_behind = True, False
        self._work.give_up()

    def _take(self, reading: Snapshot, turn: Turn) -> None:
        if not self._recording.has_begun:
            self._recording.begin(turn.at, self._plan)
            self._finder.recall(self._tracker.listeners)
        self._hear(reading, turn.gap)
        if reading.sockets is not None:
            self._work.begin(self._see(reading, reading.sockets, turn))
        self._work.go_on()

    def _hear(self, reading: Snapshot, gap: int) -> None:
        self._ticks.count_lost(reading)
        self._announcements.record(reading, Precision.GAP if gap else Precision.POLL)
        if reading.lost or self._tracker.wants_scan:
            self._schedule.hasten()

    def _see(
        self, reading: Snapshot, sockets: Sequence[Socket], turn: Turn
    ) -> Generator[None, None, None]:
        """Reconcile with a scan, and write a tick; each `next()` does a part."""
        if turn.is_sampling:
            self._ticks.count_left_out(reading.scope)
        observed = Observed()
        changed = self._finder.check_young() or self._finder.is_searching
        if changed or self._recording.unsampled or not self._tracker.has_compared(sockets):
            work = Reconciliation(
                self._finder,
                self._recording,
                reading.scope,
                self._scan(reading, turn),
                is_first=not self.has_scanned,
                sampling=turn.is_sampling,
            )
            yield from work.steps(sockets)
            if self._recording.is_cut:
                return
            observed = work.observed
        step = self._schedule.step(turn)
        yield from self._ticks.record(turn, step, self._tracker.listeners, observed)
        self._schedule.scanned(turn)
        self._failing = False

    def _scan(self, reading: Snapshot, turn: Turn) -> Scan:
        """Exactness of the scan of a turn."""
        rarely = self._plan.sample_interval_us > self._plan.interval_us
        return Scan(
            turn.at,
            Precision.GAP if turn.gap or not self.has_scanned else Precision.POLL,
            announces=bool(self._source.filenos()) and self.has_scanned,
            own=reading.scope.own,
            others_rarely=rarely or self._ticks.leave_out,
        )
