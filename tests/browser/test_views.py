"""Every view, in both themes and both widths: nothing hangs out of the window, nothing fails.

The pictures are kept in test-output/ for whoever wants to look at them.
"""

import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from benchmarks.seed import seed
from benchmarks.seeding.scale import Scale
from porteye_core.store.alerts import beside
from tests.kit.alerts import fill
from tests.kit.app import App, dashboard
from tests.kit.browser import PATIENCE, expect_settled, needs_chromium, save
from tests.kit.themes import SCHEMES, THEMES, Scheme, rgb

pytestmark = needs_chromium
VIEWS = {
    "now": "",
    "choose": "listener",
    "listener": "listener?listener=1&range=7d",
    "timeline": "timeline?range=7d",
    "history": "history?range=7d",
    "time-machine": "timeline?at={day}",
    "compare": "timeline?at={day}&versus={hour}",
    "alerts": "alerts",
    "monitor": "monitor?range=7d",
}
PHONE = "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Chrome/130.0 Mobile Safari/537.36"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    folder = tmp_path_factory.mktemp("views")
    db = folder / "porteye.db"
    seed(db, Scale(days=7, listeners=60, events=6_000, seed=1, sample_days=1, watching=True))
    fill(beside(db), time.time_ns() // 1000)
    with dashboard(db, folder, PORTEYE_MONITOR="off") as running:
        yield running


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    folder = tmp_path_factory.mktemp("empty")
    with dashboard(folder / "porteye.db", folder, PORTEYE_MONITOR="off") as running:
        yield running


def moment(before: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - before))


@pytest.mark.parametrize("width", [1280, 390])
def test_a_view_fits_its_window_and_is_never_empty_without_a_word(
    app: App, browser: Browser, width: int
) -> None:
    context = visitor(browser, width)
    for name, path in VIEWS.items():
        page = context.new_page()
        page.goto(f"{app.url}/{path.format(day=moment(90_000), hour=moment(3600))}")
        shown = "[data-testid=stDataFrame] canvas td, .js-plotly-plot .main-svg, [role=combobox]"
        page.wait_for_selector(shown, state="attached", timeout=PATIENCE)
        keep(page, name, width)
        page.close()
    context.close()


@pytest.mark.parametrize("width", [1280, 390])
def test_a_view_of_nothing_says_so_in_a_sentence(empty: App, browser: Browser, width: int) -> None:
    context = visitor(browser, width)
    for name in ("", "listener", "timeline", "history", "monitor"):
        page = context.new_page()
        page.goto(f"{empty.url}/{name}")
        said = page.get_by_test_id("stMain").get_by_text("Nothing is recorded yet.")
        expect(said.first).to_be_visible()
        expect(page.locator(".st-key-banner")).to_contain_text("No monitor has watched yet")
        keep(page, f"empty-{name or 'now'}", width)
        page.close()
    context.close()


@pytest.mark.parametrize("width", [1280, 390])
def test_a_key_opens_the_lookup_which_fits_the_window(
    app: App, browser: Browser, width: int
) -> None:
    context = visitor(browser, width)
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    page.goto(f"{app.url}/history")  # Now has a field of its own
    page.wait_for_selector("[data-testid=stDataFrame] canvas td", state="attached")
    page.keyboard.press("Control+k")
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Find a port, program or pid").fill("22")
    expect(dialog.get_by_role("button", name="Details").first).to_be_visible()
    keep(page, "lookup", width)
    context.close()


def visitor(browser: Browser, width: int) -> BrowserContext:
    """Somebody with a window as wide as a desk's or a phone's."""
    phone = width < 500
    return browser.new_context(
        viewport={"width": width, "height": 844 if phone else 900},
        timezone_id="Europe/Berlin",
        reduced_motion="reduce",  # or a picture shows a color on its way to another theme's
        user_agent=PHONE if phone else None,
    )


def keep(page: Page, name: str, width: int) -> None:
    """Keep a picture in each theme of a view that hangs out of nothing and has not failed; the
    page takes the other theme while it is open, as it does at dusk."""
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme)
        expect_scheme(page, scheme)
        expect_settled(page)
        save(page, f"{name}-{scheme}-{width}")
        assert page.get_by_test_id("stException").count() == 0
        hangs = page.evaluate(
            "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        assert hangs <= 0, name


def expect_scheme(page: Page, scheme: Scheme) -> None:
    """Until sidebar and view have the theme's colors; one may have them before the other."""
    for place, color in (
        (".stApp", THEMES[scheme]["backgroundColor"]),
        ("[data-testid=stSidebar]", THEMES[scheme]["sidebar"]["backgroundColor"]),
    ):
        expect(page.locator(place)).to_have_css("background-color", rgb(color))
