"""Which samples are worth a row: a missing one means unchanged.

Most listeners idle, and a row for each at every beat would be most of the database.
"""

from collections.abc import Iterable, Sequence

from porteye_core.model import Sample

# A listener's newest sample is never older than this and a beat, so that readers need not search.
KEEP_ALIVE_US = 5 * 60 * 1_000_000
# What a person would call the same: half a percent of a core, or a tenth of what it was; the
# memory within 1 MiB or a twentieth.
_CPU, _CPU_SHARE = 50, 10
_RSS, _RSS_SHARE = 1 << 20, 20


class DeadBand:
    """Remembers what was stored last of each listener."""

    def __init__(self) -> None:
        self._stored: dict[int, tuple[Sample, int]] = {}

    def moved(self, samples: Iterable[Sample], elapsed: int) -> list[Sample]:
        """Those that differ from what is stored, or whose stored one has become old."""
        return [each for each in samples if self._differs(each, elapsed)]

    def keep(self, stored: Sequence[Sample], elapsed: int) -> None:
        """Remember that these have been stored at this time of a clock that never steps."""
        for each in stored:
            self._stored[each.listener_id] = each, elapsed
        stale = [n for n, (_, at) in self._stored.items() if elapsed - at > 2 * KEEP_ALIVE_US]
        for number in stale:  # closed since
            del self._stored[number]

    def _differs(self, sample: Sample, elapsed: int) -> bool:
        found = self._stored.get(sample.listener_id)
        if found is None or elapsed - found[1] >= KEEP_ALIVE_US:
            return True
        last = found[0]
        return (
            (sample.clients, sample.queue, sample.backlog)
            != (last.clients, last.queue, last.backlog)
            or _moved(sample.cpu, last.cpu, _CPU, _CPU_SHARE)
            or _moved(sample.rss, last.rss, _RSS, _RSS_SHARE)
        )


def _moved(value: int | None, last: int | None, least: int, share: int) -> bool:
    if value is None or last is None:
        return value is not last
    return abs(value - last) > max(least, last // share)
