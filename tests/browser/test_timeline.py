"""The timeline in a real Chromium: what a hand does with its charts, and what an eye sees."""

import io
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, expect

from tests.kit.app import App, dashboard
from tests.kit.browser import PATIENCE, expect_settled, needs_chromium, save
from tests.kit.seeding import MINUTE
from tests.kit.stopped import BEGUN, STOPPED, stopped_for_a_minute

pytestmark = needs_chromium

END = BEGUN + 10 * MINUTE
CHARTS = ("open", "turnover", "lives", "heat")
ANDROID = "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Chrome/140.0 Mobile Safari/537.36"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    folder = tmp_path_factory.mktemp("timeline")
    stopped_for_a_minute(folder / "porteye.db")
    with dashboard(folder / "porteye.db", folder, PORTEYE_MONITOR="off") as running:
        yield running


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    with opened(browser) as page:
        yield page


def opened(browser: Browser, width: int = 1280, **said: Any) -> Page:
    page = browser.new_page(
        viewport={"width": width, "height": 1600}, timezone_id="Europe/Berlin", **said
    )
    page.set_default_timeout(PATIENCE)
    return page


def show(page: Page, app: App, **said: str) -> None:
    ends = {"since": stamp(BEGUN), "until": stamp(END)}
    page.goto(f"{app.url}/timeline?{urlencode({**ends, **said})}")
    for key in CHARTS:
        expect(chart(page, key).locator(".nsewdrag").first).to_be_attached()
    expect_settled(page)


def stamp(micros: int) -> str:
    return f"{datetime.fromtimestamp(micros // 1_000_000, UTC):%Y-%m-%dT%H:%M:%SZ}"


def chart(page: Page, key: str) -> Locator:
    return page.locator(f".st-key-{key}")


def plot(page: Page, key: str) -> Any:
    """Where the plot of a chart is on the page, without its margins."""
    area = chart(page, key).locator(".nsewdrag").first
    area.scroll_into_view_if_needed()
    return area.bounding_box()


def drag(page: Page, key: str, first: float, last: float) -> None:
    """Drag across a share of a chart's plot."""
    box = plot(page, key)
    height = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + first * box["width"], height)
    page.mouse.down()
    page.mouse.move(box["x"] + last * box["width"], height, steps=8)
    page.mouse.up()


def ends(page: Page) -> tuple[float, float]:
    """What the address says, in minutes since the beginning."""
    query = parse_qs(urlsplit(page.url).query)
    since, until = (
        (datetime.fromisoformat(query[name][0]).timestamp() * 1e6 - BEGUN) / MINUTE
        for name in ("since", "until")
    )
    return since, until


def wait_for_axes(page: Page, since: float, until: float) -> None:
    """Until every chart shows this range, in minutes since the beginning and on Berlin's clock."""
    page.wait_for_function(
        """([keys, since, until]) => keys.every(key => {
            const plot = document.querySelector(`.st-key-${key} .js-plotly-plot`);
            const range = plot && plot.layout && plot.layout.xaxis.range;
            if (!range) return false;
            const at = range.map(edge => Date.parse(String(edge).replace(" ", "T").slice(0, 23)));
            return Math.abs(at[0] - since) < 1500 && Math.abs(at[1] - until) < 1500;
        })""",
        arg=[
            list(CHARTS),
            *((BEGUN + minutes * MINUTE) / 1000 for minutes in (since, until)),
        ],
    )


@pytest.mark.parametrize("key", CHARTS)
def test_a_range_picked_on_one_chart_narrows_all_of_them_and_there_is_a_way_back(
    app: App, page: Page, key: str
) -> None:
    show(page, app)
    wait_for_axes(page, 0, 10)
    before = page.url
    drag(page, key, 0.4, 0.8)
    back = page.get_by_role("button", name="Back to the whole range")
    expect(back).to_be_visible()
    since, until = ends(page)
    assert since == pytest.approx(4, abs=0.2)
    assert until == pytest.approx(8, abs=0.2)
    wait_for_axes(page, since, until)
    save(page, f"picked-{key}")
    narrow = page.url
    drag(page, key, 0.25, 0.75)
    page.wait_for_function("address => location.href !== address", arg=narrow)
    assert ends(page)[0] == pytest.approx(5, abs=0.3)
    wait_for_axes(page, *ends(page))
    back.click()
    page.wait_for_url(before)
    wait_for_axes(page, 0, 10)
    expect(back).to_be_hidden()


def test_a_picked_range_is_shared_by_its_address(app: App, page: Page, browser: Browser) -> None:
    show(page, app)
    drag(page, "turnover", 0.4, 0.8)
    expect(page.get_by_role("button", name="Back to the whole range")).to_be_visible()
    with opened(browser) as other:
        other.goto(page.url)
        wait_for_axes(other, *ends(page))


def test_a_gap_is_hatched_over_the_lives_that_go_on_beyond_it(app: App, page: Page) -> None:
    show(page, app)
    wait_for_axes(page, 0, 10)
    box = plot(page, "lives")
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    minute = box["width"] / 10
    start = box["x"] + (STOPPED - BEGUN) / MINUTE * minute
    # postgres, the second of three rows, was open before, in and after the gap.
    row = box["y"] + box["height"] * 1.5 / 3

    def colours(left: float) -> set[tuple[int, ...]]:
        return {
            tuple(picture.getpixel((round(left + step), round(row))))  # type: ignore[arg-type]
            for step in range(5, round(minute) - 5)
        }

    assert len(colours(start - minute)) == 1
    assert len(colours(start + minute)) == 1
    assert len(colours(start)) > 4
    assert not colours(start) & colours(start - minute)
    # And where nothing is open, over the background: python3 was gone after it.
    save(page, "gap")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_of_a_chart_lies_over_its_legend(
    app: App, browser: Browser, width: int, scheme: str
) -> None:
    said: dict[str, Any] = {"color_scheme": scheme}
    if width < 400:
        said["user_agent"] = ANDROID
    with opened(browser, width, **said) as page:
        show(page, app)
        wait_for_axes(page, 0, 10)
        save(page, f"timeline-gap-{width}-{scheme}")
        for key in CHARTS:
            box = chart(page, key).bounding_box()
            legend = chart(page, key).locator(".legend .bg").bounding_box()
            area = chart(page, key).locator(".nsewdrag").first.bounding_box()
            assert box
            assert legend
            assert area
            assert legend["y"] + legend["height"] <= area["y"] + 1
            assert legend["x"] + legend["width"] <= box["x"] + box["width"] + 1
            assert chart(page, key).locator(".modebar-container .modebar-btn").count() == 0


def test_a_finger_on_a_chart_scrolls_a_phone_s_page(app: App, browser: Browser) -> None:
    with opened(browser, 390, user_agent=ANDROID) as page:
        show(page, app)
        wait_for_axes(page, 0, 10)
        before = page.url
        assert "Drag across a chart" not in page.get_by_test_id("stMain").inner_text()
        mode = "document.querySelector('.st-key-open .js-plotly-plot').layout.dragmode"
        assert page.evaluate(mode) is False
        drag(page, "open", 0.4, 0.8)
        assert page.url == before
