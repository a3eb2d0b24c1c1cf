"""How long does a step of dropping old records hold the writer, and is the space given back?"""

import argparse
import os
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from benchmarks.machine import quantile
from benchmarks.report import Cell, Check, Report, Table
from benchmarks.seed import add_scale, scale_of, seed
from porteye_core.model import RetentionPolicy
from porteye_core.store.tables.host_row import Host, machine_id
from porteye_core.store.writing.startup import open_writer

_HOST = Host("workstation", machine_id(), "Linux", 16 << 30)
_DAY, _SECOND = 86_400_000_000, 1_000_000
_BUDGET_MS = 50.0
_BEGIN = 61 * _SECOND  # the first round is due after a minute
_IDLE, _IDLE_MS = 20, 0.1  # so many steps that do nothing, and how short such a one is


@dataclass(frozen=True, slots=True)
class Dropped:
    """The milliseconds of each step that did something, and bytes of the file around them; `ended`:
    nothing was left to drop."""

    steps: Sequence[float]
    before: int
    after: int
    ended: bool


def add_flags(flags: argparse.ArgumentParser) -> None:
    """Which history, and how much of it to keep."""
    flags.add_argument("--db", type=Path, help="copied, not changed; else one is made")
    add_scale(flags, events=10_000_000)
    flags.add_argument("--keep-events", type=float, default=27, help="days")
    flags.add_argument("--max-size", type=float, default=0.85, help="share of the size after that")
    flags.add_argument("--steps", type=int, default=3000, help="at most, of each round")


def run(options: argparse.Namespace) -> Report:
    """Drop by age on a copy, then by size, each until there is nothing left to do."""
    folder = options.db.parent if options.db else None
    with tempfile.TemporaryDirectory(prefix="porteye-benchmark-", dir=folder) as made:
        db = Path(made) / "kept.db"
        if options.db:
            shutil.copyfile(options.db, db)
        else:
            seed(db, scale_of(options))
        _reach_the_disk(db)
        keep = round(options.keep_events * _DAY)
        by_age = dropped(db, RetentionPolicy(samples=_DAY, events=keep), options.steps)
        limit = int(by_age.after * options.max_size)
        by_size = dropped(db, RetentionPolicy(size=limit), options.steps)
    found = {
        f"older than {options.keep_events:g} days": by_age,
        f"--max-size of {limit / 1e6:,.0f} MB": by_size,
    }
    steps = [*by_age.steps, *by_size.steps]
    longest = max(steps, default=0.0)
    columns = (
        *("dropped", "steps", "p50 ms", "p95 ms", "longest ms", "over 50 ms"),
        *("MB before", "MB after"),
    )
    return Report(
        (Table("Steps of dropping", columns, tuple(map(_row, found, found.values()))),),
        (
            Check("p95 of the steps", _ms(quantile(steps, 0.95)), "50 ms", _met(steps, 0.95)),
            Check("the longest step", _ms(longest), "50 ms", longest <= _BUDGET_MS),
            _size(by_size, limit),
        ),
    )


def _reach_the_disk(db: Path) -> None:
    """Else the first step that writes the log back waits for gigabytes that are not its own."""
    with db.open("rb") as file:
        os.fsync(file.fileno())


def dropped(db: Path, keep: RetentionPolicy, most: int) -> Dropped:
    """Offer the writer steps, a second apart by its own clock, until it has nothing to drop."""
    with closing(sqlite3.connect(db)) as connection:
        now = connection.execute("SELECT max(at) FROM event").fetchone()[0]
    before, steps, idle = db.stat().st_size, list[float](), 0
    with open_writer(db, _HOST, now, keep) as writer:
        writer.purge_step(now, 0)
        for number in range(most):
            began = time.perf_counter()
            writer.purge_step(now, _BEGIN + number * 2 * _SECOND)
            took = (time.perf_counter() - began) * 1000
            idle = idle + 1 if took < _IDLE_MS else 0
            if idle == 0:
                steps.append(took)
            if idle >= _IDLE:
                break
    return Dropped(steps, before, db.stat().st_size, idle >= _IDLE)


def _row(name: str, found: Dropped) -> tuple[Cell, ...]:
    times = (quantile(found.steps, share) for share in (0.5, 0.95, 1.0))
    over = sum(each > _BUDGET_MS for each in found.steps)
    return name, len(found.steps), *times, over, found.before / 1e6, found.after / 1e6


def _size(found: Dropped, limit: int) -> Check:
    measured = f"{found.after / 1e6:,.0f} MB"
    if not found.ended:
        measured = f"not known: {len(found.steps):,} steps did not end it"
    met = found.ended and found.after <= limit
    return Check("size under --max-size", measured, f"{limit / 1e6:,.0f} MB", met)


def _ms(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f} ms"


def _met(steps: Sequence[float], share: float) -> bool:
    return (quantile(steps, share) or 0.0) <= _BUDGET_MS
