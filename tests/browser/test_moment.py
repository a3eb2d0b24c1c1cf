"""The cursor of the Timeline in a real Chromium: the past in few keys, links that show it again."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from porteye_core.model import Precision, Tick
from porteye_core.store.writing.startup import open_writer
from porteye_core.store.writing.writer import Closing, Opening
from tests.kit.app import App, dashboard
from tests.kit.browser import PATIENCE, expect_settled, needs_chromium, save, wait_for_cells
from tests.kit.hands import Hands
from tests.kit.seeding import MINUTE, PLAN
from tests.kit.values import HOST, SECOND, endpoint, owned, process

pytestmark = needs_chromium

BERLIN = ZoneInfo("Europe/Berlin")
ANDROID = "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Chrome/140.0 Mobile Safari/537.36"
NOW = datetime.now(UTC)


def last_tuesday() -> datetime:
    """03:10 of the Tuesday before today, on the clock of the browser's wall."""
    today = NOW.astimezone(BERLIN).replace(hour=3, minute=10, second=0, microsecond=0)
    return today - timedelta(days=(today.weekday() - 1) % 7 or 7)


DEPLOY = round(last_tuesday().timestamp() * 1e6)


def write_history(db: Path) -> None:
    """Ten days in which node opened itself to the network last Tuesday, and flapped there."""
    begin = DEPLOY - 48 * 60 * MINUTE
    with open_writer(db, HOST, begin) as writer:
        writer.begin_watch(begin, PLAN)
        nginx = owned(endpoint(80, address="0.0.0.0"), process(1, 1, "nginx"))
        local = owned(endpoint(3000), process(2, 2, "node", "node vite.js --host 127.0.0.1"))
        first = [Opening(each, begin, Precision.GAP) for each in (nginx, local)]
        _, node = writer.record_changes(begin, first)
        wide = owned(
            endpoint(3000, address="0.0.0.0"), process(3, 3, "node", "node vite.js --host 0.0.0.0")
        )
        flask = owned(endpoint(5000), process(4, 4, "flask"))
        writer.record_changes(
            DEPLOY,
            [Opening(each, DEPLOY, Precision.KERNEL) for each in (wide, flask)],
            [Closing(node, DEPLOY, Precision.KERNEL)],
        )
        for pid in range(10, 50):
            at = DEPLOY + pid * SECOND
            flapping = owned(endpoint(9229), process(pid, pid, "inspector"))
            (life,) = writer.record_changes(at, [Opening(flapping, at, Precision.KERNEL)])
            closed = at + SECOND // 2
            writer.record_changes(closed, closed=[Closing(life, closed, Precision.KERNEL)])
        now = round(NOW.timestamp() * 1e6)
        writer.record_tick(Tick(now, 1, listeners=3, clients=0, scan_us=1, hidden=0), [])
        writer.end_watch(now)


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    folder = tmp_path_factory.mktemp("moment")
    write_history(folder / "porteye.db")
    with dashboard(folder / "porteye.db", folder, PORTEYE_MONITOR="off") as running:
        yield running


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    with opened(browser) as page:
        yield page


def opened(browser: Browser, width: int = 1280, height: int = 900, **said: Any) -> Page:
    page = browser.new_page(
        viewport={"width": width, "height": height},
        timezone_id="Europe/Berlin",
        permissions=["clipboard-read", "clipboard-write"],
        reduced_motion="reduce",
        **said,
    )
    page.set_default_timeout(PATIENCE)
    return page


def show(page: Page, address: str) -> None:
    page.goto(address)
    expect(headline(page)).to_be_visible()
    expect_settled(page)


def headline(page: Page) -> Locator:
    return page.locator(".st-key-headline")


def field(page: Page) -> Locator:
    return page.get_by_label("Go to a time")


def button(page: Page, name: str) -> Locator:
    return page.get_by_test_id("stMain").get_by_role("button", name=name)


def said(page: Page) -> dict[str, str]:
    return {name: text for name, (text,) in parse_qs(urlsplit(page.url).query).items()}


def stamp(micros: int) -> str:
    return f"{datetime.fromtimestamp(micros // SECOND, UTC):%Y-%m-%dT%H:%M:%SZ}"


def test_what_opened_last_tuesday_and_whether_it_was_reachable_takes_few_keys(
    app: App, page: Page
) -> None:
    page.goto(app.url)
    link = page.get_by_role("link", name="Timeline", exact=True)
    expect(link).to_be_visible()
    hand = Hands(page)
    hand.click(link)
    expect(headline(page)).to_be_visible()
    hand.click(field(page))
    hand.type("last tue 3:10")
    hand.press("Enter")
    answer = "3000 vite.js (node) became reachable; 5000 flask (local) opened"
    expect(headline(page)).to_contain_text(answer)
    expect(headline(page)).to_contain_text("Tue ")
    box = headline(page).bounding_box()
    assert box is not None
    assert box["y"] + box["height"] < 900  # on the first screen
    assert hand.pressed <= 20
    assert said(page)["at"] == stamp(DEPLOY)
    save(page, "moment")


