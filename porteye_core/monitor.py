"""The loop that watches: look, find owners, compare, store. It runs for months and stays small."""

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from porteye_core import tracker
from porteye_core.clock import Clock
from porteye_core.errors import SourceError
from porteye_core.model import Listener, Owned, ProcessKey, Sample, Seen, Socket, Tick, WatchPlan
from porteye_core.owner import OwnerFinder, UsageMeter
from porteye_core.owner.usage import UNKNOWN, Usage
from porteye_core.sources import Source
from porteye_core.store.sqlite import Closing, Opening, Writer

log = logging.getLogger("porteye")

# A look that comes later than this many intervals and a second is not "within one interval".
_LATE_INTERVALS, _LATE_US = 2, 1_000_000
# The wall clock and the steady one drift apart by less than this between two beats.
_JUMP_US = 500_000
_MOST_LINES = 20


class Wait(Protocol):
    """Waits so many seconds, or less if the monitor is to stop, and says whether it is."""

    def __call__(self, seconds: float) -> bool:
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
        writer: Writer,
        clock: Clock,
        plan: WatchPlan,
    ) -> None:
        self._source = source
        self._finder = finder
        self._meter = meter
        self._writer = writer
        self._clock = clock
        self._plan = plan
        self._listeners = writer.open_listeners()
        self._owned: dict[int, Owned] = {}
        self._sockets: tuple[Socket, ...] | None = None
        self._clients = 0
        self._looked: int | None = None  # when the last look that succeeded began, elapsed
        self._sampled: tuple[int, int] | None = None  # when the last tick was: wall, elapsed
        self._failing = False

    def run(self, wait: Wait, orphaned: Callable[[], bool] = lambda: False) -> None:
        """Look once an interval until `wait` says stop or the parent has gone; end the watch."""
        due = self._clock.elapsed()
        while True:
            self.look()
            due = max(due + self._plan.interval_us, self._clock.elapsed())
            if wait((due - self._clock.elapsed()) / 1e6) or orphaned():
                break
        self.stop()

    def stop(self) -> None:
        """End the watch: what was seen is stored already."""
        if self._looked is not None:
            self._writer.end_watch(self._clock.now())
        log.info("stopped watching %d listeners", len(self._listeners))

    def look(self) -> None:
        """One look at the system; a look that fails is a gap, and closes nothing."""
        at, began = self._clock.now(), self._clock.elapsed()
        gap = self._gap(began)
        sampling = self._sampling_is_due(began) or gap > 0
        try:
            sockets = self._source.read(count_clients=sampling)
        except SourceError as err:
            if not self._failing:
                log.warning("%s Nothing is recorded until it can be read again.", err)
            self._failing = True
            return
        if self._looked is None:
            self._writer.begin_watch(at, self._plan)
        seen = Seen.GAP if gap or self._looked is None else Seen.POLL
        opened: tuple[Listener, ...] = ()
        if sockets is not self._sockets:
            opened = self._follow(sockets, at, seen)
            self._sockets = sockets
        if sampling:
            self._clients = sum(found.clients or 0 for found in sockets)
        if sampling or opened:
            self._sample(self._listeners.values() if sampling else opened, at, began, gap)
        if sampling:
            self._sampled = at, began
        self._looked, self._failing = began, False

    def _gap(self, began: int) -> int:
        """How long nobody looked, if it was longer than the intervals promise."""
        if self._looked is None:
            return 0
        since = began - self._looked
        late = since > _LATE_INTERVALS * self._plan.interval_us + _LATE_US
        return since if late or self._failing else 0

    def _sampling_is_due(self, began: int) -> bool:
        # Half an interval early is nearer to the beat than half an interval late.
        beat = self._plan.sample_interval_us - self._plan.interval_us // 2
        return self._sampled is None or began - self._sampled[1] >= beat

    def _follow(self, sockets: tuple[Socket, ...], at: int, seen: Seen) -> tuple[Listener, ...]:
        owned = self._finder.own(sockets)
        changes = tracker.compare(self._listeners.values(), owned)
        reowned = [(was, now) for was, now in changes.kept if _tells_more(was, now)]
        opened: tuple[Listener, ...] = ()
        if changes.anything or reowned:
            opened = self._writer.record_changes(
                at,
                [Opening(each, at, seen) for each in changes.opened],
                [Closing(each, at, seen) for each in changes.closed],
                reowned,
            )
            _log_changes(changes, first=self._looked is None)
        self._listeners, self._owned = {}, {}
        for listener, now in changes.kept:
            self._keep(tracker.merged(listener, now), now)
        for listener, now in zip(opened, changes.opened, strict=True):
            self._keep(listener, now)
        return opened

    def _keep(self, listener: Listener, owned: Owned) -> None:
        self._listeners[listener.id] = listener
        self._owned[listener.id] = owned

    def _sample(self, listeners: Iterable[Listener], at: int, began: int, gap: int) -> None:
        owned = {listener.id: self._owned[listener.id] for listener in listeners}
        usage = self._meter.measure(each.key for each in owned.values() if each.key)
        self._meter.forget(each.key for each in self._owned.values() if each.key)
        samples = [_sample_of(number, each, usage) for number, each in owned.items()]
        tick = Tick(
            at,
            began,
            listeners=len(self._listeners),
            clients=self._clients,
            scan_us=self._clock.elapsed() - began,
            hidden=sum(each.hidden is not None for each in self._owned.values()),
            gap=gap,
            jump=self._jump(at, began),
        )
        self._writer.record_tick(tick, samples)

    def _jump(self, at: int, began: int) -> int:
        if self._sampled is None:
            return 0
        jump = (at - self._sampled[0]) - (began - self._sampled[1])
        return jump if abs(jump) >= _JUMP_US else 0


def _sample_of(number: int, owned: Owned, usage: Mapping[ProcessKey, Usage]) -> Sample:
    used = usage[owned.key] if owned.key else UNKNOWN
    return Sample(number, used.cpu, used.rss, owned.socket.clients)


def _tells_more(listener: Listener, owned: Owned) -> bool:
    """Whether this look knows something of the listener's holders that is not stored."""
    return tracker.merged(listener, owned) != listener


def _log_changes(changes: tracker.Changes, *, first: bool) -> None:
    if first or len(changes.opened) + len(changes.closed) > _MOST_LINES:
        log.info("%d listeners opened, %d closed", len(changes.opened), len(changes.closed))
        return
    for owned in changes.opened:
        who = f" by {owned.owner.program.name}, pid {owned.owner.key.pid}" if owned.owner else ""
        log.info("opened %s%s", owned.socket.endpoint, who)
    for listener in changes.closed:
        log.info("closed %s", listener.endpoint)
