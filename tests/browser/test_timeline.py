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
    expect_drawn(page)


def stamp(micros: int) -> str:
    return f"{datetime.fromtimestamp(micros // 1_000_000, UTC):%Y-%m-%dT%H:%M:%SZ}"


def expect_drawn(page: Page) -> None:
    expect(chart(page).locator(".nsewdrag").first).to_be_attached()
    expect_settled(page)


BAND, ROWS = 0, 1  # plots of the figure


def chart(page: Page, key: str = "timeline") -> Locator:
    return page.locator(f".st-key-{key}")


def plot(page: Page, number: int = ROWS, key: str = "timeline") -> Any:
    """Where a plot of a chart is on the page, without its margins."""
    area = chart(page, key).locator(".nsewdrag").nth(number)
    area.scroll_into_view_if_needed()
    return area.bounding_box()


def drag(page: Page, number: int, first: float, last: float, key: str = "timeline") -> None:
    """Drag across a share of a plot."""
    box = plot(page, number, key)
    height = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + first * box["width"], height)
    page.mouse.down()
    page.mouse.move(box["x"] + last * box["width"], height, steps=8)
    page.mouse.up()


def click(page: Page, number: int, across: float, down: float, key: str = "timeline") -> None:
    """Click at a share of a plot, once the chart has noticed the hand."""
    box = plot(page, number, key)
    page.mouse.move(box["x"] + across * box["width"], box["y"] + down * box["height"])
    expect(chart(page, key).locator(".hoverlayer .hovertext")).to_be_visible()
    page.mouse.down()
    page.mouse.up()


def row(page: Page, label: str) -> float:
    """The middle of a row, as a share of the rows' plot."""
    height: float = page.evaluate(
        """label => {
            const figure = document.querySelector(".st-key-timeline .js-plotly-plot");
            const axis = figure.layout.yaxis2;
            const at = axis.tickvals[axis.ticktext.indexOf(label)];
            return (axis.range[1] - at) / (axis.range[1] - axis.range[0]);
        }""",
        label,
    )
    return height


def wait_for_cursor(page: Page, minutes: float) -> None:
    """Until the figure has its line this long after the beginning, and the counts of then."""
    page.wait_for_function(
        """at => {
            const figure = document.querySelector(".st-key-timeline .js-plotly-plot");
            const [line] = (figure && figure.layout.shapes) || [];
            const found = line && Date.parse(String(line.x0).replace(" ", "T").slice(0, 23));
            return line && Math.abs(found - at) < 3000;
        }""",
        arg=(BEGUN + minutes * MINUTE) / 1000,
    )


def ends(page: Page) -> tuple[float, float]:
    """What the address says, in minutes since the beginning."""
    query = parse_qs(urlsplit(page.url).query)
    since, until = (
        (datetime.fromisoformat(query[name][0]).timestamp() * 1e6 - BEGUN) / MINUTE
        for name in ("since", "until")
    )
    return since, until


def wait_for_axes(page: Page, since: float, until: float) -> None:
    """Until the figure shows this range, in minutes since the beginning and on Berlin's clock."""
    page.wait_for_function(
        """([since, until]) => {
            const plot = document.querySelector(".st-key-timeline .js-plotly-plot");
            const range = plot && plot.layout && plot.layout.xaxis.range;
            if (!range) return false;
            const at = range.map(edge => Date.parse(String(edge).replace(" ", "T").slice(0, 23)));
            return Math.abs(at[0] - since) < 1500 && Math.abs(at[1] - until) < 1500;
        }""",
        arg=[(BEGUN + minutes * MINUTE) / 1000 for minutes in (since, until)],
    )


@pytest.mark.parametrize("number", [BAND, ROWS])
def test_a_range_picked_on_a_plot_narrows_the_figure_and_there_is_a_way_back(
    app: App, page: Page, number: int
) -> None:
    show(page, app)
    wait_for_axes(page, 0, 10)
    before = page.url
    drag(page, number, 0.4, 0.8)
    back = page.get_by_role("button", name="Zoom out")
    expect(back).to_be_visible()
    since, until = ends(page)
    assert since == pytest.approx(4, abs=0.2)
    assert until == pytest.approx(8, abs=0.2)
    wait_for_axes(page, since, until)
    save(page, f"picked-{number}")
    narrow = page.url
    drag(page, number, 0.25, 0.75)
    page.wait_for_function("address => location.href !== address", arg=narrow)
    assert ends(page)[0] == pytest.approx(5, abs=0.3)
    wait_for_axes(page, *ends(page))
    back.click()
    page.wait_for_url(before)
    wait_for_axes(page, 0, 10)
    expect(back).to_be_hidden()