def test_a_receipt_is_copied_with_a_link_that_shows_it_again(
    app: App, page: Page, browser: Browser
) -> None:
    show(page, f"{app.url}/timeline?at={stamp(DEPLOY)}&protocol=tcp")
    button(page, "What changed around it").click()
    receipt = page.get_by_test_id("stMain").get_by_test_id("stCode")
    expect(receipt).to_contain_text(
        "± 10 min: 3000 vite.js (node) became reachable; 5000 flask (local)"
    )
    expect(receipt).to_contain_text("9229 inspector: 40 openings, each about 500 ms")
    wait_for_cells(page, "became reachable", "opened and closed")
    receipt.hover()
    receipt.get_by_role("button").click()
    page.wait_for_function("async () => (await navigator.clipboard.readText()).includes('http')")
    sentence, link = page.evaluate("navigator.clipboard.readText()").splitlines()
    assert "UTC ± 10 min: 3000 vite.js (node) became reachable" in sentence
    assert "range" not in link
    with opened(browser) as other:
        show(other, link)
        expect(other.get_by_test_id("stMain").get_by_test_id("stCode")).to_contain_text(sentence)
        assert said(other)["protocol"] == "tcp"


def test_a_row_of_a_change_opens_its_listener(app: App, page: Page) -> None:
    show(page, f"{app.url}/timeline?at={stamp(DEPLOY)}&around=10")
    wait_for_cells(page, "became reachable")
    table = page.get_by_test_id("stDataFrame").locator("canvas").first
    table.scroll_into_view_if_needed()
    box = table.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + 240, box["y"] + 38 + 17)
    page.wait_for_url("**listener=*")
    expect(page.get_by_role("dialog")).to_contain_text("3000")


def test_steps_lead_from_change_to_change_and_back_leads_back(app: App, page: Page) -> None:
    show(page, f"{app.url}/timeline?at={stamp(DEPLOY - MINUTE)}&range=30d")
    expect(headline(page)).to_contain_text("2 listeners, 1 reachable.")
    before = page.url
    button(page, "Next change").click()
    expect(headline(page)).to_contain_text("3 listeners, 2 reachable.")
    page.wait_for_url(f"**at={stamp(DEPLOY).replace(':', '%3A')}*")
    page.go_back()
    expect(headline(page)).to_contain_text("2 listeners, 1 reachable.")
    assert page.url == before
    button(page, "Previous change").click()
    page.wait_for_url(re.compile(r"at=(?!" + re.escape(said(page)["at"]) + ")"))
    button(page, "Previous change").click()
    expect(page.get_by_text("No change is recorded before this moment.")).to_be_visible()


def test_a_word_that_is_no_time_is_said_and_moves_nothing(app: App, page: Page) -> None:
    show(page, f"{app.url}/timeline?at={stamp(DEPLOY)}")
    field(page).fill("when it broke")
    field(page).press("Enter")
    expect(page.get_by_text("“when it broke” is not a time.")).to_be_visible()
    assert said(page)["at"] == stamp(DEPLOY)


def test_a_link_to_the_time_machine_shows_the_timeline(app: App, page: Page) -> None:
    show(page, f"{app.url}/time_machine?at={stamp(DEPLOY - MINUTE)}&versus={stamp(DEPLOY)}")
    wait_for_cells(page, "became reachable", "opened")
    button(page, "What listened then").click()
    wait_for_cells(page, "80", "3000")
    assert "versus" not in said(page)


def test_a_click_on_the_chart_moves_the_cursor(app: App, page: Page) -> None:
    show(page, f"{app.url}/timeline?at={stamp(DEPLOY)}&range=30d")
    plot = page.locator(".st-key-timeline .nsewdrag").first
    box = plot.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.97, box["y"] + 20)
    # A click on what the chart has not noticed the hand at is none.
    expect(page.locator(".st-key-timeline .hovertext")).to_be_visible()
    page.mouse.down()
    page.mouse.up()
    page.wait_for_function("before => !location.href.includes(before)", arg=stamp(DEPLOY)[:16])
    expect(headline(page)).to_contain_text("3 listeners, 2 reachable.")


def test_on_a_phone_the_answer_is_on_the_first_screen(app: App, browser: Browser) -> None:
    with opened(browser, 390, 844, user_agent=ANDROID) as page:
        show(page, f"{app.url}/timeline?at={stamp(DEPLOY)}&around=10")
        box = headline(page).bounding_box()
        assert box is not None
        assert box["y"] + box["height"] < 844
        save(page, "moment-phone")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_a_range_is_chosen_on_the_view_that_uses_it(app: App, page: Page) -> None:
    show(page, f"{app.url}/timeline?at={stamp(DEPLOY)}")
    page.get_by_role("radio", name="30 d").or_(button(page, "30 d")).first.click()
    page.wait_for_url("**range=30d*")
    page.get_by_role("radio", name="Custom").or_(button(page, "Custom")).first.click()
    expect(page.get_by_label("From", exact=True)).to_be_visible()
    page.get_by_role("radio", name="Yesterday").or_(button(page, "Yesterday")).first.click()
    page.wait_for_url("**range=yesterday*")
    expect(page.get_by_label("From", exact=True)).to_have_count(0)
