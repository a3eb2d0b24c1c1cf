"""The monitor's own CPU, memory, database size and scan time, as a frame."""

from dataclasses import dataclass

import pandas as pd

from porteye_core.store import engine
from porteye_core.store.reading.listener_rows import times

_MAX_BUCKETS = 240  # a chart of half a window is not much wider in points
# Every tick of two days is read within 10 ms. Of more, so many probes in each bucket take as long
# however many there are: 260,000 of them would take 90 ms.
_MAX_READ = 20_000
_PROBES = 20

_FIGURES = (
    " avg(cpu) / 100 AS cpu, max(cpu) / 100.0 AS cpu_max, max(rss) AS rss, max(size) AS size,"
    " avg(scan_us) / 1000 AS scan, max(scan_us) / 1000.0 AS scan_max"
)
# No tick lies between one that was read by its time and the end of its bucket twice: `at` orders
# the index, whatever the clock did.
_ALL = (
    "SELECT (at - :since) / :length AS bucket," + _FIGURES + " FROM tick"
    " WHERE at >= :since AND at < :until GROUP BY bucket"
)
_SOME = (
    "WITH RECURSIVE probe (number) AS"
    " (SELECT 0 UNION ALL SELECT number + 1 FROM probe WHERE number + 1 < :probes)"
    " SELECT number / :each AS bucket," + _FIGURES + " FROM probe JOIN tick ON tick.id ="
    " (SELECT id FROM tick WHERE at >= :since + number * :step"
    " AND at < :since + (number + 1) * :step ORDER BY at LIMIT 1) GROUP BY bucket"
)


@dataclass(frozen=True, slots=True)
class MonitorUsage:
    """`figures`: a row a bucket of the range, empty ones included: `at` is its middle, cpu and
    cpu_max are in percent of one core, rss and size in bytes, scan and scan_max in milliseconds.
    They come from about one tick of `one_in`."""

    figures: pd.DataFrame
    one_in: int


def monitor_usage(connection: engine.Connection, since: int, until: int, tick: int) -> MonitorUsage:
    """The mean and the maximum of each bucket of a range; `tick` is the interval of sampling."""
    # A bucket of one tick would now and then have none, and look like a gap.
    length = max(2 * tick, -(-(until - since) // _MAX_BUCKETS))
    buckets = -(-(until - since) // length)
    ticks = _ticks(connection, since, until)
    probes = buckets * _PROBES
    statement, one_in = (_ALL, 1) if ticks <= _MAX_READ else (_SOME, max(1, ticks // probes))
    rows = connection.execute(
        statement,
        {
            "since": since,
            "until": until,
            "length": length,
            "probes": probes,
            "each": _PROBES,
            "step": length // _PROBES,
        },
    )
    columns = [column[0] for column in rows.description]
    found = pd.DataFrame.from_records(map(tuple, rows), columns=columns).set_index("bucket")
    figures = found.reindex(pd.RangeIndex(buckets)).astype("float64")
    middles = figures.index.to_series() * length + since + length // 2
    figures.insert(0, "at", times(middles))
    return MonitorUsage(figures.reset_index(drop=True), one_in)


def _ticks(connection: engine.Connection, since: int, until: int) -> int:
    """About how many ticks there are: they are numbered as they come."""
    first, last = (
        connection.execute(statement, (since, until)).fetchone()
        for statement in (
            "SELECT id FROM tick WHERE at >= ? AND at < ? ORDER BY at LIMIT 1",
            "SELECT id FROM tick WHERE at >= ? AND at < ? ORDER BY at DESC LIMIT 1",
        )
    )
    return last[0] - first[0] + 1 if first and last else 0
