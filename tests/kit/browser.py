"""A real Chromium, and what tests ask of the page in it."""

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from playwright.sync_api import (
    Browser,
    Download,
    Error,
    FloatRect,
    Page,
    expect,
    sync_playwright,
)

from tests.kit.service import PROJECT
from tests.kit.waiting import until

# The headless shell takes half of the processor time, for it draws no window around the page. Nor
# has it any: a window that a download opened stays open, where a whole Chromium closes it.
WHOLE = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "chrome"))), None)
CHROMIUM = shutil.which("chromium-headless-shell") or WHOLE
# Chromium asks its maker for updates and names at every start unless it is told not to.
QUIET = [
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
OUTPUT = PROJECT / "test-output"
PATIENCE = 120_000  # milliseconds: a busy machine may take its time
expect.set_options(timeout=PATIENCE)

needs_chromium = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed"),
]


@contextmanager
def chromium(*flags: str, program: str | None = CHROMIUM) -> Iterator[Browser]:
    """A browser of its own, with these flags."""
    # A sandbox needs namespaces that root in a container does not have.
    rootless = not hasattr(os, "geteuid") or os.geteuid() != 0
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program,
            args=[*QUIET, *flags, *([] if rootless else ["--no-sandbox"])],
        )
        yield browser
        browser.close()


def show(page: Page, url: str) -> None:
    page.goto(url)
    expect_watching(page)


def expect_watching(page: Page) -> None:
    """Until the monitor's badge says so; a view may have the word in its own text."""
    badge = page.locator("[data-testid=stSidebar] .stMarkdownBadge", has_text="Watching")
    expect(badge).to_be_visible()


def expect_settled(page: Page) -> None:
    """Until everything is drawn and nothing moves any more."""
    page.wait_for_function(
        """() => document.querySelector(".stApp[data-test-script-state=notRunning]")
            && !document.querySelector("[data-testid=stSkeleton]")""",
        timeout=PATIENCE,
    )


def wait_for_cells(page: Page, *wanted: str) -> None:
    """Streamlit draws a table on a canvas, with one for screen readers inside that is read here."""
    page.wait_for_function(
        """wanted => {
            const cells = [...document.querySelectorAll("[data-testid=stDataFrame] canvas td")];
            const texts = cells.map(cell => cell.textContent);
            return wanted.every(text => texts.includes(text));
        }""",
        arg=list(wanted),
        timeout=PATIENCE,
    )


def row_of(page: Page, port: int) -> int:
    """The place of a port's row in the table, counted from 0."""
    row: int = page.evaluate(
        """port => [...document.querySelectorAll("[data-testid=stDataFrame] canvas tbody tr")]
            .findIndex(row => [...row.cells].some(cell => cell.textContent === port))""",
        str(port),
    )
    assert row >= 0
    return row


def table_box(page: Page) -> FloatRect:
    """Where the table is in the window."""
    box = page.get_by_test_id("stDataFrame").locator("canvas").first.bounding_box()
    assert box is not None
    return box


def wait_for_ports(page: Page, *ports: int) -> None:
    """Until the table has these ports in this order, and no others."""
    page.wait_for_function(
        """wanted => {
            const rows = document.querySelectorAll("[data-testid=stDataFrame] canvas tbody tr");
            const texts = [...rows].map(row => [...row.cells].map(cell => cell.textContent));
            const ports = texts.map(cells => cells.find(text => /^\\d{4,5}$/.test(text)));
            return JSON.stringify(ports) === JSON.stringify(wanted);
        }""",
        arg=[str(port) for port in ports],
        timeout=PATIENCE,
    )


def pick_row(page: Page, port: int, among: Sequence[int]) -> None:
    """Click on a port's row, in the table of Now with these ports in this order.

    The copy that tests read is made a while after the canvas is drawn. Before it has just these
    ports, a row would be looked for where it was before the filters were set.
    """
    wait_for_ports(page, *among)
    expect_settled(page)
    drawer = page.get_by_role("dialog")

    def is_open() -> bool:
        """Click again if need be: a click on rows that have just come is refused."""
        page.mouse.click(*middle_of(page, among.index(port)))
        with suppress(Error):
            drawer.wait_for(timeout=3000)
        return drawer.is_visible()

    until(is_open, f"the drawer of {port} is open")


def middle_of(page: Page, row: int) -> tuple[float, float]:
    """The middle of the first cell of a row of Now, counted from 0."""
    box = table_box(page)
    return box["x"] + 27, box["y"] + 36 + 30 * row + 15


def save(page: Page, name: str) -> None:
    """Keep a picture of the page, once every chart is drawn and nothing changes any more: two
    pictures in a row are the same."""
    page.wait_for_function(
        """() => [...document.querySelectorAll("[data-testid=stPlotlyChart]")]
            .every(chart => chart.querySelector(".main-svg"))""",
        timeout=PATIENCE,
    )
    taken = [b""]

    def is_at_rest() -> bool:
        taken.append(page.screenshot(animations="disabled"))
        return taken[-1] == taken[-2]

    until(is_at_rest, f"the picture {name} is at rest")
    OUTPUT.mkdir(exist_ok=True)
    (OUTPUT / f"{name}.png").write_bytes(taken[-1])


def text_of(download: Download) -> str:
    return Path(download.path()).read_text()
