"""What a new user does: open a port, find it, read its story, close it, and find it again in the
cursor of the Timeline, by an address that shows the same in somebody else's browser."""

from datetime import datetime, timedelta

from playwright.sync_api import Browser, Page, expect

from tests.kit.app import App
from tests.kit.browser import (
    PATIENCE,
    expect_watching,
    needs_chromium,
    pick_row,
    save,
    wait_for_cells,
)
from tests.kit.opener import Opener
from tests.kit.waiting import until

pytestmark = needs_chromium


def visitor(browser: Browser, zone: str) -> Page:
    """Somebody with a browser of their own, and a clock of their own on the wall."""
    page = browser.new_page(viewport={"width": 1280, "height": 900}, timezone_id=zone)
    page.set_default_timeout(PATIENCE)
    return page


def while_open(app: App, port: int) -> str:
    """A whole second in which the port was open, as the address of the cursor has it."""
    closed, opened = (
        datetime.fromisoformat(each["timestamp"]) for each in app.json(f"/api/history?port={port}")
    )
    inside = closed.replace(microsecond=0)
    assert opened < inside < closed
    return f"{inside:%Y-%m-%dT%H:%M:%SZ}"


def is_older_than_a_second(app: App, port: int) -> bool:
    (opened,) = app.json(f"/api/history?port={port}")
    moment = datetime.fromisoformat(opened["timestamp"])
    return datetime.now(moment.tzinfo) - moment > timedelta(seconds=2)


def test_a_port_is_opened_found_read_closed_and_found_again_in_the_past_by_two_people(
    app: App, browser: Browser
) -> None:
    page = visitor(browser, "Europe/Berlin")
    with Opener() as opener:
        port = opener.listen()
        page.goto(app.url)
        expect_watching(page)
        page.get_by_label("Port", exact=True).fill(str(port))
        page.get_by_label("Port", exact=True).press("Enter")
        page.wait_for_url(f"**port={port}*")
        wait_for_cells(page, str(port), "new")
        expect(page.get_by_text("Pick a row to read its story.")).to_be_visible()
        pick_row(page, port, among=(port,))
        sentence = page.locator(".st-key-summary").get_by_text(f"at {port} since today")
        expect(sentence).to_contain_text(f"pid {opener.pid}")
        page.get_by_role("link", name="Its whole story").click()
        page.wait_for_url("**/listener?*listener=*")
        expect(page.get_by_text(f"pid {opener.pid}").first).to_be_visible()
        expect(page.get_by_text("Started by").first).to_be_visible()
        until(lambda: is_older_than_a_second(app, port), "a whole second lies in its life")
        opener.close(port)
        page.reload()
        expect(page.get_by_text(f"at {port} from today")).to_be_visible()
    moment = while_open(app, port)
    page.get_by_role("link", name="Now", exact=True).click()
    expect(page.get_by_text("No listener matches the filters")).to_be_visible()
    page.get_by_role("link", name="Timeline", exact=True).click()
    page.wait_for_url("**/timeline?*")
    page.goto(f"{app.url}/timeline?port={port}&at={moment}")
    wait_for_cells(page, str(port))
    told = page.locator(".st-key-headline").inner_text().replace("\u2060", "")
    assert f"{moment[11:16]}" in told.split("=")[1]
    save(page, "journey")
    friend = visitor(browser, "America/New_York")
    friend.goto(page.url)
    wait_for_cells(friend, str(port))
    theirs = friend.locator(".st-key-headline").inner_text().replace("\u2060", "")
    assert theirs.split("=")[1] == told.split("=")[1]
    assert theirs != told  # each on the clock of their own wall
    expect(friend.get_by_label("Port", exact=True)).to_have_value(str(port))
    assert shown(friend) == shown(page)


def shown(page: Page) -> list[str]:
    """What stands in the table, but the times of the viewer's own clock."""
    cells: list[str] = page.evaluate(
        """[...document.querySelectorAll("[data-testid=stDataFrame] canvas tbody td")]
            .map(cell => cell.textContent)"""
    )
    return [cell for cell in cells if ":" not in cell or "." in cell]
