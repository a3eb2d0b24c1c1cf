"""The page in a real Chromium: its first rows, a slow network, a busy machine and an idle page."""

import base64
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.loads import churn, standing
from benchmarks.report import Check, Table
from benchmarks.service import watching
from porteye_core.places import TOP as PROJECT

_FIRST_ROWS_MS, _SLOW_MS, _FREE, _IDLE_KB = 1200, 4000, 0.8, 20.0
_CHROMIUM = ("chromium", "chromium-browser", "chrome")
_QUIET = ("--disable-gpu", "--no-first-run", "--disable-background-networking", "--no-sandbox")
_SLOW = {"offline": False, "latency": 40, "downloadThroughput": 1.25e6, "uploadThroughput": 1.25e6}
_ROWS, _RATE = 1000, 10  # listeners, and openings a second
_SETTLING = 15.0  # seconds after the first table, in which the page is still young
# What no page of Streamlit with a table can be faster than.
_PLAINEST = """
import pandas as pd
import streamlit as st

st.dataframe(pd.DataFrame({"port": range(50)}))
"""
# Streamlit draws a table on a canvas: it is there when the place of its first row has a text, whose
# edges have many shades. PortEye shows the first rows as HTML before.
_WATCH = """
const drawn = () => {
    const canvas = document.querySelector("[data-testid=stDataFrame] canvas");
    if (!canvas || canvas.height <= 80) return false;
    const scale = canvas.width / canvas.getBoundingClientRect().width;
    const [top, tall] = [40, 28].map(pixels => Math.round(pixels * scale));
    const row = canvas.getContext("2d").getImageData(0, top, canvas.width, tall).data;
    const shades = new Set();
    for (let at = 0; at < row.length; at += 4)
        shades.add(row[at] << 16 | row[at + 1] << 8 | row[at + 2]);
    return shades.size > 8;
};
const read = () => document.querySelector(".first-rows tbody tr")?.checkVisibility(
    {visibilityProperty: true});
const look = () => {
    if (!window.firstTable && drawn()) window.firstTable = performance.now();
    if (!window.firstRows && (window.firstTable || read())) window.firstRows = performance.now();
    if (!window.firstTable) requestAnimationFrame(look);
};
requestAnimationFrame(look);
"""


@dataclass(frozen=True, slots=True)
class Visit:
    """A visit: milliseconds until rows can be read and until the table is there, and bytes."""

    rows: float
    table: float
    received: int


@dataclass(frozen=True, slots=True)
class Stay:
    """A page that stays open: the free share of its main thread, and what it gets a second."""

    free: float
    kilobytes: float


def found(wanted: int) -> tuple[str, dict[str, str]]:
    """The path of a Chromium that starts; without one an empty path, and why it is skipped."""
    if not wanted:
        return "", {}
    path = next(filter(None, map(shutil.which, _CHROMIUM)), None)
    if path is None:
        return "", {"first table": "no Chromium is installed"}
    try:
        from playwright.sync_api import Error, sync_playwright  # noqa: PLC0415 - as in _browser
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


def measure(
    chromium: str, db: Path, times: int, seconds: float
) -> tuple[tuple[Table, ...], tuple[Check, ...]]:
    """Everything that a browser tells; `times`: visits of a kind, `seconds`: of a stay."""
    with tempfile.TemporaryDirectory() as folder:
        plainest = Path(folder) / "plainest.py"
        plainest.write_text(_PLAINEST)
        script = PROJECT / "streamlit_app.py"
        known = visits(script, db, chromium, times)
        cold = visits(script, db, chromium, times, cold=True)
        slow = visits(script, db, chromium, times, cold=True, slow=True)
        peer = visits(plainest, db, chromium, times)
        peer_cold = visits(plainest, db, chromium, times, cold=True)
    crowd = stay(script, chromium, seconds, listeners=_ROWS, rate=_RATE)
    idle = stay(script, chromium, seconds, listeners=44, rate=0)
    named = {
        "PortEye, files kept": known,
        "PortEye, cold": cold,
        "PortEye, cold, 10 Mbit/s and 40 ms": slow,
        "Streamlit's plainest page, files kept": peer,
        "Streamlit's plainest page, cold": peer_cold,
    }
    tables = (_visits_table(named, times), _stays_table(crowd, idle, seconds))
    rows, table = (
        statistics.median(getattr(each, name) for each in of)
        for name, of in (("rows", cold), ("rows", slow))
    )
    checks = (
        _check(f"first rows in a cold browser, median of {times}", rows, _FIRST_ROWS_MS, "ms"),
        _check("the same, 10 Mbit/s and 40 ms", table, _SLOW_MS, "ms"),
        Check(
            f"main thread free, {_ROWS:,} rows and churn",
            f"{crowd.free:.0%}",
            f"{_FREE:.0%}",
            met=crowd.free >= _FREE,
        ),
        _check("an idle page receives", idle.kilobytes, _IDLE_KB, "kB/s"),
    )
    return tables, checks


