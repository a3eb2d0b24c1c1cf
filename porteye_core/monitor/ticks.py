"""Ticks of the watch: proof that it goes on, with what it costs and samples of its listeners."""

import logging
from collections.abc import Iterator

from porteye_core.model import Scope, Snapshot, Tick
from porteye_core.monitor.own_usage import Footprint, FootprintMeter
from porteye_core.monitor.sampling import Observed
from porteye_core.monitor.schedule import Turn
from porteye_core.owners import UsageMeter
from porteye_core.store.writing.writer import Writer
from porteye_core.system.clock import Clock
from porteye_core.tracking import OpenListeners

log = logging.getLogger("porteye")

_SAMPLES = 2000  # that one transaction stores


class Ticks:
    """Ticks of one monitor; its counts are those of the latest sampling tick."""

    def __init__(
        self, meter: UsageMeter, own: FootprintMeter, writer: Writer, clock: Clock
    ) -> None:
        self._meter, self._own = meter, own
        self._writer, self._clock = writer, clock
        self._clients = self._hidden = self._lost = 0
        self._left_out = self._left_out_us = 0

    @property
    def leave_out(self) -> bool:
        """Tell that the latest sampling tick left namespaces out."""
        return self._left_out > 0

    def count_lost(self, reading: Snapshot) -> None:
        """Count the kernel's records that were lost before a reading."""
        if reading.lost:
            self._lost += reading.lost
            log.warning("%d kernel records were lost: the next scan reconciles", reading.lost)

    def count_left_out(self, scope: Scope) -> None:
        """Count the namespaces that the scan of a sampling tick left out."""
        self._left_out = len(scope.left_out)
        self._left_out_us = round(scope.unscanned * 1e6) if self._left_out else 0

    def record(
        self, turn: Turn, step: int, listeners: OpenListeners, observed: Observed
    ) -> Iterator[None]:
        """Store a tick and its samples, in pieces, if there is something to store.

        step: step of the wall clock that this turn found, microseconds.
        """
        if turn.is_sampling:
            self._clients, self._hidden = observed.clients, observed.hidden
        elif not (observed or step):
            return
        own = self._own.measure() if turn.is_sampling else Footprint()
        self._meter.forget(listeners.owners())
        tick = Tick(
            turn.at,
            turn.began,
            listeners=len(listeners),
            clients=self._clients,
            scan_us=self._clock.elapsed() - turn.began,
            hidden=self._hidden,
            lost=self._lost,
            gap=turn.gap,
            jump=step,
            left_out=self._left_out,
            left_out_us=self._left_out_us,
            **own._asdict(),
        )
        pieces = observed.samples(self._meter).pieces(listeners, _SAMPLES)
        self._writer.record_tick(tick, next(pieces))
        for piece in pieces:
            yield
            self._writer.record_samples(turn.at, piece)
