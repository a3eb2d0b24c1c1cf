"""How long do the questions of page and API take on a long history, and how much do exports?"""

import argparse
import gc
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.history.questions import Asked, asked
from benchmarks.load.worker import worker
from benchmarks.machine import quantile, ratio
from benchmarks.report import Cell, Check, Report, Table
from benchmarks.seed import add_scale, scale_of, seed
from porteye_core.errors import StoreSlow
from porteye_core.store.file.authorizer import MAX_QUERY_TIME
from porteye_core.store.file.connection import add_functions, open_connection
from porteye_core.store.reading import event_counts
from porteye_core.store.reading.listener_rows import Question

_BUDGET_MS = 50.0
_LONGEST_EXPORT = 3600.0  # seconds
_EXPORT_GROWTH = 1.25  # what counts as constant: caches fill


@dataclass(frozen=True, slots=True)
class Timed:
    """A question with the milliseconds of its rounds, by the wall and of the processor; `plain` of
    the plain form, `same`: whether that answered the same, None where there is none."""

    asked: Asked
    took: Sequence[float]
    worked: Sequence[float]
    plain: float | None
    same: bool | None

    @property
    def p95(self) -> float:
        """What one in twenty rounds exceeds."""
        return quantile(self.took, 0.95) or 0.0


def add_flags(flags: argparse.ArgumentParser) -> None:
    """Which database, and how often."""
    flags.add_argument("--db", type=Path, help="kept, and used again if it exists")
    add_scale(flags, events=10_000_000)
    flags.add_argument("--rounds", type=int, default=40)
    flags.add_argument("--no-plain", action="store_true", help="leave the plain forms out")
    flags.add_argument(
        "--export", type=int, nargs="*", default=[100_000, 1_000_000, 10_000_000], help="rows"
    )


def run(options: argparse.Namespace) -> Report:
    """Seed if need be, then ask every question, and export."""
    with _database(options) as db:
        with open_connection(db) as connection:
            sizes = connection.execute(
                "SELECT (SELECT count(*) FROM event), (SELECT count(*) FROM listener)"
            ).fetchone()
            questions = asked(connection, db)
        found = [timed(db, each, options.rounds, plain=not options.no_plain) for each in questions]
        exports = [(kind, rows, *_export(db, kind, rows)) for kind, rows in _exports(options)]
        plans = [plan(db, each.asked) for each in found if each.p95 > _BUDGET_MS]
    title = f"{sizes[0]:,} events of {sizes[1]:,} lives, {options.rounds} rounds"
    tables = [_table(title, found)]
    if exports:
        columns = ("export", "rows", "peak RSS, MiB", "seconds", "MB")
        tables.append(Table("Exports, each in a process of its own", columns, tuple(exports)))
    return Report(tuple(tables), (*_checks(found), *_export_checks(exports)), notes=tuple(plans))


@contextmanager
def _database(options: argparse.Namespace) -> Iterator[Path]:
    with TemporaryDirectory(prefix="porteye-benchmark-") as folder:
        db = options.db or Path(folder) / "history.db"
        if not db.exists():
            seed(db, scale_of(options))
        yield db


def timed(db: Path, question: Asked, rounds: int, *, plain: bool = True) -> Timed:
    """Ask it so often, each time on a new connection, or until it is given up; at first nothing is
    known of it."""
    event_counts.forget()
    took, worked = list[float](), list[float]()
    answer: Any = None
    try:
        with _no_collection():
            for _ in range(rounds):
                with open_connection(db) as connection:
                    began = time.thread_time()
                    answer, milliseconds = _timed(question.ask, connection)
                    worked.append((time.thread_time() - began) * 1000)
                took.append(milliseconds)
    except StoreSlow:  # given up: so long at least
        took.append(MAX_QUERY_TIME * 1000)
    if question.plain is None or not plain:
        return Timed(question, took, worked, None, None)
    with closing(sqlite3.connect(f"{db.as_uri()}?mode=ro", uri=True)) as unbounded:
        add_functions(unbounded, db)
        expected, milliseconds = _timed(_all, unbounded, question.plain)
    return Timed(question, took, worked, milliseconds, answer == expected)


