"""When somebody watched: a restart every few days, and once a gap of minutes."""

from dataclasses import dataclass

import numpy as np

from benchmarks.seeding.scale import DAY, MINUTE, SECOND, Scale

_RESTARTS_EVERY = 4 * DAY
_RESTART, _OUTAGE = 3 * SECOND, 7 * MINUTE
Times = np.ndarray[tuple[int], np.dtype[np.int64]]


@dataclass(frozen=True, slots=True)
class Watches:
    """The begin and end of each watch, in order; nobody watched in between."""

    begins: Times
    ends: Times

    @property
    def gaps(self) -> tuple[Times, Times]:
        """Begin and end of each gap."""
        return self.ends[:-1], self.begins[1:]

    def number(self, at: Times) -> Times:
        """The index of the watch that had begun last at each time."""
        return np.searchsorted(self.begins, at, side="right").astype(np.int64) - 1


def watches(scale: Scale, now: int) -> Watches:
    """The watches of a history that ends now."""
    begin = now - scale.days * DAY
    stops = np.arange(begin + _RESTARTS_EVERY, now - DAY // 2, _RESTARTS_EVERY, dtype=np.int64)
    if not len(stops):
        stops = np.array([(begin + now) // 2], dtype=np.int64)
    lengths = np.full(len(stops), _RESTART, dtype=np.int64)
    lengths[len(stops) // 2] = _OUTAGE
    return Watches(np.append(begin, stops + lengths), np.append(stops, now))
