"""Families of one moment: what listens, what happened, and what the monitor does."""

from collections.abc import Iterator
from pathlib import Path

from porteye_core import __version__
from porteye_core.errors import StoreMissing
from porteye_core.metrics import listeners
from porteye_core.metrics.family import MetricFamily, Type, with_samples
from porteye_core.metrics.limits import MAX_LABEL_SETS
from porteye_core.store.reading import RowReader, State, Status, open_row_reader
from porteye_core.system.local_ports import ephemeral_ports

_SECOND = 1e6
# What is seen meanwhile is stored later, or becomes a gap of its own.
_GOES_ON = (State.WATCHING, State.HOLDING, State.STALLED)

_UP = MetricFamily(
    "porteye_up", Type.GAUGE, "1 while a monitor watches and stores what it sees, else 0."
)
BUILD = MetricFamily(
    "porteye_build",
    Type.INFO,
    "Version of the program that answers, and the source of the monitor that watches.",
    labels=("version", "source"),
)
_WATCH = MetricFamily(
    "porteye_watch_seconds", Type.GAUGE, "Time for which the present watch has gone on.", "seconds"
)
_SCAN = MetricFamily(
    "porteye_scan_seconds", Type.GAUGE, "Duration of the latest full scan.", "seconds"
)
_HIDDEN = MetricFamily(
    "porteye_hidden_owners", Type.GAUGE, "Open listeners whose owner is not known."
)
_EVENTS = MetricFamily(
    "porteye_events", Type.COUNTER, "Listeners that opened and closed.", labels=("kind",)
)
_GAPS = MetricFamily(
    "porteye_gap_seconds",
    Type.COUNTER,
    "Time in which nobody watched, since the first watch of all.",
    "seconds",
)
_LOST = MetricFamily(
    "porteye_lost_records", Type.COUNTER, "Kernel records that the latest watch has lost."
)
_SIZE = MetricFamily(
    "porteye_database_bytes",
    Type.GAUGE,
    "Size of the database with its WAL, at the latest sampling tick.",
    "bytes",
)
FAMILIES = (
    *(_UP, BUILD, *listeners.FAMILIES),
    *(_WATCH, _SCAN, _HIDDEN, _EVENTS, _GAPS, _LOST, _SIZE),
)
"""Every family, without samples."""


def families(db: Path, now: int, limit: int = MAX_LABEL_SETS) -> tuple[MetricFamily, ...]:
    """The families that have samples at the moment `now`, with at most so many label sets of
    listeners. Those of listeners are there only while somebody watches: a listener that nobody
    sees is not known to be open. Raises StoreError, but for a database that is not there yet."""
    try:
        with open_row_reader(db) as reader:
            return with_samples(_families(reader, now, limit))
    except StoreMissing:
        return families_of_nobody()


def families_of_nobody() -> tuple[MetricFamily, ...]:
    """The families where nothing is known, because nobody watches."""
    return with_samples(_of_watch(None))


def _families(reader: RowReader, now: int, limit: int) -> Iterator[MetricFamily]:
    status = reader.status(now)
    yield from _of_watch(status)
    if status.is_current and status.watch is not None:
        yield from listeners.listener_families(reader.open_uses(now), ephemeral_ports(), limit)
        yield _WATCH.single((now - status.watch.started_at) / _SECOND)
        yield _SCAN.single(None if status.scan_us is None else status.scan_us / _SECOND)
        yield _HIDDEN.single(status.hidden)
    yield _EVENTS.of(
        {_EVENTS.labelled((kind.value,)): count for kind, count in reader.events_ever().items()}
    )
    unwatched = reader.unwatched(now, watching=status.state in _GOES_ON)
    yield _GAPS.single(None if unwatched is None else unwatched / _SECOND)
    yield _LOST.single(status.lost)
    yield _SIZE.single(reader.database_size())


def _of_watch(status: Status | None) -> Iterator[MetricFamily]:
    watch = status.watch if status is not None and status.is_current else None
    yield _UP.single(0 if watch is None else 1)
    yield BUILD.single(1, __version__, "" if watch is None else watch.plan.source)
