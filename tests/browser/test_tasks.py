"""The tasks of PortEye's users, each from an open Now, with the keys and clicks that it takes.

A limit is what the best of four peers needs for the same; where none can do it, what a user would
call quick. A peer's command counts as five keys.
"""

import re
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from porteye_core.model import Endpoint, Hidden, Precision, Tick
from porteye_core.store.tables.host_row import Host
from porteye_core.store.writing.startup import open_writer
from porteye_core.store.writing.writer import Closing, Opening
from tests.kit.app import App, dashboard
from tests.kit.browser import (
    PATIENCE,
    expect_settled,
    needs_chromium,
    pick_row,
    save,
    show,
    wait_for_cells,
    wait_for_ports,
)
from tests.kit.hands import Hands
from tests.kit.opener import Opener
from tests.kit.rights import root
from tests.kit.seeding import MINUTE, PLAN
from tests.kit.tracing import needs_tracing
from tests.kit.values import endpoint, owned, process
from tests.kit.waiting import until

pytestmark = needs_chromium
COMMAND = 5  # keys: a command that a peer needs, at the least
BERLIN = ZoneInfo("Europe/Berlin")  # the browser's
PHONE = "Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 Chrome/140.0 Mobile Safari/537.36"
NOW = datetime.now(UTC)


def last_tuesday() -> datetime:
    """03:10 of the Tuesday before today, on the clock of the browser's wall."""
    today = NOW.astimezone(BERLIN).replace(hour=3, minute=10, second=0, microsecond=0)
    return today - timedelta(days=(today.weekday() - 1) % 7 or 7)


DEPLOY = round(last_tuesday().timestamp() * 1e6)
MACHINE = Host.this(8 << 30)
STOPPED = round(NOW.timestamp() * 1e6) - 30 * MINUTE  # when the monitor before ended


def here(port: int, address: str = "127.0.0.1") -> Endpoint:
    """An endpoint in the namespace of this machine."""
    return replace(endpoint(port, address=address), netns=MACHINE.netns)


def write_history(db: Path, *, hidden: bool = False) -> None:
    """Days in which node opened itself to the network last Tuesday at 03:10; half an hour ago the
    monitor stopped, and all had closed unless an owner is hidden."""
    begin = DEPLOY - 48 * 60 * MINUTE
    with open_writer(db, MACHINE, begin) as writer:
        writer.begin_watch(begin, PLAN)
        nginx = owned(here(80, address="0.0.0.0"), process(1, 1, "nginx"))
        local = owned(here(3000), process(2, 2, "node", "node vite.js --host 127.0.0.1"))
        first = [Opening(each, begin, Precision.GAP) for each in (nginx, local)]
        old, node = writer.record_changes(begin, first)
        wide = owned(
            here(3000, address="0.0.0.0"), process(3, 3, "node", "node vite.js --host 0.0.0.0")
        )
        flask = owned(here(5000), process(4, 4, "flask"))
        opened = writer.record_changes(
            DEPLOY,
            [Opening(each, DEPLOY, Precision.KERNEL) for each in (wide, flask)],
            [Closing(node, DEPLOY, Precision.KERNEL)],
        )
        if hidden:
            unseen = replace(owned(here(22, address="0.0.0.0")), hidden=Hidden.PRIVILEGE)
            writer.record_changes(STOPPED, [Opening(unseen, STOPPED, Precision.POLL)])
        else:
            closed = STOPPED - MINUTE
            gone = [Closing(each, closed, Precision.KERNEL) for each in (old, *opened)]
            writer.record_changes(closed, closed=gone)
        writer.record_tick(Tick(STOPPED, 1, listeners=3, clients=0, scan_us=1, hidden=0), [])
        writer.end_watch(STOPPED)


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """A dashboard with a monitor of its own, that goes on where another stopped."""
    folder = tmp_path_factory.mktemp("tasks")
    write_history(folder / "porteye.db")
    with dashboard(folder / "porteye.db", folder) as running:
        yield running


@pytest.fixture
def hands(page: Page) -> Hands:
    return Hands(page)


def own_port(app: App) -> int:
    return int(app.url.rsplit(":", 1)[1])


def answers(page: Page) -> Locator:
    return page.locator(".st-key-find_answers")


def drawer(page: Page) -> Locator:
    return page.get_by_role("dialog")


def link(page: Page, name: str) -> Locator:
    return page.locator(".st-key-views").get_by_role("link", name=name)


def pill(page: Page, name: str) -> Locator:
    return page.get_by_role("radio", name=re.compile(f"^{name}"))


