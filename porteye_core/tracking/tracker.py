"""The state of what is open, moved on by notices and scans; pure.

A scan and the notices of one reading belong together: the scan comes first, and the notices reach
beyond it. A socket that they close may be in the scan, and one that they open need not be. A scan
of many sockets is compared in parts, and more notices may be heard between two of them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from porteye_core.model import Listener, Precision, Process, Scope, Snapshot, Socket
from porteye_core.tracking.comparison import Comparison, MayHold
from porteye_core.tracking.hearing import Announced, announced
from porteye_core.tracking.homeless import Homeless
from porteye_core.tracking.open_listeners import OpenListeners
from porteye_core.tracking.portless import Portless
from porteye_core.tracking.scan import Changes, Scan
from porteye_core.tracking.waiting import Waiting


class Tracker:
    """Tells what changed; the caller stores it, and then says so by keep() and drop()."""

    def __init__(self, listeners: Iterable[Listener] = ()) -> None:
        self.listeners = OpenListeners(listeners)
        self.homeless = Homeless()
        self._waiting = Waiting()
        self._portless = Portless()
        self._is_pressing = False  # the next scan of the own namespace decides on a listener
        self._scanned_at = 0
        self._covered: frozenset[int] = frozenset()  # scanned since the latest round began
        self._comparison: Comparison | None = None
        self._compared: Sequence[Socket] | None = None  # an equal scan would change nothing

    @property
    def is_settled(self) -> bool:
        """Tell that an equal scan would change nothing."""
        return not (self._is_pressing or self.wants_scan)

    @property
    def wants_scan(self) -> bool:
        """Tell that the notices do not explain what is open."""
        if self._comparison:
            return False
        waits = self._portless.is_waiting(since=self._scanned_at)
        return waits or bool(self._waiting.unplaced or self._waiting.doubtful)

    def has_compared(self, sockets: Sequence[Socket]) -> bool:
        """Tell that the latest scan showed these, and that an equal one would change nothing."""
        return sockets is self._compared and self.is_settled

    def forget_scan(self) -> None:
        """Compare the next scan, also if it is equal to the latest one."""
        self._compared = None

    def keep(
        self,
        listener: Listener,
        described: tuple[Process, ...] | None = None,
        *,
        newborn: bool = False,
    ) -> None:
        """Take in a listener, or what was learnt of it.

        described: its holders as they are stored, None: as before; newborn: a notice announced it.
        """
        self.listeners.put(listener, described)
        if newborn:
            self._waiting.newborn.add(listener.id)

    def drop(self, listener: Listener) -> None:
        """Forget a listener that has closed."""
        self.listeners.remove(listener)
        self._waiting.forget(listener.id)

    def clear(self) -> tuple[Listener, ...]:
        """Forget and return every listener."""
        everyone = tuple(self.listeners)
        self.listeners = OpenListeners()
        self._waiting.missed.clear()
        return everyone

    def hear(self, reading: Snapshot, vague: Precision = Precision.POLL) -> Announced:
        """Match the notices of a reading with what is open.

        vague: the exactness of a closing whose notice has no time of its own.
        """
        if self._comparison is None:
            self._waiting.begin(reading.began)
        if not reading.kernel_events:
            return Announced((), (), (), ())
        heard = announced(
            self.listeners, (*self._portless.kernel_events, *reading.kernel_events), vague=vague
        )
        self._waiting.wait_for_scan(heard.unplaced)
        timed = map(self._waiting.at_recorded_time, heard.closed)
        closed = tuple(map(self._waiting.not_after_missed, timed))
        heard = replace(heard, closed=closed)
        self._portless.kernel_events = heard.portless
        self._waiting.hear(heard, reading.kernel_events)
        return heard

    def compare(self, scope: Scope, scan: Scan) -> Comparison:
        """Begin to compare what is open with a scan."""
        self._waiting.doubtful.clear()
        self.forget_scan()  # it may be large
        self._comparison = Comparison(
            self.listeners,
            self._waiting,
            self._portless,
            scope,
            scan,
            is_whole=scope.is_whole or self._completes_round(scope),
        )
        return self._comparison

    def end(self, comparison: Comparison, may_hold: MayHold) -> Changes:
        """End a comparison, every part of which was seen; returns the changes that are left."""
        changes = comparison.end(may_hold)
        self._comparison = None
        if not comparison.is_left_over:
            self._compared = comparison.sockets
        self._end_round(comparison.scope)
        self._is_pressing = comparison.is_pressing
        self._waiting.keep_later(comparison.scan.at)
        self._scanned_at = comparison.scan.at
        self._portless.keep_newest()
        return changes

    def give_up(self) -> None:
        """End a comparison before its last part: nothing was decided on the rest."""
        self._comparison = None

    def _completes_round(self, scope: Scope) -> bool:
        """Tell that with this scan every namespace was scanned, of too many in several scans."""
        if not scope.complete or scope.scanned is None or scope.living is None:
            return False
        return (self._covered | scope.scanned) >= scope.living

    def _end_round(self, scope: Scope) -> None:
        if scope.is_whole or self._completes_round(scope):
            self._covered = frozenset()
        elif scope.complete and scope.scanned is not None and scope.living is not None:
            self._covered = (self._covered | scope.scanned) & scope.living
