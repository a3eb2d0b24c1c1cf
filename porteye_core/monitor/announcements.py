"""Changes that the kernel announced, attributed, tracked and stored at the kernel's own times."""

from collections.abc import Sequence
from dataclasses import replace

from porteye_core.model import Notice, Opening, Reading, Seen
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

    def record(self, reading: Reading, vague: Seen) -> None:
        """Store the changes that a reading announces.

        vague: exactness of a closing whose event has no time of its own.
        """
        heard = self._tracker.hear(reading, vague)
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
            self._recording.place(now, placed)

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