def _check(what: str, measured: float, budget: float, unit: str) -> Check:
    return Check(what, f"{measured:,.0f} {unit}", f"{budget:,.0f} {unit}", met=measured <= budget)


def _visits_table(named: Mapping[str, Sequence[Visit]], times: int) -> Table:
    rows = tuple(
        (
            name,
            min(each.rows for each in of),
            statistics.median(each.rows for each in of),
            statistics.median(each.table for each in of),
            max(each.received for each in of) / 1e6,
        )
        for name, of in named.items()
    )
    columns = ("a visit", "rows, least ms", "rows, median ms", "table, median ms", "MB received")
    return Table(f"{times} visits of each kind", columns, rows)


def _stays_table(crowd: Stay, idle: Stay, seconds: float) -> Table:
    columns = ("a page that stays open", "main thread free %", "kB/s received")
    rows = (
        (f"{_ROWS:,} rows, {_RATE} openings a second", crowd.free * 100, crowd.kilobytes),
        ("44 rows, nothing opens", idle.free * 100, idle.kilobytes),
    )
    return Table(f"{seconds:g} s of each", columns, rows)


def visits(
    script: Path, db: Path, chromium: str, times: int, *, cold: bool = False, slow: bool = False
) -> list[Visit]:
    """Visit the page; cold: as a new visitor each time, who has none of its files."""
    with _served(script, db, PORTEYE_MONITOR="off") as url, _browser(chromium) as browser:
        kept = None if cold else browser.new_context()
        # The first visit makes the server read its files, and a kept visitor fetch them.
        return [_visit(browser, url, kept, slow=slow) for _ in range(times + 1)][1:]


def _visit(browser: Any, url: str, kept: Any, *, slow: bool) -> Visit:
    visitor = kept or browser.new_context()
    page = visitor.new_page()
    page.add_init_script(_WATCH)
    session = visitor.new_cdp_session(page)
    session.send("Network.enable")
    received = [0]

    def count(event: dict[str, Any]) -> None:
        received[0] += event["encodedDataLength"]

    session.on("Network.loadingFinished", count)
    if slow:
        session.send("Network.emulateNetworkConditions", _SLOW)
    page.goto(url, wait_until="commit")
    # A function: the page's policy lets no text be evaluated.
    table = page.wait_for_function("() => window.firstTable").json_value()
    visit = Visit(page.evaluate("() => window.firstRows"), table, received[0])
    page.close()
    if kept is None:
        visitor.close()
    return visit


def stay(script: Path, chromium: str, seconds: float, *, listeners: int, rate: float) -> Stay:
    """Leave Now open over a monitor of so many listeners, while so many open a second."""
    with (
        standing(listeners, 4, 0),
        watching() as service,
        _served(script, service.db, PORTEYE_MONITOR="off") as url,
        _browser(chromium) as browser,
    ):
        page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
        page.add_init_script(_WATCH)
        session = page.context.new_cdp_session(page)
        session.send("Network.enable")
        session.send("Performance.enable")
        received = [0]

        def count(event: dict[str, Any]) -> None:
            payload = event["response"]["payloadData"]
            received[0] += len(base64.b64decode(payload + "=" * (-len(payload) % 4)))

        session.on("Network.webSocketFrameReceived", count)
        page.goto(url, wait_until="commit")
        page.wait_for_function("() => window.firstTable")
        page.wait_for_timeout(_SETTLING * 1000)
        if not rate:
            return _stayed(page, session, received, seconds)
        with churn(rate):
            return _stayed(page, session, received, seconds)


def _stayed(page: Any, session: Any, received: list[int], seconds: float) -> Stay:
    began, busy, bytes_ = time.monotonic(), _busy(session), received[0]
    page.wait_for_timeout(seconds * 1000)
    took = time.monotonic() - began
    return Stay(1 - (_busy(session) - busy) / took, (received[0] - bytes_) / 1000 / took)


def _busy(session: Any) -> float:
    """Seconds that the page's main thread has worked."""
    metrics = session.send("Performance.getMetrics")["metrics"]
    return next(float(each["value"]) for each in metrics if each["name"] == "TaskDuration")


@contextmanager
def _browser(chromium: str) -> Iterator[Any]:
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - only where there is a browser

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=_QUIET)
        yield browser
        browser.close()


@contextmanager
def _served(script: Path, db: Path, **variables: str) -> Iterator[str]:
    environment = {**os.environ, "PORTEYE_DB": str(db), **variables}
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
        if match := re.search(r"http://(?:127\.0\.0\.1|localhost):\d+", said):
            return match[0]
        time.sleep(0.1)
    raise TimeoutError(f"The dashboard did not start:\n{said}")
