"""Changes that the kernel announced, attributed, tracked and stored at the kernel's own times."""

from collections.abc import Sequence
from dataclasses import replace

from porteye_core.model import KernelEvent, Opening, Precision, Snapshot
from porteye_core.monitor.recording import Recording, log_changes
from porteye_core.owners import OwnerFinder
from porteye_core.system.clock import Clock


class Announcements:
    """Announced openings and closings of one watch."""

    def __init__(self, finder: OwnerFinder, recording: Recording, clock: Clock) -> None:
        self._finder = finder
        self._recording = recording
        self._tracker = recording.tracker
        self._clock = clock

    def record(self, reading: Snapshot, vague: Precision) -> None:
        """Store the changes that a reading announces.

        vague: exactness of a closing whose event has no time of its own.
        """
        heard = self._tracker.hear(reading, vague)
        openings = self._openings(heard.born)
        born = self._recording.record(self._clock.now(), openings, heard.closed)
        log_changes(openings, heard.closed)
        for (kernel_event, _), opening, listener in zip(heard.born, openings, born, strict=False):
            if opening.closed is None:
                known = replace(listener, skaddr=kernel_event.skaddr)
                self._recording.keep(known, opening.owned, newborn=True)
            elif listener.endpoint.netns is None:
                self._tracker.homeless.add(listener, opening.closed[0])
        now = self._clock.now()
        if placed := self._tracker.homeless.hear(reading.kernel_events, now):
            self._recording.place(now, placed)

    def _openings(self, born: Sequence[tuple[KernelEvent, KernelEvent | None]]) -> list[Opening]:
        named = self._finder.naming()
        return [
            Opening(
                named.owned(kernel_event),
                kernel_event.at,
                Precision.KERNEL,
                None if closed is None else (max(closed.at, kernel_event.at), Precision.KERNEL),
            )
            for kernel_event, closed in born
        ]
