"""The view History has the newest events of all hosts, page after page."""

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from streamlit.testing.v1 import AppTest

from tests.kit.fleet import Fleet
from tests.kit.fleet_page import open_fleet_page
from tests.kit.page import address, table, texts
from tests.kit.postgres import needs_postgres

pytestmark = needs_postgres

EVENTS = """SELECT e.at, e.host_id, e.id, h.name, e.kind::text, e.port, e.protocol::text,
    e.exposure::text, coalesce(g.title, '')
FROM event e JOIN host h USING (host_id) LEFT JOIN program g ON g.id = e.program_id
ORDER BY e.at DESC, e.host_id DESC, e.id DESC"""
ALL = {"range": "all"}


def rows(page: AppTest) -> list[tuple[Any, ...]]:
    frame = table(page)
    return list(zip(frame["host"], frame["kind"], frame["port"], strict=True))


def plain(fleet: Fleet) -> list[tuple[Any, ...]]:
    return [(host, kind, port) for _, _, _, host, kind, port, *_ in fleet.ask(EVENTS)]


def press(page: AppTest, label: str) -> AppTest:
    (button,) = (each for each in page.main.button if each.label == label)
    assert not button.disabled
    return button.click().run()


def test_pages_of_events_are_turned_in_both_directions(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    every = plain(fleet)
    page = open_fleet_page(fleet.address, monkeypatch, "history", {**ALL, "limit": "150"})
    seen = rows(page)
    turned = 0
    while any(each.label == "Older" and not each.disabled for each in page.main.button):
        page = press(page, "Older")
        turned += 1
        seen += rows(page)
    assert turned == 2
    assert seen == every
    assert "back to" in texts(page)
    page = press(page, "Newer")
    assert rows(page) == every[150:300]
    page = press(press(page, "Newer"), "Older")
    assert rows(page) == every[150:300]
    page = press(page, "Newest")
    assert rows(page) == every[:150]
    assert "before" not in address(page)


def test_a_page_of_the_address_is_shown(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    at, host_id, number, *_ = fleet.ask(EVENTS)[9]
    said = {**ALL, "before": f"{at}.{host_id}.{number}"}
    page = open_fleet_page(fleet.address, monkeypatch, "history", said)
    assert rows(page) == plain(fleet)[10:110]
    nonsense = {**ALL, "before": "x"}
    page = open_fleet_page(fleet.address, monkeypatch, "history", nonsense)
    assert rows(page) == plain(fleet)[:100]


@pytest.mark.parametrize(
    ("said", "is_wanted"),
    [
        ({"kind": "opened"}, lambda row: row[4] == "opened"),
        ({"port": "22,8000-8001"}, lambda row: row[5] in (22, 8000, 8001)),
        ({"protocol": "udp"}, lambda row: row[6] == "udp"),
        ({"exposure": "local"}, lambda row: row[7] == "this machine only"),
        ({"process": "größe"}, lambda row: row[8] == "Größe"),
        ({"hosts": "b*"}, lambda row: row[3] == "beta"),
    ],
)
def test_filters_narrow_what_is_shown(
    fleet: Fleet,
    monkeypatch: pytest.MonkeyPatch,
    said: dict[str, str],
    is_wanted: Callable[[tuple[Any, ...]], bool],
) -> None:
    page = open_fleet_page(fleet.address, monkeypatch, "history", {**ALL, "limit": "1000", **said})
    wanted = [(row[3], row[4], row[5]) for row in fleet.ask(EVENTS) if is_wanted(row)]
    assert rows(page) == wanted
    assert wanted


def test_the_links_to_files_have_the_filters(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    said = {**ALL, "port": "22", "hosts": "alpha"}
    page = open_fleet_page(fleet.address, monkeypatch, "history", said)
    links = {each.proto.label: urlsplit(each.proto.url) for each in page.get("link_button")}
    assert links["Download CSV"].path == "api/history.csv"
    assert links["JSON"].path == "api/history.json"
    # A name alone would mean the file of one host, which does not name it in each row.
    assert parse_qs(links["JSON"].query) == {"port": ["22"], "host": ["alpha,"]}


def test_new_events_are_announced_and_do_not_move_the_table(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = open_fleet_page(fleet.address, monkeypatch, "history", ALL)
    before = rows(page)
    assert not [each for each in page.main.button if "new event" in each.label]
    fleet.ask("""INSERT INTO event SELECT host_id, 7, now_us(), machine, kind, seen, listener_id,
        4321, program_id, pid, protocol, hidden, exposure, address FROM event LIMIT 1""")
    try:
        page = page.run()
        assert rows(page) == before
        page = press(page, "1 new event. Show")
        assert rows(page)[0][2] == 4321
    finally:
        fleet.ask("DELETE FROM event WHERE port = 4321")


def test_nothing_in_a_range_is_said(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    page = open_fleet_page(fleet.address, monkeypatch, "history", {**ALL, "port": "9"})
    assert not page.dataframe
    assert "No event in this time range matches the filters." in texts(page)


def test_the_page_says_from_when_on_the_fleet_keeps_history(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = open_fleet_page(fleet.address, monkeypatch, "history", ALL)
    assert r"The fleet keeps what was since Thu 1 Jan 1970 00\:" in texts(page)
