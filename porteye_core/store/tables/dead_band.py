"""Dead band of samples: a sample within it is not stored, and readers use the one before. Pure.

The bands are changes without meaning to a person: half a percent of a core or a tenth of the use,
two percent of the memory and at least 64 pages. Clients, queue and backlog are exact.
"""

from collections.abc import Iterable, Sequence

from porteye_core.model import Sample

_Stored = tuple[int, int | None, int | None, int | None, int | None, int | None]
"""The time of a stored sample, and its values."""

# Everybody who reads the newest sample of a listener looks back as far as this.
KEEP_ALIVE_US = 5 * 60 * 1_000_000
_CPU, _CPU_SHARE = 50, 0.1  # hundredths of a percent of one core
_RSS, _RSS_SHARE = 262_144, 0.02  # bytes


class DeadBand:
    """Latest stored sample of each listener."""

    def __init__(self, tick_us: int) -> None:
        """tick_us: time between two ticks; a tick may be so late, and no sample gets too old."""
        self._longest = KEEP_ALIVE_US - tick_us
        self._stored: dict[int, _Stored] = {}

    def moved(self, at: int, samples: Iterable[Sample]) -> list[Sample]:
        """Samples to store: of new listeners, outside the band, or due after KEEP_ALIVE_US."""
        return [each for each in samples if self._is_due(at, each)]

    def _is_due(self, at: int, sample: Sample) -> bool:
        known = self._stored.get(sample.listener_id)
        # A clock that was set, forward or back, makes every sample due.
        return (
            known is None
            or not 0 <= at - known[0] < self._longest
            or has_moved(Sample(sample.listener_id, *known[1:]), sample)
        )

    def remember(self, at: int, stored: Sequence[Sample]) -> None:
        """Compare with these from now on: the database has taken them."""
        same: dict[_Stored, _Stored] = {}  # 100,000 listeners of one user are alike
        for each in stored:
            values = at, each.cpu, each.rss, each.clients, each.queue, each.backlog
            self._stored[each.listener_id] = same.setdefault(values, values)

    def forget_all(self) -> None:
        """The database has not taken them: every sample is worth a row again."""
        self._stored.clear()

    def forget(self, listeners: Iterable[int]) -> None:
        """Forget closed listeners."""
        for listener_id in listeners:
            self._stored.pop(listener_id, None)


def has_moved(before: Sample, now: Sample) -> bool:
    """True if a sample is outside the band of the one before."""
    return (
        (before.clients, before.queue, before.backlog) != (now.clients, now.queue, now.backlog)
        or _is_past(before.cpu, now.cpu, _CPU, _CPU_SHARE)
        or _is_past(before.rss, now.rss, _RSS, _RSS_SHARE)
    )


def _is_past(before: int | None, now: int | None, least: int, share: float) -> bool:
    if before is None or now is None:
        return before is not now
    return abs(now - before) > max(least, share * before)
