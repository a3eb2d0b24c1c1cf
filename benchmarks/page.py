"""The server's time for each view of the page, and the first table in a browser."""

import argparse
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from streamlit.testing.v1 import AppTest

from benchmarks.machine import quantile
from benchmarks.report import Cell, Check, Report, Table
from benchmarks.seed import add_scale, scale_of, seed
from porteye_core.config import PROJECT
from porteye_core.web.server import settle

_VIEWS = ("now", "listener", "timeline", "history", "monitor")
# What these views keep in the session is forgotten before each rerun, as if something was stored.
_KEPT = {"now": ("now_read",), "timeline": ("timeline_drawn", "moment_found")}
_SERVER_MS, _FIRST_TABLE_MS = 150, 1500
_CHROMIUM = ("chromium", "chromium-browser", "chrome")
# What no page of Streamlit with a table can be faster than.
_PLAINEST = """
import pandas as pd
import streamlit as st

st.dataframe(pd.DataFrame({"port": range(50)}))
"""
# Streamlit draws a table on a canvas: it is there when the place of its first row has a text, whose
# edges have many shades. What stands in it for screen readers comes a third of a second later.
_WATCH = """
const look = () => {
    const canvas = document.querySelector("[data-testid=stDataFrame] canvas");
    if (canvas && canvas.height > 80) {
        const scale = canvas.width / canvas.getBoundingClientRect().width;
        const [top, tall] = [40, 34].map(pixels => Math.round(pixels * scale));
        const row = canvas.getContext("2d").getImageData(0, top, canvas.width, tall).data;
        const shades = new Set();
        for (let at = 0; at < row.length; at += 4)
            shades.add(row[at] << 16 | row[at + 1] << 8 | row[at + 2]);
        if (shades.size > 8) {
            window.firstTable = performance.now();
            return;
        }
    }
    requestAnimationFrame(look);
};
requestAnimationFrame(look);
"""
_QUIET = ("--disable-gpu", "--no-first-run", "--disable-background-networking", "--no-sandbox")


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


def run(options: argparse.Namespace) -> Report:
    """Seed if need be, then time every view, and the browser where there is one."""
    chromium, skipped = _browser(options.visits)
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
        ours = first_tables(PROJECT / "streamlit_app.py", db, chromium, options.visits)
        plainest = Path(folder) / "plainest.py"
        plainest.write_text(_PLAINEST)
        peers = first_tables(plainest, db, chromium, options.visits)
        checks.append(_browser_check(ours))
        return Report((table, _browser_table(ours, peers)), tuple(checks))


def _browser(visits: int) -> tuple[str, dict[str, str]]:
    """The path of a Chromium that starts; without one an empty path, and why it is skipped."""
    if not visits:
        return "", {}
    path = next(filter(None, map(shutil.which, _CHROMIUM)), None)
    if path is None:
        return "", {"first table": "no Chromium is installed"}
    try:
        from playwright.sync_api import Error, sync_playwright  # noqa: PLC0415 - as in first_tables
    except ImportError:
        return "", {"first table": "playwright is not installed (requirements-dev.txt)"}
    try:
        with sync_playwright() as playwright:
            playwright.chromium.launch(executable_path=path, args=_QUIET).close()
    except Error as err:
        return "", {"first table": f"{path} does not start: {_last_words(err.message)}"}
    return path, {}


def _last_words(message: str) -> str:
    """The last line that the browser itself has printed, or else the first one of the error."""
    printed = [each.split("[err]", 1)[1] for each in message.splitlines() if "[err]" in each]
    return (printed or message.splitlines() or ["no message"])[-1 if printed else 0].strip()


def rerun(db: Path, view: str, span: str, rounds: int, *, anew: bool = False) -> Rerun:
    """Run a view's script, and again so often, `anew` without what it has kept; RuntimeError if
    the view fails."""
    os.environ |= {"PORTEYE_DB": str(db), "PORTEYE_MONITOR": "off"}
    page = AppTest.from_file(str(PROJECT / "streamlit_app.py"), default_timeout=120)
    page.query_params["range"] = span
    page.run()
    if view == "listener":
        page.query_params["listener"] = "1"
    path = f"porteye_core/ui/views/{view}.py"
    first, _ = _milliseconds(page.run if view == "now" else lambda: page.switch_page(path).run())
    times = []
    for _ in range(rounds):
        if anew:
            for kept in _KEPT[view]:
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


def _browser_check(times: Sequence[float]) -> Check:
    middle = statistics.median(times)
    return Check(
        f"first table in the browser, median of {len(times)}",
        f"{middle:.0f} ms",
        f"{_FIRST_TABLE_MS} ms",
        met=middle <= _FIRST_TABLE_MS,
    )


def _browser_table(ours: Sequence[float], plainest: Sequence[float]) -> Table:
    middle = statistics.median(plainest)
    rows = [
        (name, min(times), statistics.median(times), statistics.median(times) / middle)
        for name, times in (("PortEye", ours), ("Streamlit's plainest page with a table", plainest))
    ]
    columns = ("the first table in the browser", "least ms", "median ms", "times the plainest")
    return Table(f"{len(ours)} visits", columns, tuple(rows))


def _milliseconds(work: Callable[[], object]) -> tuple[float, float]:
    """By the wall, and of the processor in all threads: a script has its own."""
    began, worked = time.perf_counter(), time.process_time()
    work()
    return (time.perf_counter() - began) * 1000, (time.process_time() - worked) * 1000


def first_tables(script: Path, db: Path, chromium: str, visits: int) -> list[float]:
    """Milliseconds from the address to the frame that shows rows of a table, for each visit."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - only where there is a browser

    found = []
    with _served(script, db) as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=_QUIET)
        visitor = browser.new_context()  # one visitor, who keeps the page's files
        visitor.add_init_script(_WATCH)
        for _ in range(visits + 1):
            page = visitor.new_page()
            page.goto(url, wait_until="commit")
            # A function: the page's policy lets no text be evaluated.
            found.append(page.wait_for_function("() => window.firstTable").json_value())
            page.close()
        browser.close()
    return found[1:]  # the first visit also fetches the files


@contextmanager
def _served(script: Path, db: Path) -> Iterator[str]:
    environment = {**os.environ, "PORTEYE_DB": str(db), "PORTEYE_MONITOR": "off"}
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "streamlit", "run", str(script)),
                *("--server.headless", "true", "--server.port", "0"),
                *("--server.address", "127.0.0.1"),
            ],
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            yield _url(log.fileno())
        finally:
            process.terminate()
            process.wait(20)


def _url(log: int, patience: float = 60) -> str:
    end = time.monotonic() + patience
    while time.monotonic() < end:
        said = os.pread(log, 1 << 16, 0).decode(errors="replace")
        if found := re.search(r"http://(?:127\.0\.0\.1|localhost):\d+", said):
            return found[0]
        time.sleep(0.1)
    raise TimeoutError(f"The dashboard did not start:\n{said}")
