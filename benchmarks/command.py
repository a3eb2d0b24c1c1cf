"""Time of `porteye who PORT` beside ss and lsof, with a small and a large database."""

import argparse
import os
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from benchmarks import peers
from benchmarks.load.worker import PROJECT
from benchmarks.machine import quantile
from benchmarks.report import Check, Report, Table
from benchmarks.seed import add_scale, scale_of, seed
from benchmarks.service import watching
from porteye_core.store.reading import open_reader

_BUDGET = 250  # milliseconds
_NONE, _SMALL = "porteye who, no database: one scan", "porteye who, a small database"


def add_flags(flags: argparse.ArgumentParser) -> None:
    """Number of rounds, and the large database or its size."""
    flags.add_argument("--db", type=Path, help="seeded, and watched into; else one is made")
    flags.add_argument("--rounds", type=int, default=20)
    add_scale(flags, events=10_000_000)


@dataclass(frozen=True, slots=True)
class Asked:
    """A command, and what each run of it took: milliseconds, and those of the processor."""

    words: tuple[str, ...]
    took: list[float] = field(default_factory=list)
    worked: list[float] = field(default_factory=list)


def run(options: argparse.Namespace) -> Report:
    """Hold a port, have it watched into both databases, and ask for its owner by turns."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="porteye-command-")))
        held = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        port = held.getsockname()[1]
        db: Path = options.db or folder / "large.db"
        if options.db is None:
            seed(db, scale_of(options))
        with open_reader(db) as reader:
            large = f"porteye who, {reader.newest_event():,} events"
        small = stack.enter_context(watching())
        stack.enter_context(watching(db=db))
        asked = {
            _NONE: _who(port, folder / "none.db"),
            _SMALL: _who(port, small.db),
            large: _who(port, db),
        }
        skipped = peers.missing(("ss", "lsof"))
        if "ss" not in skipped:
            words = f"{' '.join(peers.SS)} | grep :{port}"
            asked["ss -tlnp, grep"] = Asked(("sh", "-c", words))
        if "lsof" not in skipped:
            asked["lsof -i"] = Asked(("lsof", "-nP", f"-iTCP:{port}", "-sTCP:LISTEN"))
        measure(asked, port, options.rounds)
    return Report(
        (_table(options.rounds, asked),),
        tuple(
            Check(name, f"{median(asked[name].took):.0f} ms", f"{_BUDGET} ms", _is_met(asked[name]))
            for name in (_SMALL, large)
        ),
        skipped,
        ("No database: the monitor's parts are loaded, and the machine is scanned. No budget.",),
    )


def _who(port: int, db: Path) -> Asked:
    return Asked((sys.executable, "-m", "porteye_core.command", "who", str(port), "--db", str(db)))


def measure(asked: dict[str, Asked], port: int, rounds: int) -> None:
    """Run each command in each round, after one round that is not counted; RuntimeError if an
    answer does not name the port."""
    for number in range(rounds + 1):
        for each in asked.values():
            took, worked = _run(each.words, port)
            if number:
                each.took.append(took)
                each.worked.append(worked)


def _run(words: tuple[str, ...], port: int) -> tuple[float, float]:
    with tempfile.TemporaryFile() as output:
        began = time.perf_counter_ns()
        process = subprocess.Popen(words, stdout=output, stderr=output, cwd=PROJECT)
        _, status, usage = os.wait4(process.pid, 0)
        took = (time.perf_counter_ns() - began) / 1e6
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        said = output.read().decode(errors="replace")
    if process.returncode or f":{port}" not in said:
        raise RuntimeError(f"{' '.join(words)} ended with {process.returncode}: {said}")
    return took, (usage.ru_utime + usage.ru_stime) * 1000


def _is_met(asked: Asked) -> bool:
    return median(asked.took) <= _BUDGET


def _table(rounds: int, asked: dict[str, Asked]) -> Table:
    rows = [
        (name, median(each.took), quantile(each.took, 0.95), median(each.worked))
        for name, each in asked.items()
    ]
    columns = ("command", "median ms", "95 % ms", "processor, median ms")
    return Table(f"the owner of one port, {rounds} times each", columns, tuple(rows))