def words(text: str) -> re.Pattern[str]:
    """The text as the page may write it, with joiners that keep it from being a link or emoji."""
    return re.compile("\u2060?".join(map(re.escape, text)))


def go_to_a_time(page: Page, hands: Hands, words: str) -> None:
    hands.click(link(page, "Timeline"))
    expect(headline(page)).to_be_visible()
    expect_settled(page)
    hands.click(page.get_by_label("Go to a time"))
    hands.type(words)
    hands.press("Enter")


def headline(page: Page) -> Locator:
    return page.locator(".st-key-headline")


def click_row(page: Page, hands: Hands, port: int) -> None:
    """Click on the only row, of this port."""
    hands.click_once(lambda: pick_row(page, port, among=(port,)))
    expect(drawer(page)).to_contain_text(f"on port {port}")


def test_1_and_2_who_holds_a_port_with_its_command_folder_and_parent(
    app: App, page: Page, hands: Hands
) -> None:
    with Opener() as opener:
        port = opener.listen()
        show(page, f"{app.url}/")
        until(lambda: app.json(f"/api/ports?port={port}"), "it is stored")
        expect_settled(page)
        hands.press("Control+k")
        hands.type(str(port))
        begun = time.monotonic()
        expect(answers(page)).to_contain_text(words(f"127.0.0.1:{port}"))
        print(f"\nanswered {time.monotonic() - begun:.2f} s after the last key")
        assert time.monotonic() - begun < 30
        for known in ("opener_process", f"pid {opener.pid}", "started by", str(Path.cwd())):
            expect(answers(page)).to_contain_text(words(known))
        expect(answers(page)).to_be_in_viewport()
        assert hands.pressed <= 6
        save(page, "task-1")


def test_2_a_click_shows_the_command_line_the_folder_and_all_parents(
    app: App, page: Page, hands: Hands
) -> None:
    with Opener() as opener:
        port = opener.listen()
        show(page, f"{app.url}/?port={port}")
        click_row(page, hands, port)
        for known in ("opener_process.py", "Folder", "Started by", "python"):
            expect(drawer(page)).to_contain_text(words(known))
        assert hands.pressed <= 2
        save(page, "task-2")


def test_4_a_service_opens_in_the_browser(app: App, page: Page, hands: Hands) -> None:
    port = own_port(app)
    show(page, f"{app.url}/?port={port}")
    wait_for_ports(page, port)
    wait_for_cells(page, f"http://localhost:{port}")
    expect_settled(page)
    with page.expect_popup() as opening:
        hands.click_once(lambda: click_link(page))
    expect(opening.value).to_have_title(re.compile("PortEye"))
    opening.value.close()
    assert hands.pressed <= 1
    save(page, "task-4")


def click_link(page: Page) -> None:
    """Click on the link of the first row, right of its port."""
    box = page.get_by_test_id("stDataFrame").locator("canvas").first.bounding_box()
    assert box is not None
    x, y = box["x"] + 70, box["y"] + 51
    page.mouse.move(x - 40, y)
    page.mouse.move(x, y)
    page.wait_for_function(
        "([x, y]) => getComputedStyle(document.elementFromPoint(x, y)).cursor === 'pointer'",
        arg=[x, y],
    )
    page.mouse.click(x, y)


def test_5_what_is_reachable_from_outside(app: App, page: Page, hands: Hands) -> None:
    with Opener() as opener, socket.socket() as anywhere:
        anywhere.bind(("0.0.0.0", 0))
        anywhere.listen()
        reachable, local = anywhere.getsockname()[1], opener.listen()
        show(page, f"{app.url}/?port={reachable},{local}")
        wait_for_ports(page, *sorted((reachable, local)))
        hands.click(pill(page, "Reachable"))
        wait_for_ports(page, reachable)
        assert hands.pressed <= COMMAND
        save(page, "task-5")


def test_6_what_opened_just_now(app: App, page: Page, hands: Hands) -> None:
    with Opener() as opener:
        port = opener.bind()
        show(page, f"{app.url}/?port={port}")
        expect(page.get_by_text("No listener matches the filters.")).to_be_visible()
        opener.listen(port=port)
        wait_for_cells(page, str(port), "new")
        assert hands.pressed == 0
        save(page, "task-6")


