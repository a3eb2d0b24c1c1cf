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
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from streamlit.testing.v1 import AppTest

from benchmarks.report import Check, Report, Table
from benchmarks.seed import add_scale, scale_of, seed
from porteye_core.config import PROJECT

_VIEWS = ("now", "listener", "timeline", "history", "time_machine", "monitor")
_SERVER_MS, _FIRST_TABLE_MS = 150, 1500
_CHROMIUM = ("chromium", "chromium-browser", "chrome")
_QUIET = ("--disable-gpu", "--no-first-run", "--disable-background-networking", "--no-sandbox")


def add_flags(flags: argparse.ArgumentParser) -> None:
    """Which database, and how often."""
    flags.add_argument("--db", type=Path, help="a seeded database; else one is made")
    add_scale(flags, events=1_000_000)
    flags.add_argument("--rounds", type=int, default=20)
    flags.add_argument("--range", default="30d", help="the time range of the sidebar")


def run(options: argparse.Namespace) -> Report:
    """Seed if need be, then time every view, and the browser where there is one."""
    with tempfile.TemporaryDirectory() as folder:
        db = options.db
        if db is None:
            db = Path(folder) / "porteye.db"
            seed(db, scale_of(options))
        views = [(name, *_rerun(db, name, options)) for name in _VIEWS]
        table = Table(
            f"A rerun of each view, {options.range}, {options.rounds} rounds",
            ("view", "first ms", "p50 ms", "p95 ms"),
            tuple(views),
        )
        slowest = max(views, key=lambda row: row[3])
        checks = [
            Check(
                "server side of a rerun, p95",
                f"{slowest[3]:.0f} ms ({slowest[0]})",
                f"{_SERVER_MS} ms",
                met=slowest[3] <= _SERVER_MS,
            )
        ]
        chromium = next(filter(None, map(shutil.which, _CHROMIUM)), None)
        if chromium is None:
            return Report((table,), tuple(checks), {"first table": "no Chromium is installed"})
        times = _first_tables(db, chromium)
        middle = statistics.median(times)
        checks.append(
            Check(
                f"first table in the browser, median of {len(times)}",
                f"{middle:.0f} ms",
                f"{_FIRST_TABLE_MS} ms",
                met=middle <= _FIRST_TABLE_MS,
            )
        )
        return Report((table,), tuple(checks))


def _rerun(db: Path, view: str, options: argparse.Namespace) -> tuple[float, float, float]:
    """Milliseconds of a view's script: the first run, and the median and p95 of the others."""
    os.environ |= {"PORTEYE_DB": str(db), "PORTEYE_MONITOR": "off"}
    page = AppTest.from_file(str(PROJECT / "streamlit_app.py"), default_timeout=120)
    page.query_params["range"] = options.range
    page.run()
    if view == "listener":
        page.query_params["listener"] = "1"
    first = _milliseconds(
        lambda: (
            page.switch_page(f"porteye_core/ui/views/{view}.py").run()
            if view != "now"
            else page.run()
        )
    )
    if page.exception:
        raise RuntimeError(f"The view {view} failed: {page.exception[0].value}")
    found = sorted(_milliseconds(page.run) for _ in range(options.rounds))
    return (
        round(first, 1),
        round(statistics.median(found), 1),
        round(found[int(len(found) * 0.95)], 1),
    )


def _milliseconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000


def _first_tables(db: Path, chromium: str, rounds: int = 7) -> list[float]:
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - only where there is a browser

    found = []
    with _dashboard(db) as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=_QUIET)
        for _ in range(rounds + 1):
            page = browser.new_page()
            began = time.perf_counter()
            page.goto(url, wait_until="commit")
            page.wait_for_selector("[data-testid=stDataFrame] canvas td", state="attached")
            found.append((time.perf_counter() - began) * 1000)
            page.close()
        browser.close()
    return found[1:]  # the first one also fills the browser's and the server's caches


@contextmanager
def _dashboard(db: Path) -> Iterator[str]:
    environment = {**os.environ, "PORTEYE_DB": str(db), "PORTEYE_MONITOR": "off"}
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "streamlit", "run", str(PROJECT / "streamlit_app.py")),
                *("--server.headless", "true", "--server.port", "0"),
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
