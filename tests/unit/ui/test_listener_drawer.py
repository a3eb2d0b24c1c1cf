"""The drawer of a listener, through Streamlit's own test runner."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from porteye_core.model import Closing, Opening, Precision
from porteye_core.store.writing.writer import Writer
from tests.kit.page import address, open_page, switch, texts
from tests.kit.seeding import Instant
from tests.kit.values import SECOND, endpoint, owned, process


def plain(page: AppTest) -> str:
    """The texts of a page, without what keeps names from being markup."""
    return texts(page).replace("\\", "").replace("\u2060", "")


def codes(page: AppTest) -> list[str]:
    return [each.value for each in page.code]


@pytest.fixture
def at(seeded: Instant, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], AppTest]:
    def opened(listener: str) -> AppTest:
        page = open_page(seeded.db, monkeypatch, {"listener": listener})
        assert not page.exception
        return page

    return opened


def test_a_listener_in_the_address_opens_its_drawer(at: Callable[[str], AppTest]) -> None:
    page = at("1")
    assert "**nginx** listens on **0.0.0.0:80** (any network). pid 100, www." in plain(page)
    assert "7 clients · CPU 1.5 % of a core · 381.5 MiB" in plain(page)
    command, stop, link = codes(page)
    assert (command, stop) == ("nginx -g daemon", "kill 100")
    assert link.endswith("?listener=1")
    assert "http://localhost" in [each.proto.url for each in page.get("link_button")]


def test_the_view_keeps_its_table_beside_the_drawer(at: Callable[[str], AppTest]) -> None:
    assert len(at("1").dataframe) == 1


def test_without_a_listener_there_is_no_drawer(
    seeded: Instant, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert codes(open_page(seeded.db, monkeypatch)) == []


@pytest.mark.parametrize("wrong", ["99999", "x", "-1", "9" * 40, "<b>", "1.0", "١"])
def test_a_listener_that_is_not_recorded_is_said_and_leaves_the_address(
    at: Callable[[str], AppTest], wrong: str
) -> None:
    page = at(wrong)
    assert codes(page) == []
    assert "is recorded" in page.toast[0].value
    assert "listener" not in address(page)


def test_the_story_has_no_drawer(at: Callable[[str], AppTest]) -> None:
    page = at("1")
    page.query_params["listener"] = "1"
    story = switch(page, "listener")
    assert codes(story) == ["nginx -g daemon", "kill 100"]


def test_a_listener_that_has_closed_is_said_to_have(
    at: Callable[[str], AppTest], seeded: Instant
) -> None:
    with closing(sqlite3.connect(seeded.db)) as connection:
        first, second = (
            row[0]
            for row in connection.execute("SELECT id FROM listener WHERE port = 8765 ORDER BY id")
        )
    page = at(str(first))
    assert "Closed" in page.warning[0].value
    assert "20 minutes ago" in page.warning[0].value
    assert not [each for each in codes(page) if each.startswith("kill")]
    heir = next(each for each in page.button if each.label.startswith("Port 8765 is open again"))
    heir.click().run()
    assert not page.exception
    assert address(page)["listener"] == str(second)
    assert "kill 300" in codes(page)


def test_it_closes_with_the_listener_while_it_is_open(
    db: Path, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = owned(endpoint(3000), process(10, name="node"))
    (born,) = writer.record_changes(SECOND, [Opening(server, SECOND, Precision.KERNEL)])
    page = open_page(db, monkeypatch, {"listener": str(born.id)})
    assert not page.warning or "Closed" not in plain(page)
    writer.record_changes(9 * SECOND, closed=[Closing(born, 9 * SECOND, Precision.KERNEL)])
    page.run()
    assert "Closed Thu 1 Jan 1970 00:00" in plain(page)


def test_only_this_program_is_a_filter_of_now(at: Callable[[str], AppTest]) -> None:
    page = at("1")
    next(each for each in page.button if each.label == "Only this program").click().run()
    assert not page.exception
    assert address(page).get("process") == "nginx"
    assert page.text_input(key="process").value == "nginx"
    assert "listener" not in address(page)


def test_the_other_ports_of_the_program_are_named(
    db: Path, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = process(10, name="node")
    born = writer.record_changes(
        SECOND,
        [
            Opening(owned(endpoint(port, address=address), server), SECOND, Precision.KERNEL)
            for port in range(3000, 3015)
            for address in ("127.0.0.1", "::1")
        ],
    )
    page = open_page(db, monkeypatch, {"listener": str(born[0].id)})
    assert "of this program** `[::1]:3000/tcp` `127.0.0.1:3001/tcp`" in plain(page)
    assert "and 17 more" in plain(page)


def test_the_lookup_takes_the_place_of_the_drawer(at: Callable[[str], AppTest]) -> None:
    page = at("1")
    page.button(key="quick").click().run()
    assert not page.exception
    assert "kill 100" not in codes(page)
    assert "listener" not in address(page)
