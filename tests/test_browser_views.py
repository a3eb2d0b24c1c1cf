"""Every view, in both themes and both widths: nothing hangs out of the window, nothing fails.

The pictures are kept in test-output/ for whoever wants to look at them.
"""

import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from benchmarks.seed import seed
from benchmarks.seeding.scale import Scale
from tests.kit.app import App, dashboard
from tests.kit.browser import OUTPUT, PATIENCE, chromium, needs_chromium

pytestmark = needs_chromium
VIEWS = {
    "now": "",
    "listener": "listener?listener=1&range=7d",
    "timeline": "timeline?range=7d",
    "history": "history?range=7d",
    "time-machine": "time_machine?at={day}",
    "compare": "time_machine?at={day}&versus={hour}",
    "monitor": "monitor?range=7d",
}
PHONE = "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Chrome/130.0 Mobile Safari/537.36"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    folder = tmp_path_factory.mktemp("views")
    db = folder / "porteye.db"
    seed(db, Scale(days=7, listeners=60, events=6_000, seed=1, sample_days=1, watching=True))
    with dashboard(db, folder, PORTEYE_MONITOR="off") as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


def moment(before: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - before))


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_view_fits_its_window_and_is_never_empty_without_a_word(
    app: App, browser: Browser, scheme: str, width: int
) -> None:
    phone = width < 500
    context = browser.new_context(
        viewport={"width": width, "height": 844 if phone else 900},
        color_scheme="dark" if scheme == "dark" else "light",
        timezone_id="Europe/Berlin",
        user_agent=PHONE if phone else None,
    )
    OUTPUT.mkdir(exist_ok=True)
    for name, path in VIEWS.items():
        page = context.new_page()
        page.goto(f"{app.url}/{path.format(day=moment(90_000), hour=moment(3600))}")
        shown = "[data-testid=stDataFrame] canvas td, .js-plotly-plot .main-svg"
        page.wait_for_selector(shown, state="attached", timeout=PATIENCE)
        expect(page.get_by_test_id("stStatusWidget")).to_have_count(0)
        page.screenshot(path=OUTPUT / f"{name}-{scheme}-{width}.png")
        assert page.get_by_test_id("stException").count() == 0
        hangs = page.evaluate(
            "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        assert hangs <= 0, name
        page.close()
    context.close()