def test_a_picked_range_is_shared_by_its_address(app: App, page: Page, browser: Browser) -> None:
    show(page, app)
    drag(page, BAND, 0.4, 0.8)
    expect(page.get_by_role("button", name="Zoom out")).to_be_visible()
    with opened(browser) as other:
        other.goto(page.url)
        wait_for_axes(other, *ends(page))


def test_a_gap_is_hatched_over_the_lives_that_go_on_beyond_it(app: App, page: Page) -> None:
    show(page, app)
    wait_for_axes(page, 0, 10)
    box = plot(page)
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    minute = box["width"] / 10
    start = box["x"] + (STOPPED - BEGUN) / MINUTE * minute
    # postgres was open before, in and after the gap.
    height = box["y"] + box["height"] * row(page, "5432 postgres")

    def colours(left: float) -> set[tuple[int, ...]]:
        return {
            tuple(picture.getpixel((round(left + step), round(height))))  # type: ignore[arg-type]
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
        box = chart(page).bounding_box()
        legend = chart(page).locator(".legend .bg").bounding_box()
        area = chart(page).locator(".nsewdrag").first.bounding_box()
        assert box
        assert legend
        assert area
        assert legend["y"] + legend["height"] <= area["y"] + 1
        assert legend["x"] + legend["width"] <= box["x"] + box["width"] + 1
        assert chart(page).locator(".modebar-container .modebar-btn").count() == 0


def test_a_finger_on_a_chart_scrolls_a_phone_s_page(app: App, browser: Browser) -> None:
    with opened(browser, 390, user_agent=ANDROID) as page:
        show(page, app)
        wait_for_axes(page, 0, 10)
        before = page.url
        assert "Drag across a chart" not in page.get_by_test_id("stMain").inner_text()
        figure = "document.querySelector('.st-key-timeline .js-plotly-plot')"
        assert page.evaluate(f"{figure}._fullLayout.dragmode") is False
        drag(page, ROWS, 0.4, 0.8)
        assert page.url == before


def test_a_click_on_a_bar_opens_its_listener_each_time(app: App, page: Page) -> None:
    show(page, app)
    wait_for_axes(page, 0, 10)
    drawer = page.get_by_role("dialog")
    for label in ("5432 postgres", "5432 postgres", "3000 node"):
        click(page, ROWS, 0.2, row(page, label))
        expect(drawer).to_contain_text(label.split()[1])
        expect(drawer).to_contain_text(label.split()[0])
        save(page, f"timeline-drawer-{label.split()[0]}")
        drawer.get_by_label("Close").click()
        expect(drawer).to_be_hidden()
        expect_drawn(page)


def test_a_click_on_the_band_or_beside_a_bar_sets_the_cursor(app: App, page: Page) -> None:
    show(page, app)
    wait_for_axes(page, 0, 10)
    for number, across, down, minutes in (
        (BAND, 0.3, 0.2, 3),
        (BAND, 0.6, 0.8, 6),
        # node has gone by then.
        (ROWS, 0.9, row(page, "3000 node"), 9),
    ):
        click(page, number, across, down)
        wait_for_cursor(page, minutes)
        expect_drawn(page)
    label = chart(page).locator(".annotation-text")
    expect(label).to_contain_text("1 open · 0 reachable")
    expect(label).to_have_css("fill", "rgb(255, 255, 255)")  # on the cursor's blue
    save(page, "timeline-cursor")
    wait_for_axes(page, 0, 10)


def test_a_cell_and_a_step_lead_on(app: App, page: Page) -> None:
    show(page, app)
    page.get_by_role("radio", name="Activity by port").click()
    further = "timeline_further_chart"
    expect(chart(page, further).locator(".nsewdrag")).to_be_attached()
    expect_settled(page)
    # The ten seconds in which all three opened.
    click(page, 0, 1.5 / 60, 0.5, further)
    wait_for_axes(page, 1 / 6, 2 / 6)
    page.get_by_role("button", name="Zoom out").click()
    wait_for_axes(page, 0, 10)