def test_7_what_opened_today(app: App, page: Page, hands: Hands) -> None:
    with Opener() as opener:
        stays, goes = opener.listen(), opener.listen()
        ports = f"{stays},{goes}"
        until(lambda: len(app.json(f"/api/ports?port={ports}")) == 2, "both are stored")
        opener.close(goes)
        until(lambda: len(app.json(f"/api/ports?port={ports}")) == 1, "one is gone")
        show(page, f"{app.url}/?port={ports}")
        hands.click(pill(page, "Opened today"))
        wait_for_cells(page, str(stays))
        assert hands.pressed <= 1
        # Also what is closed by now.
        hands.click(link(page, "History"))
        hands.click(pill(page, "Today"))
        hands.click(pill(page, "Opened"))
        wait_for_cells(page, str(stays), str(goes), "opened")
        expect(page.get_by_text("Showing the newest 2 of 2 events.")).to_be_visible()
        assert hands.pressed <= 4
        save(page, "task-7")


def test_8_what_listened_yesterday_at_a_time(app: App, page: Page, hands: Hands) -> None:
    show(page, app.url)
    go_to_a_time(page, hands, "yesterday 3:10")
    expect(headline(page)).to_contain_text(words("03:10"))
    expect(headline(page)).to_contain_text("3 listeners, 2 reachable.")
    wait_for_cells(page, "80", "3000", "5000")
    assert hands.pressed <= 20
    save(page, "task-8")


def test_8_what_opened_last_tuesday_at_a_time_and_was_it_reachable(
    app: App, page: Page, hands: Hands
) -> None:
    show(page, app.url)
    go_to_a_time(page, hands, "last tue 3:10")
    answer = "3000 vite.js (node) became reachable; 5000 flask (local) opened"
    expect(headline(page)).to_contain_text(words(answer))
    expect(headline(page)).to_be_in_viewport()
    assert hands.pressed <= 20
    save(page, "task-8-tuesday")


def test_9_what_changed_between_two_moments(app: App, page: Page, hands: Hands) -> None:
    show(page, f"{app.url}/?process=flask")
    go_to_a_time(page, hands, "-1d")
    expect(headline(page)).to_contain_text("1 listener, 0 reachable.")
    hands.click(page.get_by_role("button", name="Compare with now"))
    receipt = page.get_by_test_id("stMain").get_by_test_id("stCode")
    expect(receipt).to_contain_text("1 closed")
    wait_for_cells(page, "closed", "5000", "flask")
    assert hands.pressed <= 15
    save(page, "task-9")


def test_10_who_held_a_port_before(app: App, page: Page, hands: Hands) -> None:
    with Opener() as before:
        port = before.listen()
        until(lambda: app.json(f"/api/ports?port={port}"), "the first is stored")
        with socket.socket() as after:
            before.end()
            after.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            after.bind(("127.0.0.1", port))
            after.listen()
            until(lambda: len(app.json(f"/api/history?port={port}")) == 3, "both are stored")
            show(page, f"{app.url}/?port={port}")
            click_row(page, hands, port)
            hands.click(drawer(page).get_by_role("link", name="Full story"))
            expect(page.get_by_role("button", name="Before it: opener_process")).to_be_visible()
            assert hands.pressed <= 2
            save(page, "task-10")


@needs_tracing
def test_11_a_listener_that_lived_a_moment(app: App, page: Page, hands: Hands) -> None:
    with socket.socket() as brief:
        brief.bind(("127.0.0.1", 0))
        port = brief.getsockname()[1]
        brief.listen()
    show(page, f"{app.url}/?port={port}")
    hands.click(link(page, "History"))
    wait_for_cells(page, str(port), "opened", "closed")
    assert hands.pressed <= 1
    save(page, "task-11")


def test_12_why_an_owner_is_unknown(tmp_path: Path, page: Page, hands: Hands) -> None:
    write_history(tmp_path / "porteye.db", hidden=True)
    with dashboard(tmp_path / "porteye.db", tmp_path, PORTEYE_MONITOR="off") as without_root:
        page.goto(without_root.url)
        wait_for_cells(page, "22", "needs root")
        expect(page.get_by_text("1 owner needs root.")).to_be_visible()
        assert hands.pressed == 0
        save(page, "task-12")


def test_13_when_nobody_watched(app: App, page: Page, hands: Hands) -> None:
    show(page, app.url)
    hands.click(link(page, "Monitor"))
    expect(page.get_by_text("PortEye did not watch")).to_be_in_viewport()
    expect(page.get_by_text("in one gap")).to_be_in_viewport()
    assert hands.pressed <= 1
    save(page, "task-13")


def test_14_cpu_memory_and_clients_over_time(app: App, page: Page, hands: Hands) -> None:
    port = own_port(app)
    show(page, f"{app.url}/?port={port}")
    click_row(page, hands, port)
    hands.click(drawer(page).get_by_role("link", name="Full story"))
    expect(page.locator(".st-key-usage .main-svg").first).to_be_visible()
    assert hands.pressed <= 2
    save(page, "task-14")