@contextmanager
def _no_collection() -> Iterator[None]:
    """As timeit does: a full collection looks at what pandas and Plotly keep, 180,000 objects, and
    adds 100 ms to the one round in which it falls."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _all(connection: sqlite3.Connection, question: Question) -> list[tuple[Any, ...]]:
    return connection.execute(*question).fetchall()


def _timed(work: Callable[..., Any], *arguments: object) -> tuple[Any, float]:
    began = time.perf_counter()
    answer = work(*arguments)
    return answer, (time.perf_counter() - began) * 1000


def plan(db: Path, question: Asked) -> str:
    """SQLite's plan of each statement that a question comes to."""
    statements: list[str] = []
    with open_connection(db) as connection:
        connection.set_trace_callback(statements.append)
        with suppress(sqlite3.OperationalError):  # given up: its plan is wanted all the more
            question.ask(connection)
    lines = [f"The plan of “{question.name}”:"]
    with closing(sqlite3.connect(f"{db.as_uri()}?mode=ro", uri=True)) as unbounded:
        add_functions(unbounded, db)
        for statement in dict.fromkeys(statements):
            lines.append(" ".join(statement.split())[:200])
            rows = unbounded.execute(f"EXPLAIN QUERY PLAN {statement}")
            lines += [f"    {detail}" for *_, detail in rows]
    return "\n".join(lines)


def _table(title: str, found: Sequence[Timed]) -> Table:
    rows = tuple(
        (
            each.asked.name,
            each.took[0],
            quantile(each.took, 0.5),
            each.p95,
            quantile(each.worked, 0.95),
            each.plain,
            ratio(each.plain, quantile(each.took, 0.5)),
            {True: "yes", False: "NO", None: None}[each.same],
        )
        for each in found
    )
    columns = (
        "question",
        "first ms",
        "p50 ms",
        "p95 ms",
        "p95 CPU ms",
        "plain ms",
        "times PortEye's",
        "same answer",
    )
    return Table(title, columns, rows)


def _checks(found: Sequence[Timed]) -> list[Check]:
    slowest = max(found, key=lambda each: each.p95)
    first = max(found, key=lambda each: each.took[0])
    checks = [
        Check(
            "any question, the first time",
            f"{first.took[0]:.1f} ms ({first.asked.name})",
            f"{_BUDGET_MS:g} ms",
            first.took[0] <= _BUDGET_MS,
        ),
        Check(
            "any question, p95",
            f"{slowest.p95:.1f} ms ({slowest.asked.name})",
            f"{_BUDGET_MS:g} ms",
            slowest.p95 <= _BUDGET_MS,
        ),
    ]
    compared = [each for each in found if each.same is not None]
    if compared:
        same = sum(each.same is True for each in compared)
        checks.append(
            Check(
                "same answer as the plain form",
                f"{same}",
                f"{len(compared)}",
                same == len(compared),
            )
        )
    return checks


def _exports(options: argparse.Namespace) -> list[tuple[str, int]]:
    return [(kind, rows) for kind in ("CSV", "JSON") for rows in options.export]


def _export(db: Path, kind: str, rows: int) -> tuple[float, float, float]:
    """Peak MiB, seconds, and millions of characters."""
    began = time.perf_counter()
    with worker("history.exports", db.absolute(), kind, rows, bare=False) as exporting:
        done = exporting.answer(_LONGEST_EXPORT)
    return done["peak"] / 1024, time.perf_counter() - began, done["characters"] / 1e6


def _export_checks(exports: Sequence[tuple[Cell, ...]]) -> list[Check]:
    checks = []
    for kind in ("CSV", "JSON"):
        peaks = [each[2] for each in exports if each[0] == kind]
        if len(peaks) > 1:
            least, most = min(map(_float, peaks)), max(map(_float, peaks))
            checks.append(
                Check(
                    f"memory of an export as {kind}",
                    f"{least:.0f} to {most:.0f} MiB",
                    "constant",
                    most <= least * _EXPORT_GROWTH,
                )
            )
    return checks


def _float(cell: Cell) -> float:
    assert isinstance(cell, float)
    return cell
