"""The view Now tells what listens on any host."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from tests.kit.fleet import Fleet
from tests.kit.fleet_page import open_fleet_page
from tests.kit.fleet_states import silence
from tests.kit.page import address, table, texts
from tests.kit.postgres import needs_postgres

pytestmark = needs_postgres

Row = tuple[Any, ...]
OPEN = """SELECT h.name, l.port, l.protocol::text, coalesce(g.title, ''), l.exposure::text
FROM open_listener l JOIN host h USING (host_id) LEFT JOIN program g ON g.id = l.program_id"""


def test_a_row_stands_for_a_service_of_many_hosts(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = table(open_fleet_page(fleet.address, monkeypatch, "now"))
    rows = zip(
        frame["port"],
        frame["protocol"],
        frame["program"],
        (reach for (reach,) in frame["exposure"]),
        frame["listeners"],
        strict=True,
    )
    plain = Counter(tuple(rest) for _, *rest in fleet.ask(OPEN))
    assert {tuple(row): count for *row, count in rows} == plain
    assert frame["hosts"].tolist() == sorted(frame["hosts"], reverse=True)


def test_every_listener_is_a_row_if_the_reader_wants(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = open_fleet_page(fleet.address, monkeypatch, "now", {"rows": "listeners"})
    frame = table(page)
    plain = Counter((host, port) for host, port, *_ in fleet.ask(OPEN))
    assert Counter(zip(frame["host"], frame["port"], strict=True)) == plain
    assert f"{len(frame)} listeners." in texts(page)
    page.toggle[0].set_value(True).run()
    assert "rows" not in address(page)
    assert "services." in texts(page)


def test_an_opened_service_shows_its_hosts_and_leads_back(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    (_, port, protocol, program, reach), *_ = fleet.ask(f"{OPEN} WHERE g.title = 'nginx'")
    plain = [row for row in fleet.ask(OPEN) if row[1:] == (port, protocol, program, reach)]
    words = {
        "this machine only": "MACHINE",
        "one network": "NETWORK",
        "every interface": "EVERYWHERE",
    }
    said = {"service": f"{port}/{protocol}/{words[reach]}/{program}"}
    page = open_fleet_page(fleet.address, monkeypatch, "now", said)
    assert sorted(table(page)["host"]) == sorted(host for host, *_ in plain)
    assert f"on {port}/{protocol}" in texts(page)
    (back,) = (each for each in page.button if each.label == "All services")
    page = back.click().run()
    assert "service" not in address(page)
    assert "services." in texts(page)


@pytest.mark.parametrize(
    ("said", "is_wanted"),
    [
        ({"port": "22, 80"}, lambda row: row[1] in (22, 80)),
        ({"process": "NGINX"}, lambda row: row[3] == "nginx"),
        ({"protocol": "udp"}, lambda row: row[2] == "udp"),
        ({"exposure": "local"}, lambda row: row[4] == "this machine only"),
        ({"hosts": "a*, BETA"}, lambda row: row[0] in ("alpha", "beta")),
        ({"hosts": "alpha", "port": "1-9000"}, lambda row: row[0] == "alpha" and row[1] < 9000),
    ],
)
def test_filters_narrow_what_is_shown(
    fleet: Fleet,
    monkeypatch: pytest.MonkeyPatch,
    said: dict[str, str],
    is_wanted: Callable[[Row], bool],
) -> None:
    page = open_fleet_page(fleet.address, monkeypatch, "now", {"rows": "listeners", **said})
    plain = [row for row in fleet.ask(OPEN) if is_wanted(row)]
    frame = table(page)
    assert Counter(zip(frame["host"], frame["port"], strict=True)) == Counter(
        (host, port) for host, port, *_ in plain
    )


def test_the_record_limit_says_what_it_leaves_out(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = len(fleet.ask(OPEN))
    page = open_fleet_page(fleet.address, monkeypatch, "now", {"rows": "listeners", "limit": "3"})
    assert len(table(page)) == 3
    assert f"The first 3 of {count} listeners." in texts(page)


def test_nothing_that_matches_has_a_way_out(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    page = open_fleet_page(fleet.address, monkeypatch, "now", {"port": "9"})
    assert not page.dataframe
    assert "No listener matches the filters." in texts(page)
    links = {link.proto.label: link.proto.query_string for link in page.main.get("page_link")}
    assert "port=9" not in links["Clear filters"]


def test_a_silent_host_is_never_shown_as_calm(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = texts(open_fleet_page(fleet.address, monkeypatch, "now"))
    assert "silent" not in before
    received = fleet.ask("SELECT received_at FROM host WHERE name = 'delta'")
    silence(fleet, "delta")
    try:
        said = texts(open_fleet_page(fleet.address, monkeypatch, "now"))
        assert "1 host is silent" in said
        assert "delta" in said
        others = open_fleet_page(fleet.address, monkeypatch, "now", {"hosts": "alpha"})
        assert "silent" not in texts(others)
    finally:
        fleet.ask("UPDATE host SET received_at = %s WHERE name = 'delta'", *received[0])


@pytest.mark.parametrize(
    ("broken", "sentence"),
    [
        (lambda address: address.replace("user=porteye", "user=nobody_there"), "does not exist"),
        (lambda address: address.replace("dbname=postgres", "dbname=template1"), "fleet init"),
        (lambda _: "host=127.0.0.1 port=1 dbname=x user=y connect_timeout=2", "refused"),
    ],
)
def test_a_server_that_does_not_answer_is_one_sentence(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch, broken: Callable[[str], str], sentence: str
) -> None:
    address = broken(fleet.address)
    page = open_fleet_page(address, monkeypatch, "now")
    assert not page.exception
    (error,) = page.error
    assert error.value.startswith("**The fleet cannot be shown.**")
    assert sentence in error.value
