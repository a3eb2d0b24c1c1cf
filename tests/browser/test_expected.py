"""Expected ports and alerts on the page, in a real Chromium: judge, accept, note, silence, test."""

import re
import time
from collections.abc import Iterator
from http.server import HTTPServer, SimpleHTTPRequestHandler
from pathlib import Path
from threading import Thread

import pytest
from playwright.sync_api import Locator, Page, expect

from porteye_core.store.alerts import (
    Note,
    beside,
    latest_tests,
    notes,
    open_to_read,
    silences,
)
from tests.kit.alerts import fill
from tests.kit.app import App, dashboard
from tests.kit.browser import (
    expect_settled,
    needs_chromium,
    pick_row,
    save,
    show,
    wait_for_cells,
    wait_for_ports,
)
from tests.kit.opener import Opener
from tests.kit.service import rows
from tests.kit.waiting import until

pytestmark = needs_chromium


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("expected") / "porteye.db"


@pytest.fixture(scope="module")
def app(db: Path) -> Iterator[App]:
    db.with_name("expected.toml").write_text("[defaults]\nephemeral = 'tell'\n")
    with dashboard(db, db.parent) as running:
        until(lambda: rows(db, "SELECT 1 FROM tick"), "its monitor watches")
        yield running


@pytest.fixture
def opener() -> Iterator[Opener]:
    with Opener() as running:
        yield running


def drawer(page: Page) -> Locator:
    return page.get_by_role("dialog")


def waiting(page: Page) -> Locator:
    """The number that waits, which is a filter."""
    return page.get_by_test_id("stButtonGroup").get_by_text("1 not expected")


def expect_ports(db: Path, *ports: int) -> None:
    """Expect these ports alone, by the file that is written anew."""
    listed = ", ".join(map(str, ports))
    new = db.with_name("expected.new")
    new.write_text(
        f"[defaults]\nephemeral = 'tell'\n\n[[expected]]\nport = [{listed}]\nlabel = 'Shop'\n"
    )
    new.rename(db.with_name("expected.toml"))


def stored(db: Path) -> list[Note]:
    if not beside(db).exists():
        return []
    with open_to_read(beside(db)) as connection:
        return notes(connection)


def test_the_number_that_waits_sets_a_filter_that_stays(
    app: App, db: Path, page: Page, opener: Opener
) -> None:
    known, other = sorted((opener.listen(), opener.listen()))
    expect_ports(db, known)
    show(page, f"{app.url}/?port={known},{other}")
    wait_for_cells(page, "expected", "new", "Shop")
    waiting(page).click()
    wait_for_ports(page, other)
    page.wait_for_url("**verdict=unexpected*")
    page.reload()
    wait_for_ports(page, other)
    save(page, "now-verdicts")
    waiting(page).click()
    wait_for_ports(page, known, other)
    expect(page).not_to_have_url(re.compile("verdict="))


def test_what_is_accepted_stays_so_after_a_reload_until_it_is_taken_back(
    app: App, db: Path, page: Page, opener: Opener
) -> None:
    port = opener.listen()
    expect_ports(db, 1)
    show(page, f"{app.url}/?port={port}")
    wait_for_cells(page, "new")
    pick_row(page, port, [port])
    drawer(page).get_by_role("button", name="Accept", exact=True).click()
    expect(drawer(page).get_by_text("for good, by the page")).to_be_visible()
    page.reload()
    expect(drawer(page).get_by_text("for good, by the page")).to_be_visible()
    wait_for_cells(page, "accepted")
    drawer(page).get_by_role("button", name="Take back").click()
    expect(drawer(page).get_by_role("button", name="Accept", exact=True)).to_be_visible()
    wait_for_cells(page, "new")


def test_a_note_is_kept_by_its_form_and_shown_as_text(
    app: App, db: Path, page: Page, opener: Opener
) -> None:
    port = opener.listen()
    expect_ports(db, 1)
    show(page, f"{app.url}/?port={port}")
    wait_for_cells(page, "new")
    pick_row(page, port, [port])
    drawer(page).get_by_role("button", name="Note").click()
    page.get_by_label("Label").fill("<b>Shop</b>")
    page.get_by_role("textbox", name="Note").fill("**late** [x](y)")
    page.get_by_label("Link", exact=True).fill("https://wiki.example/shop")
    page.get_by_role("button", name="Save").click()
    expect(drawer(page).get_by_text("<b>Shop</b>")).to_be_visible()
    expect(drawer(page).get_by_text("**late** [x](y)")).to_be_visible()
    link = drawer(page).get_by_role("link", name="wiki.example")
    expect(link).to_have_attribute("href", "https://wiki.example/shop")
    expect(link).to_have_attribute("rel", re.compile("noreferrer|noopener"))
    expect(page.get_by_role("button", name="Save")).to_have_count(0)
    assert [each.label for each in stored(db)] == ["<b>Shop</b>"]


def test_a_test_is_asked_for_and_a_silence_set_and_ended(app: App, db: Path, page: Page) -> None:
    fill(beside(db), time.time_ns() // 1000)
    show(page, f"{app.url}/alerts")
    wait_for_cells(page, "wider", "451 4.7.1 Try again later")
    page.get_by_role("button", name="Send a test").first.click()
    expect(page.get_by_text("by the page: waits for the alerts process")).to_be_visible()
    with open_to_read(beside(db)) as connection:
        assert latest_tests(connection)["me"].message is None
    page.get_by_role("button", name="Add a silence").click()
    form = page.get_by_test_id("stForm")
    form.get_by_label("Port").fill("5432")
    form.get_by_label("Comment").fill("backup")
    form.get_by_role("button", name="Silence").click()
    expect(page.get_by_text("port 5432 until").first).to_be_visible()
    expect_settled(page)
    save(page, "alerts")
    with open_to_read(beside(db)) as connection:
        assert "5432" in [each.matcher.port for each in silences(connection, 0)]
    for left in (1, 0):
        page.get_by_role("button", name="End", exact=True).first.click()
        expect(page.get_by_role("button", name="End", exact=True)).to_have_count(left)
    expect(page.get_by_text("No silence is set")).to_be_visible()


def test_a_page_of_a_foreign_origin_cannot_act(app: App, db: Path, page: Page) -> None:
    """All that the page writes comes over its WebSocket, which a foreign page does not get."""
    server = HTTPServer(("127.0.0.1", 0), SimpleHTTPRequestHandler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    connects = """url => new Promise(done => {
        const socket = new WebSocket(url, ["streamlit"]);
        socket.onopen = () => done("open");
        socket.onerror = () => done("refused");
    })"""
    stream = f"{app.url.replace('http', 'ws')}/_stcore/stream"
    try:
        page.goto(f"http://127.0.0.1:{server.server_port}/no-such-page")
        assert page.evaluate(connects, stream) == "refused"
        page.goto(f"http://localhost:{server.server_port}/no-such-page")
        assert page.evaluate(connects, stream) == "refused"
        page.goto(app.url)
        assert page.evaluate(connects, stream) == "open"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
