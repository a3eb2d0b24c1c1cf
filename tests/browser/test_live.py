"""What only a browser shows: the real page, in a real Chromium."""

import csv
import io
from urllib.parse import parse_qs, urlencode, urlsplit

from playwright.sync_api import Page, expect

from tests.kit.app import App
from tests.kit.browser import (
    needs_chromium,
    pick_row,
    save,
    show,
    text_of,
    wait_for_cells,
    wait_for_ports,
)
from tests.kit.opener import Opener

pytestmark = needs_chromium


def test_a_listener_is_seen_opening_and_closing_and_is_exported(app: App, page: Page) -> None:
    with Opener() as opener:
        port = opener.listen()
        show(page, app.url)
        page.get_by_label("Port", exact=True).fill(str(port))
        page.get_by_label("Port", exact=True).press("Enter")
        page.wait_for_url(f"**port={port}*")
        wait_for_cells(page, str(port), "new")
        save(page, "live")
        opener.close(port)
        wait_for_cells(page, str(port), "closed")
        nothing = page.get_by_text("No listener matches the filters.")
        expect(nothing).to_be_visible()
    page.get_by_role("link", name="History").click()
    wait_for_cells(page, "opened", "closed", str(port))
    save(page, "history")
    with page.expect_download() as downloading:
        page.get_by_role("link", name="Download CSV (2 events)").click()
    exported = list(csv.DictReader(io.StringIO(text_of(downloading.value))))
    events = app.json(f"/api/history?port={port}")
    assert [each["status"] for each in events] == ["closed", "opened"]
    assert [(int(line["id"]), line["status"], line["timestamp"]) for line in exported] == [
        (each["id"], each["status"], each["timestamp"]) for each in events
    ]


def test_a_selected_row_stays_selected_while_others_come_and_go(app: App, page: Page) -> None:
    with Opener() as opener:
        first, second, third = sorted(opener.bind() for _ in range(3))
        opener.listen(port=second)
        opener.listen(port=third)
        show(page, f"{app.url}/?port={first},{second},{third}")
        wait_for_cells(page, str(second), str(third), "new")
        pick_row(page, third, among=(second, third))
        drawer = page.get_by_role("dialog")
        expect(drawer).to_contain_text(f"on port {third}")
        opener.listen(port=first)  # above it
        wait_for_cells(page, str(first), str(second), str(third))
        expect(drawer).to_contain_text(f"on port {third}")
        opener.close(second)
        wait_for_cells(page, str(second), "closed")
        wait_for_ports(page, first, third)
        expect(drawer).to_contain_text(f"on port {third}")
        drawer.get_by_role("link", name="Full story").click()
        page.wait_for_url("**/listener?*listener=*")
        page.go_back()
        wait_for_cells(page, str(first), str(third))


def test_a_shared_address_shows_the_same_view(app: App, page: Page) -> None:
    own = int(app.url.rsplit(":", 1)[1])
    show(page, f"{app.url}/history?port={own}&limit=7&range=7d&protocol=tcp")
    expect(page.get_by_label("Port", exact=True)).to_have_value(str(own))
    expect(page.get_by_role("spinbutton")).to_have_value("7")
    wait_for_cells(page, str(own))
    page.reload()
    expect(page.get_by_label("Port", exact=True)).to_have_value(str(own))
    page.get_by_role("link", name="Timeline").click()
    expect(page.locator(".js-plotly-plot").first).to_be_visible()
    expect(page.get_by_label("Port", exact=True)).to_have_value(str(own))
    assert f"port={own}" in page.url


def test_a_wrong_filter_is_said_beside_its_field(app: App, page: Page) -> None:
    show(page, app.url)
    page.get_by_label("Port", exact=True).fill("eighty")
    page.get_by_label("Port", exact=True).press("Enter")
    beside = page.get_by_test_id("stSidebarUserContent").get_by_text("“eighty” is not a port.")
    expect(beside).to_be_visible()
    page.wait_for_selector("[data-testid=stDataFrame] canvas td", state="attached")


def test_text_of_the_address_is_shown_and_never_followed(app: App, page: Page) -> None:
    asked: set[str] = set()
    page.on("request", lambda request: asked.add(request.url))
    hostile = "![](http://evil.invalid/a.png) :red[x] :smile: :material/home: $a^2$"
    show(page, f"{app.url}/?{urlencode({'port': hostile})}")
    alert = page.get_by_test_id("stSidebarUserContent").get_by_test_id("stAlert")
    expect(alert).to_be_visible()
    shown = alert.inner_text().replace("\u2060", "")
    assert f"“{hostile[:40]}” is not a port." in shown
    show(page, f"{app.url}/?{urlencode({'protocol': hostile[31:]})}")
    expect(alert).to_be_visible()
    assert hostile[31:71] in alert.inner_text().replace("\u2060", "").replace(
        "material_", "material/"
    )
    assert alert.locator("img, a, .katex, .stMarkdownColoredText").count() == 0
    assert not {url for url in asked if "evil" in url.partition("?")[0]}


def test_stable_keys_stand_in_the_address_and_survive_a_reload(app: App, page: Page) -> None:
    show(page, f"{app.url}/history?range=1h&protocol=udp")
    for _ in range(2):
        expect(page.get_by_role("radio", name="1 h", exact=True)).to_be_checked()
        expect(page.get_by_role("combobox", name="Protocol")).to_have_value("UDP")
        assert parse_qs(urlsplit(page.url).query) == {"range": ["1h"], "protocol": ["udp"]}
        page.reload()
    expect(page.get_by_role("radio", name="1 h", exact=True)).to_be_checked()
    page.get_by_role("link", name="Timeline").click()
    page.wait_for_url("**/timeline?*")
    expect(page.get_by_role("radio", name="1 h", exact=True)).to_be_checked()


def test_the_page_asks_nothing_of_any_other_host(app: App, page: Page) -> None:
    asked: set[str] = set()
    page.on("request", lambda request: asked.add(request.url))
    for view in ("", "/history", "/timeline", "/monitor"):
        show(page, app.url + view)
    others = {url for url in asked if not url.startswith((app.url, "data:", "blob:"))}
    assert not {url for url in others if not url.startswith(app.url.replace("http", "ws"))}
