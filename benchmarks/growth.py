"""How much does the database grow in a day, and how many bytes go to the disk for it?"""

import argparse
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.growing.days import MIX
from benchmarks.load.worker import worker
from benchmarks.machine import ratio
from benchmarks.report import Check, Report, Table

_BUDGET_MB, _BUDGET_GB = 30.0, 0.5  # a day
_LONGEST = 6 * 3600.0


@dataclass(frozen=True, slots=True)
class Grown:
    """What some days came to; bytes."""

    days: float
    size: int
    written: int
    seconds: float

    @property
    def mb(self) -> float:
        """MB that the file has for each day."""
        return self.size / self.days / 1e6

    @property
    def gb(self) -> float:
        """GB that were written to the disk for each day."""
        return self.written / self.days / 1e9


def add_flags(flags: argparse.ArgumentParser) -> None:
    """How many days of what, and where."""
    flags.add_argument("--days", type=float, default=30)
    flags.add_argument("--plain-days", type=float, default=0.25, help="of a row per tick")
    flags.add_argument("--listeners", type=int, default=200)
    flags.add_argument("--events", type=int, default=2000, help="a day")
    flags.add_argument("--folder", type=Path, help="on a disk: in memory nothing is written")


def run(options: argparse.Namespace) -> Report:
    """Replay the days through PortEye's writer, and some into a table of rows."""
    ours = grown("porteye", options.days, options)
    plain = grown("rows", options.plain_days, options)
    mix = ", ".join(f"{share:.0%} change at {changes:.0%} of the beats" for share, changes in MIX)
    columns = (
        "",
        "days",
        "MB a day",
        "times PortEye's",
        "GB written a day",
        "times PortEye's",
        "s",
    )
    rows = tuple(
        (name, at.days, at.mb, ratio(at.mb, ours.mb), at.gb, ratio(at.gb, ours.gb), at.seconds)
        for name, at in {"PortEye": ours, "a row per listener and tick": plain}.items()
    )
    title = f"{options.listeners:,} listeners sampled every 10 s, {options.events:,} events a day"
    return Report(
        (Table(f"{title}; {mix}", columns, rows),),
        (
            Check("growth", f"{ours.mb:.1f} MB a day", "30 MB a day", ours.mb <= _BUDGET_MB),
            _written(ours),
        ),
    )


def grown(way: str, days: float, options: argparse.Namespace) -> Grown:
    """Write so many days in a process of its own."""
    with tempfile.TemporaryDirectory(prefix="porteye-benchmark-", dir=options.folder) as folder:
        began = time.monotonic()
        sizes = days, options.listeners, options.events
        db = Path(folder) / "grown.db"
        with worker("growing.replay_process", db, way, *sizes, bare=False) as replay:
            done = replay.answer(_LONGEST)
        return Grown(days, done["size"], done["written"], time.monotonic() - began)


def _written(ours: Grown) -> Check:
    if not ours.written:
        return Check("written to disk", "not counted: the folder is in memory", "0.5 GB", met=False)
    return Check("written to disk", f"{ours.gb:.2f} GB a day", "0.5 GB", ours.gb <= _BUDGET_GB)
