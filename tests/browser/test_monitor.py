"""What a real Chromium shows of a monitor that goes, of both themes and of the keyboard."""

import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.kit.app import App, dashboard
from tests.kit.browser import expect_settled, expect_watching, needs_chromium
from tests.kit.service import monitor
from tests.kit.themes import SCHEMES, THEMES, Scheme, rgb

pytestmark = needs_chromium

VIEWS = ("", "history", "timeline", "monitor")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("watched")


@pytest.fixture(scope="module")
def app(folder: Path) -> Iterator[App]:
    """A dashboard that starts no monitor of its own."""
    with dashboard(folder / "porteye.db", folder, PORTEYE_MONITOR="off") as running:
        yield running


def banner(page: Page) -> Any:
    return page.locator(".st-key-banner").get_by_test_id("stAlert")


def top_of_view(page: Page) -> float:
    return float(
        page.evaluate("document.querySelector('.st-key-now_line').getBoundingClientRect().top")
    )


@pytest.mark.parametrize(
    ("ending", "said"),
    [(signal.SIGTERM, "The monitor was stopped"), (signal.SIGKILL, "The monitor ended abruptly")],
)
def test_a_monitor_that_ends_is_said_on_every_view(
    app: App, folder: Path, page: Page, ending: signal.Signals, said: str
) -> None:
    with monitor(folder / "porteye.db", "--source", "portable") as process:
        page.goto(app.url)
        expect(page.locator(".st-key-now_line")).to_be_visible()
        expect_watching(page)
        since = page.get_by_test_id("stSidebar").locator("time")
        expect(since).to_have_attribute("title", re.compile(r"^\d{4}-.* UTC$"))
        expect(banner(page)).to_have_count(0)
        unwarned = top_of_view(page)
        process.send_signal(ending)
        expect(banner(page)).to_contain_text(said)
        assert top_of_view(page) > unwarned
        page.locator(".st-key-banner").get_by_role("button", name="How to start it").click()
        expect(page.get_by_test_id("stPopoverBody")).to_contain_text("monitor_service.py")
        page.keyboard.press("Escape")
        for view in VIEWS:
            page.goto(f"{app.url}/{view}")
            expect(banner(page)).to_contain_text(said)
    with monitor(folder / "porteye.db", "--source", "portable"):
        expect(banner(page)).to_have_count(0)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_page_has_the_colors_of_its_theme(app: App, page: Page, scheme: Scheme) -> None:
    page.emulate_media(color_scheme=scheme)
    page.goto(app.url)
    expect(page.get_by_test_id("stSidebar")).to_be_visible()
    theme = THEMES[scheme]
    for place, color in (
        (".stApp", theme["backgroundColor"]),
        ("[data-testid=stSidebar]", theme["sidebar"]["backgroundColor"]),
    ):
        expect(page.locator(place)).to_have_css("background-color", rgb(color))


@pytest.mark.parametrize("view", VIEWS)
def test_a_phone_says_above_the_view_what_its_closed_sidebar_hides(
    app: App, page: Page, view: str
) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{app.url}/{view}?port=eighty")
    said = page.get_by_text("“eighty” is not a port.")
    main = page.get_by_test_id("stMain").get_by_text("“eighty” is not a port.")
    expect(main).to_be_visible()
    expect(banner(page)).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0
    page.set_viewport_size({"width": 1280, "height": 844})
    page.reload()
    expect(page.get_by_test_id("stSidebar").get_by_text("“eighty” is not a port.")).to_be_visible()
    expect(said).to_have_count(2)
    expect(main).to_be_hidden()


OUTLINED = """() => {
    let place = document.activeElement;
    for (let step = 0; step < 3; step++, place = place.parentElement) {
        const style = getComputedStyle(place);
        if (style.outlineStyle === "solid" && parseFloat(style.outlineWidth) >= 3) return true;
    }
    return false;
}"""


def test_the_keyboard_is_followed_by_a_visible_outline_in_order(app: App, page: Page) -> None:
    page.goto(app.url)
    expect(page.get_by_role("link", name="Monitor")).to_be_visible()
    expect(page.get_by_label("Process", exact=True)).to_be_visible()
    expect(banner(page)).to_be_visible()
    expect_settled(page)
    reached: list[str] = []
    while not reached or not reached[-1].endswith("Monitor"):
        assert len(reached) < 60, reached
        page.keyboard.press("Tab")
        name = "document.activeElement.ariaLabel || document.activeElement.textContent"
        reached.append(page.evaluate(name))
        page.wait_for_function(OUTLINED)
    order = [
        next(at for at, name in enumerate(reached) if name.endswith(wanted))
        for wanted in ("Skip to main content", "Port", "Process", "Protocol", "Now", "Monitor")
    ]
    assert order == sorted(order)


def test_who_wants_no_motion_gets_none(app: App, page: Page) -> None:
    page.emulate_media(reduced_motion="reduce")
    page.goto(app.url)
    expect(page.get_by_test_id("stSidebar")).to_have_css("transition-duration", "0.001s")