def test_15_a_full_queue(app: App, page: Page, hands: Hands) -> None:
    with ExitStack() as stack:
        server = stack.enter_context(socket.socket())
        server.bind(("127.0.0.1", 0))
        server.listen(1)
        for _ in range(2):  # Linux lets one more in than the backlog says
            stack.enter_context(socket.socket()).connect(server.getsockname())
        show(page, f"{app.url}/?port={server.getsockname()[1]}")
        wait_for_cells(page, "full", "2 wait, room for 1")
        expect(pill(page, "Clients waiting 1")).to_be_in_viewport()
        assert hands.pressed == 0
        save(page, "task-15")


@root
def test_16_another_namespace(app: App, page: Page, hands: Hands) -> None:
    with Opener() as opener:
        opener.unshare()
        port = opener.listen()
        show(page, f"{app.url}/?port={port}")
        click_row(page, hands, port)
        expect(drawer(page)).to_contain_text("inside a container")
        assert hands.pressed <= 1
        save(page, "task-16")


def test_17_services_are_rows_and_programs_are_groups(app: App, page: Page, hands: Hands) -> None:
    with Opener() as opener:
        port = opener.listen()
        opener.listen("ipv6", "tcp", port)
        opener.listen("ipv4", "udp", port)
        other = opener.listen()
        show(page, f"{app.url}/?port={port},{other}")
        wait_for_ports(page, *sorted((port, other)))
        wait_for_cells(page, "tcp/udp", "127.0.0.1, ::1")
        assert hands.pressed == 0
        hands.click(page.get_by_role("button", name="View"))
        hands.click(page.get_by_role("radio", name="Program"))
        wait_for_cells(page, ", ".join(map(str, sorted((port, other)))))
        assert hands.pressed <= 2
        save(page, "task-17")


def test_21_a_free_port(app: App, page: Page, hands: Hands) -> None:
    show(page, app.url)
    hands.click(page.get_by_role("button", name="View"))
    found = page.get_by_test_id("stPopoverBody").get_by_test_id("stCode")
    expect(found).to_have_text(re.compile(r"^\d+$"))
    assert hands.pressed <= 1
    save(page, "task-21")
    with socket.socket() as own:
        own.bind(("127.0.0.1", int(found.inner_text())))


def test_22_what_is_seen_is_shared(
    app: App, context: BrowserContext, page: Page, hands: Hands
) -> None:
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    port = own_port(app)
    show(page, f"{app.url}/?port={port}")
    click_row(page, hands, port)
    shared = drawer(page).get_by_test_id("stCode").last
    expect(shared).to_contain_text("listener=")
    shared.hover()
    hands.click(shared.get_by_role("button"))
    page.wait_for_function("async () => (await navigator.clipboard.readText()).includes('http')")
    address = page.evaluate("navigator.clipboard.readText()")
    assert hands.pressed <= COMMAND
    with context.new_page() as other:
        other.goto(address)
        expect(drawer(other)).to_contain_text(f"on port {port}")
        wait_for_ports(other, port)
        save(other, "task-22")


def test_23_a_file_for_pandas(app: App, page: Page, hands: Hands) -> None:
    show(page, f"{app.url}/?port=3000")
    hands.click(link(page, "History"))
    hands.click(pill(page, "30 d"))
    button = page.get_by_role("link", name="Download CSV (4 events)")
    expect(button).to_be_visible()
    with page.expect_download() as downloading:
        hands.click(button)
    assert hands.pressed <= COMMAND
    table = pd.read_csv(downloading.value.path(), parse_dates=["timestamp"])
    assert len(table) == 4
    assert table["port"].tolist() == [3000] * 4
    assert isinstance(table["timestamp"].dtype, pd.DatetimeTZDtype)
    assert set(table["exposure"]) == {"every interface", "this machine only"}
    save(page, "task-23")


def test_25_a_phone_answers_as_well(app: App, browser: Browser) -> None:
    with (
        Opener() as opener,
        browser.new_context(viewport={"width": 390, "height": 844}, user_agent=PHONE) as context,
    ):
        port = opener.listen()
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        hands = Hands(page)
        page.goto(app.url)
        expect_settled(page)
        until(lambda: app.json(f"/api/ports?port={port}"), "it is stored")
        hands.click(page.get_by_label("Find a port, program or pid"))
        hands.type(str(port))
        expect(answers(page)).to_contain_text(words(f"127.0.0.1:{port}"))
        expect(answers(page)).to_be_in_viewport()
        assert hands.pressed <= 6
        save(page, "task-25")
