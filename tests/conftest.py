"""Fixtures that several modules share."""

import tempfile
import time
from collections.abc import Generator, Iterator
from pathlib import Path

import hypothesis
import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from porteye_core.model import Tick, WatchPlan
from porteye_core.store.writing.startup import open_writer
from porteye_core.store.writing.writer import Writer
from tests.kit.app import App, dashboard
from tests.kit.browser import PATIENCE, chromium
from tests.kit.interruption import interrupt_at_sigterm, kept_handlers
from tests.kit.seeding import MINUTE, Instant, seed
from tests.kit.service import rows
from tests.kit.values import HOST, SECOND
from tests.kit.waiting import until

PLAN = WatchPlan("portable", 2 * SECOND, 10 * SECOND)


def pytest_configure(config: pytest.Config) -> None:
    # The time of an example says more about the machine than about the code.
    hypothesis.settings.register_profile("no deadline", deadline=None)
    hypothesis.settings.load_profile("no deadline")
    interrupt_at_sigterm(workers=bool(config.getoption("numprocesses", None)))


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests of a module on one worker, for they share fixtures; a long test is a group of
    its own, and all host tests are one. The longest begin first, so that no worker is alone with
    one at the end."""
    for item in items:
        module, _, _ = item.nodeid.partition("::")
        group = item.nodeid if item.get_closest_marker("long") else module
        if item.get_closest_marker("host"):
            group = "host"
        item.add_marker(pytest.mark.xdist_group(group))
    items.sort(key=lambda item: [not item.get_closest_marker(name) for name in ("long", "browser")])


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol() -> Generator[None, object, object]:
    with kept_handlers():
        return (yield)


@pytest.fixture
def db(tmp_path: Path) -> Path:
    return tmp_path / "porteye.db"


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder like /tmp, that every user may write to; pytest's own are for one user alone."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o1777)
        yield Path(name)


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """A dashboard that starts a monitor of its own, for all tests of a module."""
    folder = tmp_path_factory.mktemp("app")
    db = folder / "porteye.db"
    with dashboard(db, folder) as running:
        # What a test opens before that would have been there already.
        until(lambda: rows(db, "SELECT 1 FROM tick"), "its monitor watches")
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A Chromium for all tests of a module."""
    with chromium() as launched:
        yield launched


@pytest.fixture(scope="module")
def context(browser: Browser) -> Iterator[BrowserContext]:
    """One visitor for all tests of a module, who loads the scripts of the page once."""
    with browser.new_context(
        viewport={"width": 1280, "height": 900}, timezone_id="Europe/Berlin"
    ) as opened:
        opened.set_default_timeout(PATIENCE)
        yield opened


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    with context.new_page() as opened:
        yield opened


@pytest.fixture
def writer(db: Path) -> Iterator[Writer]:
    with open_writer(db, HOST, 1) as opened:
        opened.begin_watch(SECOND, PLAN)
        yield opened


@pytest.fixture
def tick() -> Tick:
    return Tick(2 * SECOND, SECOND, listeners=1, clients=0, scan_us=900, hidden=0)


@pytest.fixture
def seeded(db: Path) -> Iterator[Instant]:
    """A seeded database whose monitor, this process, goes on watching."""
    now = time.time_ns() // 1000
    with open_writer(db, HOST, now - 61 * MINUTE) as opened:
        seed(opened, now)
        yield Instant(db, now)


@pytest.fixture
def abandoned(db: Path) -> Instant:
    """A seeded database whose monitor has gone without a word."""
    now = time.time_ns() // 1000
    with open_writer(db, HOST, now - 61 * MINUTE) as opened:
        seed(opened, now)
    return Instant(db, now)
