"""What strangers meet in a browser: the token's form, and a page that runs nothing of theirs."""

import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.kit.app import App, dashboard
from tests.kit.browser import (
    PATIENCE,
    expect_watching,
    needs_chromium,
    save,
    show,
    text_of,
    wait_for_cells,
)
from tests.kit.opener import Opener

TOKEN = "correct-horse-battery-staple"
HOSTILE = "<img src=x onerror=document.title='owned'><script>document.title='owned'</script>"

pytestmark = needs_chromium


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """Somebody who has not been here before."""
    with browser.new_context(viewport={"width": 1280, "height": 900}) as opened:
        opened.set_default_timeout(PATIENCE)
        yield opened


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    folder = tmp_path_factory.mktemp("guarded")
    with dashboard(folder / "x.db", folder, PORTEYE_TOKEN=TOKEN) as running:
        yield running


def complaints(page: Page) -> list[str]:
    """What the page's policy will have stopped."""
    found: list[str] = []
    page.on(
        "console",
        lambda message: found.append(message.text) if "Security Policy" in message.text else None,
    )
    return found


def test_the_form_opens_page_and_websocket_and_the_address_never_keeps_the_token(
    guarded: App, context: BrowserContext
) -> None:
    page = context.new_page()
    stopped = complaints(page)
    page.goto(f"{guarded.url}/history?port=80")
    for scheme in ("light", "dark"):
        for width in (1280, 390):
            page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
            page.set_viewport_size({"width": width, "height": 844})
            save(page, f"token-{scheme}-{width}")
    page.set_viewport_size({"width": 1280, "height": 900})
    page.get_by_label("Token").fill("not the right one")
    page.get_by_role("button", name="Open").click()
    expect(page.get_by_role("alert")).to_have_text("This is not the token.")
    page.get_by_label("Token").fill(TOKEN)
    page.get_by_role("button", name="Open").click()
    page.wait_for_url("**/history?port=80*")
    expect_watching(page)
    (cookie,) = [each for each in context.cookies() if each["name"].startswith("porteye")]
    assert cookie["httpOnly"]
    assert cookie["sameSite"] == "Strict"
    assert TOKEN not in cookie["value"]
    context.clear_cookies()
    page.goto(f"{guarded.url}/?token={TOKEN}")
    expect_watching(page)
    assert "token" not in page.url
    assert stopped == []
    assert TOKEN not in guarded.log.read_text()


def test_a_link_on_another_site_finds_who_is_in(guarded: App, context: BrowserContext) -> None:
    page = context.new_page()
    show(page, f"{guarded.url}/?token={TOKEN}")
    link = f'<a href="{guarded.url}/history">see</a>'
    page.route(
        "http://other.invalid/", lambda route: route.fulfill(body=link, content_type="text/html")
    )
    page.goto("http://other.invalid/")
    page.get_by_role("link").click()
    expect_watching(page)


@pytest.mark.skipif(sys.platform != "linux", reason="names are given through /proc")
def test_hostile_names_are_text_and_nothing_in_the_page_breaks_its_policy(
    guarded: App, context: BrowserContext
) -> None:
    page = context.new_page()
    stopped = complaints(page)
    asked: set[str] = set()
    page.on("request", lambda request: asked.add(request.url))
    with Opener(HOSTILE, "=1+1") as opener:
        opener.rename(b"<b>=1+1</b>")
        port = opener.listen()
        show(page, f"{guarded.url}/?token={TOKEN}")
        page.goto(f"{guarded.url}/?port={port}")
        wait_for_cells(page, str(port))
        cells = page.locator("[data-testid=stDataFrame] canvas td").all_text_contents()
        assert any(each.startswith("<b>=1+1</b>") for each in cells)  # with its folder
        page.get_by_test_id("stDataFrame").first.hover()
        expect(page.get_by_role("button", name="Search").first).to_be_visible()
        expect(page.locator("[aria-label^='Download as CSV']").first).to_be_hidden()
        for view in ("history", "timeline"):
            page.goto(f"{guarded.url}/{view}?port={port}")
            expect_watching(page)
            page.wait_for_selector("[data-testid=stDataFrame], [data-testid=stPlotlyChart]")
        expect(page.locator(".js-plotly-plot").last).to_be_visible()
        page.goto(f"{guarded.url}/history?port={port}")
        with page.expect_download() as downloading:
            page.get_by_role("link", name="Download CSV").click()
        assert "'<b>" not in (exported := text_of(downloading.value))
        assert "<b>=1+1</b>" in exported
        assert "owned" not in page.title()
        assert page.locator("img[src=x]").count() == 0
    assert stopped == []
    assert not {url for url in asked if not url.startswith((guarded.url, "data:", "blob:"))}


def test_a_page_of_another_port_cannot_connect(guarded: App, context: BrowserContext) -> None:
    page = context.new_page()
    show(page, f"{guarded.url}/?token={TOKEN}")
    page.route(
        "http://127.0.0.1:9/", lambda route: route.fulfill(body="<p>x", content_type="text/html")
    )
    page.goto("http://127.0.0.1:9/")
    address = guarded.url.replace("http", "ws") + "/_stcore/stream"
    opened = page.evaluate(
        """address => new Promise(done => {
            const socket = new WebSocket(address, ["streamlit"]);
            socket.onopen = () => done("opened");
            socket.onerror = () => done("refused");
        })""",
        address,
    )
    assert opened == "refused"


def test_the_websocket_is_closed_to_programs_without_the_token(guarded: App) -> None:
    assert handshake(guarded, "")[1] == "401"
    assert handshake(guarded, f"Authorization: Bearer {TOKEN}\r\n")[1] == "101"


def handshake(app: App, header: str) -> list[str]:
    """The words of the first line that answers a WebSocket's handshake without an Origin."""
    port = int(Path(app.url).name.rsplit(":", 1)[1])
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(
            f"GET /_stcore/stream HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{header}\r\n".encode()
        )
        return connection.recv(4096).decode().split("\r\n")[0].split()
