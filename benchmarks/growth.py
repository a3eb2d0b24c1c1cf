"""How fast does the database grow, and how much is written to the disk, day by day?"""

import argparse
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from benchmarks.growing.days import BEGAN, Machine
from benchmarks.growing.stores import Store, porteye, row_per_tick
from benchmarks.machine import ratio
from benchmarks.report import Check, Report, Table
from benchmarks.seeding.scale import DAY
from porteye_core.model import DEFAULT_RETENTION, RetentionPolicy

_BUDGET_SIZE, _BUDGET_WRITTEN = 30.0, 0.5  # MB, GB a day
_SHOWN = 7  # every so many days


@dataclass(frozen=True, slots=True)
class Day:
    """At the end of a day, or of what there was of it: bytes of the file, and bytes that the
    process wrote to the disk in it."""

    length: float  # days
    size: int
    written: int


def add_flags(flags: argparse.ArgumentParser) -> None:
    """How much of it, and where."""
    flags.add_argument("--days", type=float, default=30)
    flags.add_argument("--listeners", type=int, default=200, help="that stand all the time")
    flags.add_argument("--events", type=int, default=2000, help="a day")
    flags.add_argument("--keep-samples", type=float, default=7, help="days")
    flags.add_argument("--peer-hours", type=float, default=2, help="it writes some 10 GB a day")
    flags.add_argument("--seed", type=int, default=1, help="the same seed, the same days")
    flags.add_argument("--folder", type=Path, default=Path("/var/tmp"), help="on a real disk")


def run(options: argparse.Namespace) -> Report:
    """Write the same days to both, one after the other."""
    keep = RetentionPolicy(round(options.keep_samples * DAY), DEFAULT_RETENTION.rollups)
    with tempfile.TemporaryDirectory(prefix="porteye-benchmark-", dir=options.folder) as folder:
        db, peer = Path(folder) / "porteye.db", Path(folder) / "peer.db"
        with row_per_tick(peer) as rows:
            (theirs, *_) = replay(rows, peer, _machine(options), options.peer_hours / 24)
        with porteye(db, keep) as store:
            ours = list(replay(store, db, _machine(options), options.days))
        events = _number(db, "SELECT count(*) FROM event")
    title = f"{options.listeners:,} listeners, a tick each 10 s, {events:,} events"
    note = f"the row of text per tick is measured over its first {options.peer_hours:g} h"
    on_disk = any(day.written for day in ours)
    return Report(
        (_compared(f"{title} in {options.days:g} days", ours, theirs), _course(ours)),
        _checks(ours, on_disk=on_disk),
        {} if on_disk else {"bytes written": f"{options.folder} is not on a disk"},
        (note,),
    )


def _machine(options: argparse.Namespace) -> Machine:
    return Machine(options.listeners, options.events, options.seed)


def replay(store: Store, db: Path, machine: Machine, days: float) -> Iterator[Day]:
    """Write so many days, and measure each when it ends."""
    began, written = BEGAN, _written()
    for tick in machine.ticks(days):
        if tick.at - began >= DAY:
            yield _day(db, tick.at - began, written)
            began, written = tick.at, _written()
        store.take(tick)
    yield _day(db, BEGAN + round(days * DAY) - began, written)


def _day(db: Path, length: int, written: int) -> Day:
    size = _number(db, "PRAGMA page_count") * _number(db, "PRAGMA page_size")
    return Day(length / DAY, size, _written() - written)


def _number(db: Path, statement: str) -> int:
    with closing(sqlite3.connect(f"{db.as_uri()}?mode=ro", uri=True)) as connection:
        return int(connection.execute(statement).fetchone()[0])


def _written() -> int:
    for line in Path("/proc/self/io").read_text().splitlines():
        name, _, value = line.partition(": ")
        if name == "write_bytes":
            return int(value)
    raise RuntimeError("/proc/self/io does not say what was written")


def grown(days: list[Day]) -> list[float]:
    """MB a day by which the file grew in each."""
    before = [0, *(day.size for day in days)]
    return [(day.size - size) / 1e6 / day.length for day, size in zip(days, before, strict=False)]


def _gigabytes(day: Day) -> float:
    return day.written / 1e9 / day.length


def _compared(title: str, ours: list[Day], theirs: Day) -> Table:
    columns = ("store", "MB a day", "the most in a day", "GB written a day", "times PortEye's")
    base = _mean_written(ours)
    rows = tuple(
        (
            name,
            days[-1].size / 1e6 / sum(day.length for day in days),
            max(grown(days)),
            _mean_written(days),
            ratio(_mean_written(days), base),
        )
        for name, days in (("PortEye", ours), ("a row of text per tick", [theirs]))
    )
    return Table(title, columns, rows)


def _mean_written(days: list[Day]) -> float:
    return sum(day.written for day in days) / 1e9 / sum(day.length for day in days)


def _course(ours: list[Day]) -> Table:
    rows = tuple(
        (str(number), day.size / 1e6, more, _gigabytes(day))
        for number, (day, more) in enumerate(zip(ours, grown(ours), strict=True), 1)
        if number % _SHOWN <= 1 or number == len(ours)
    )
    return Table("PortEye, by day", ("day", "MB", "grown by", "GB written"), rows)


def _checks(ours: list[Day], *, on_disk: bool) -> tuple[Check, ...]:
    most = max(grown(ours))
    size = Check("growth, any day", f"{most:.1f} MB", f"{_BUDGET_SIZE:g} MB", most <= _BUDGET_SIZE)
    if not on_disk:
        return (size,)
    written = max(map(_gigabytes, ours))
    within = written <= _BUDGET_WRITTEN
    return size, Check("written, any day", f"{written:.3f} GB", f"{_BUDGET_WRITTEN:g} GB", within)
