"""Processes are stopped from the page, where that is switched on, in a real Chromium."""

import json
import os
import socket
import sqlite3
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from porteye_core import stopping
from porteye_core.store.alerts import beside, open_to_write
from tests.kit.app import App, dashboard
from tests.kit.browser import PATIENCE, expect_watching, needs_chromium
from tests.kit.nursery import Child, Nursery, nursery
from tests.kit.service import rows
from tests.kit.waiting import until

if stopping.unavailable():
    pytest.skip(stopping.unavailable(), allow_module_level=True)

pytestmark = needs_chromium

TOKEN = "correct-horse-battery-staple"


@pytest.fixture(scope="module")
def processes() -> Iterator[Nursery]:
    with nursery() as running:
        yield running


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("stopping") / "porteye.db"


@pytest.fixture(scope="module")
def app(db: Path) -> Iterator[App]:
    with dashboard(db, db.parent, PORTEYE_STOP="on", PORTEYE_TOKEN=TOKEN) as running:
        until(lambda: rows(db, "SELECT 1 FROM tick"), "its monitor watches")
        yield running


@pytest.fixture
def context(browser: Browser, app: App) -> Iterator[BrowserContext]:
    with browser.new_context(viewport={"width": 1280, "height": 900}) as opened:
        opened.set_default_timeout(PATIENCE)
        with opened.new_page() as page:
            page.goto(f"{app.url}/?token={TOKEN}")
            expect_watching(page)
        yield opened


def listener_of(app: App, child: Child) -> int:
    """The number of the listener of a child, once it is recorded."""
    request = urllib.request.Request(
        f"{app.url}/api/history?port={child.port}&limit=1",
        headers={"Authorization": f"Bearer {TOKEN}"},
    )

    def newest() -> int:
        with urllib.request.urlopen(request, timeout=120) as answer:
            found = json.load(answer)
        return found[0]["listener"] if found and found[0]["pid"] == child.pid else 0

    return until(newest, "the listener is recorded with its owner")


def ask(page: Page, app: App, child: Child) -> Locator:
    """Open the dialog of a child's listener, from its drawer."""
    page.goto(f"{app.url}/?listener={listener_of(app, child)}")
    page.get_by_role("dialog").get_by_role("button", name="Stop it here").click()
    dialog = page.get_by_role(
        "dialog", name=f"Stop nursery_process.py (python) on port {child.port}"
    )
    expect(dialog.get_by_label("Type the port")).to_be_visible()
    return dialog


def confirm(dialog: Locator, typed: str) -> None:
    dialog.get_by_label("Type the port").fill(typed)
    dialog.get_by_role("button", name="Stop", exact=True).click()


def kept(db: Path) -> list[tuple[str, ...]]:
    """Signal, author and outcome of every action; the latest last."""
    with closing(sqlite3.connect(f"{beside(db).as_uri()}?mode=ro", uri=True)) as connection:
        return connection.execute(
            "SELECT signal, author, outcome FROM action ORDER BY id"
        ).fetchall()


def test_a_process_is_stopped_once_its_port_is_typed_and_the_page_tells_who_did_it(
    app: App, db: Path, page: Page, processes: Nursery
) -> None:
    child = processes.start()
    dialog = ask(page, app, child)
    confirm(dialog, "1")
    expect(dialog).to_contain_text(f"“1” is not the port, {child.port}. Nothing was done.")
    assert child.is_alive
    confirm(dialog, str(child.port))
    said = f"python (pid {child.pid}) has ended. Nothing listens on port {child.port} any more."
    expect(dialog).to_contain_text(said)
    assert not child.is_alive
    assert kept(db)[-1] == ("SIGTERM", "the page", said)
    dialog.get_by_role("button", name="Done").click()
    # The drawer is there again, and offers nothing for what has closed.
    drawer = page.get_by_role("dialog")
    expect(drawer).to_contain_text("Closed today")
    expect(drawer.get_by_role("button", name="Stop it here")).to_have_count(0)
    for view in (f"listener?listener={listener_of_closed(db, child)}", "monitor"):
        page.goto(f"{app.url}/{view}")
        expect(page.get_by_text("Stopped from the page")).to_be_visible()


def listener_of_closed(db: Path, child: Child) -> object:
    ((found,),) = rows(db, "SELECT max(id) FROM listener WHERE port = ?", child.port)
    return found


def test_one_that_ignores_sigterm_is_killed_by_a_second_question_while_others_use_the_page(
    app: App, db: Path, context: BrowserContext, page: Page, processes: Nursery
) -> None:
    child = processes.start("stubborn")
    dialog = ask(page, app, child)
    confirm(dialog, str(child.port))
    expect(dialog).to_contain_text("Waiting for its end")
    with context.new_page() as other:
        other.goto(app.url)
        expect_watching(other)
    expect(dialog).to_contain_text("still runs 5 s after SIGTERM")
    assert child.is_alive
    dialog.get_by_role("button", name="Kill it").click()
    expect(dialog).to_contain_text("has ended")
    assert not child.is_alive
    assert [each[0] for each in kept(db)[-2:]] == ["SIGTERM", "SIGKILL"]


def test_a_process_that_has_come_since_the_question_is_not_stopped_in_its_place(
    app: App, db: Path, page: Page, processes: Nursery
) -> None:
    child = processes.start()
    dialog = ask(page, app, child)
    processes.end(child)
    heir = processes.start(port=child.port)
    listener_of(app, heir)
    confirm(dialog, str(child.port))
    expect(dialog).to_contain_text(f"python (pid {child.pid}) had ended already.")
    assert heir.is_alive
    with socket.create_connection(("127.0.0.1", heir.port)):
        pass
    processes.end(heir)


def test_what_must_not_be_stopped_comes_with_the_reason(app: App, page: Page) -> None:
    server = Child(int(app.url.rpartition(":")[2]), app.process.pid)
    page.goto(f"{app.url}/listener?listener={listener_of(app, server)}")
    page.get_by_role("button", name="Stop it here").click()
    expect(page.get_by_role("dialog")).to_contain_text(
        "It cannot be stopped from here. It is this dashboard"
    )
    expect(page.get_by_role("dialog").get_by_label("Type the port")).to_have_count(0)
    os.kill(server.pid, 0)


def test_nothing_is_stopped_that_cannot_be_noted(
    app: App, db: Path, page: Page, processes: Nursery
) -> None:
    child = processes.start()
    dialog = ask(page, app, child)
    with open_to_write(beside(db)) as connection:  # made here, if no test before has done so
        connection.execute(
            "CREATE TRIGGER full BEFORE INSERT ON action BEGIN SELECT raise(FAIL, 'x'); END"
        )
        confirm(dialog, str(child.port))
        expect(dialog).to_contain_text("Nothing was done, because it cannot be noted.")
        connection.execute("DROP TRIGGER full")
    assert child.is_alive
    processes.end(child)


def test_it_is_off_unless_it_is_switched_on(
    browser: Browser, tmp_path: Path, processes: Nursery
) -> None:
    child = processes.start()
    db = tmp_path / "porteye.db"
    with dashboard(db, tmp_path) as app, browser.new_context() as context:
        until(lambda: rows(db, "SELECT 1 FROM tick"), "its monitor watches")
        page = context.new_page()
        page.goto(f"{app.url}/?listener={listener_of(app, child)}")
        drawer = page.get_by_role("dialog")
        expect(drawer).to_contain_text(f"kill {child.pid}")
        expect(drawer.get_by_role("button", name="Stop it here")).to_have_count(0)
    processes.end(child)
