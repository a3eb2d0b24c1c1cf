"""The server's time for each view of the page, and the first table in a browser."""

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from streamlit.testing.v1 import AppTest

from benchmarks import page_browser
from benchmarks.machine import quantile
from benchmarks.report import Cell, Check, Report, Table
from benchmarks.seed import add_scale, scale_of, seed
from porteye_core.places import TOP as PROJECT
from porteye_core.web import server
from porteye_core.web.server import settle

_VIEWS = ("now", "listener", "timeline", "history", "monitor")
# What these views keep in the session is forgotten before each rerun, as if something was stored.
_KEPT = {
    "now": ("now_read", "now_rows", "verdicts"),
    "timeline": ("timeline_drawn", "moment_found"),
}
_SERVER_MS = 150
VIEWS = {False: _VIEWS, True: tuple(_KEPT)}
"""The views, and under True those that are also timed anew."""


@dataclass(frozen=True, slots=True)
class Rerun:
    """A view's milliseconds: of the first run, and of the others by the wall and of the
    processor, which a busy machine does not lengthen."""

    view: str
    first: float
    took: Sequence[float]
    worked: Sequence[float]

    @property
    def p95(self) -> float:
        """What one in twenty reruns exceeds, by the wall."""
        return quantile(self.took, 0.95) or 0.0


def add_flags(flags: argparse.ArgumentParser) -> None:
    """Which database, and how often."""
    flags.add_argument("--db", type=Path, help="a seeded database; else one is made")
    add_scale(flags, events=1_000_000)
    flags.add_argument("--rounds", type=int, default=20)
    flags.add_argument("--range", default="30d", help="the time range of the sidebar")
    flags.add_argument("--visits", type=int, default=7, help="of a browser; 0: start none")
    flags.add_argument("--stay", type=float, default=30, help="seconds of a page that stays open")


def run(options: argparse.Namespace) -> Report:
    """Seed if need be, then time every view, and the browser where there is one."""
    chromium, skipped = page_browser.found(options.visits)  # before a seeding of minutes
    with tempfile.TemporaryDirectory() as folder:
        db = options.db
        if db is None:
            db = Path(folder) / "porteye.db"
            seed(db, scale_of(options))
        import_module("porteye_core.ui")  # which the server has when it settles
        settle()
        views = [rerun(db, view, options.range, options.rounds) for view in _VIEWS]
        views += [rerun(db, view, options.range, options.rounds, anew=True) for view in _KEPT]
        title = f"A rerun of each view, {options.range}, {options.rounds} rounds"
        table, checks = _table(title, views), [_server_check(views)]
        if not chromium:
            return Report((table,), tuple(checks), skipped)
        tables, more = page_browser.measure(chromium, db, options.visits, options.stay)
        return Report((table, *tables), (*checks, *more))


def rerun(
    db: Path,
    view: str,
    span: str,
    rounds: int,
    *,
    anew: bool = False,
    host: str = "",
    fleet: str = "",
) -> Rerun:
    """Run a view's script, and again so often, `anew` without what it has kept; RuntimeError if
    the view fails. host: of the fleet at this address, in place of the database."""
    os.environ |= {"PORTEYE_DB": str(db), "PORTEYE_MONITOR": "off", "PORTEYE_FLEET": fleet}
    server.config.cache_clear()
    page = AppTest.from_file(str(PROJECT / "streamlit_app.py"), default_timeout=120)
    page.query_params["range"] = span
    if host:
        page.query_params["host"] = host
    page.run()
    if view == "listener":
        page.query_params["listener"] = "1"
    path = f"porteye_core/ui/views/{view}.py"
    is_first = view == "now" and not host
    first, _ = _milliseconds(page.run if is_first else lambda: page.switch_page(path).run())
    times = []
    for _ in range(rounds):
        if anew:
            for kept in _KEPT[view]:
                if kept in page.session_state:  # verdicts need a file of expected ports
                    del page.session_state[kept]
        times.append(_milliseconds(page.run))
    if page.exception:
        raise RuntimeError(f"The view {view} failed: {page.exception[0].value}")
    took, worked = zip(*times, strict=True)
    return Rerun(f"{view}, all anew" if anew else view, first, took, worked)


def _table(title: str, views: Sequence[Rerun]) -> Table:
    columns = ("view", "first ms", "p50 ms", "p95 ms", "p50 CPU ms", "p95 CPU ms")
    return Table(title, columns, tuple(map(_row, views)))


def _row(each: Rerun) -> tuple[Cell, ...]:
    times = (quantile(of, share) for of in (each.took, each.worked) for share in (0.5, 0.95))
    return each.view, each.first, *times


def _server_check(views: Sequence[Rerun]) -> Check:
    slowest = max(views, key=lambda each: each.p95)
    return Check(
        "server side of a rerun, p95",
        f"{slowest.p95:.0f} ms ({slowest.view})",
        f"{_SERVER_MS} ms",
        met=slowest.p95 <= _SERVER_MS,
    )


def _milliseconds(work: Callable[[], object]) -> tuple[float, float]:
    """By the wall, and of the processor in all threads: a script has its own."""
    began, worked = time.perf_counter(), time.process_time()
    work()
    return (time.perf_counter() - began) * 1000, (time.process_time() - worked) * 1000
