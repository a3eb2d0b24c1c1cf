"""The view First seen tells what is new in the fleet."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.kit.fleet import Fleet
from tests.kit.fleet_page import open_fleet_page
from tests.kit.page import choose_range, table, texts
from tests.kit.postgres import needs_postgres

pytestmark = needs_postgres

FIRST = """SELECT DISTINCT ON (port, protocol) port, protocol::text, at, host, exposure, title
FROM (SELECT e.port, e.protocol, e.at, h.name AS host, e.exposure::text, g.title
    FROM event e JOIN host h USING (host_id) LEFT JOIN program g ON g.id = e.program_id
    WHERE e.kind = 'opened') e ORDER BY port, protocol, at"""


def firsts(fleet: Fleet) -> list[tuple[Any, ...]]:
    return sorted(fleet.ask(FIRST), key=lambda row: -row[2])


def test_each_port_has_the_host_that_had_it_first(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = open_fleet_page(fleet.address, monkeypatch, "first_seen", {"range": "all"})
    frame = table(page)
    lower = [row for row in firsts(fleet) if row[0] < 32_768]
    upper = len(firsts(fleet)) - len(lower)
    assert list(zip(frame["port"], frame["protocol"], frame["first_host"], strict=True)) == [
        (port, protocol, host) for port, protocol, _, host, *_ in lower
    ]
    assert frame["program"].tolist() == [row[5] or "" for row in lower]
    assert f"{len(lower)} ports were new in the fleet." in texts(page)
    assert f"{upper} ephemeral ports, from 32768 on, were new, too." in texts(page)
    now = dict(
        fleet.ask(
            "SELECT (port, protocol)::text, count(DISTINCT host_id) FROM open_listener GROUP BY 1"
        )
    )
    assert frame["hosts_now"].tolist() == [
        now.get(f"({port},{protocol})", 0) for port, protocol, *_ in lower
    ]


def test_the_time_range_narrows_it(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    page = open_fleet_page(fleet.address, monkeypatch, "first_seen", {"range": "15m"})
    since = time.time_ns() // 1000 - 15 * 60 * 1_000_000
    newer = [row for row in firsts(fleet) if row[2] >= since and row[0] < 32_768]
    assert len(page.dataframe[0].value if page.dataframe else []) == len(newer)
    assert len(table(choose_range(page, "all"))) > len(newer)


@pytest.mark.parametrize(
    ("said", "is_wanted"),
    [
        ({"port": "1-500"}, lambda row: row[0] <= 500),
        ({"protocol": "udp"}, lambda row: row[1] == "udp"),
        ({"hosts": "alpha"}, lambda row: row[3] == "alpha"),
        ({"exposure": "local"}, lambda row: row[4] == "this machine only"),
        ({"process": "nginx"}, lambda row: row[5] == "nginx"),
    ],
)
def test_filters_narrow_what_is_shown(
    fleet: Fleet,
    monkeypatch: pytest.MonkeyPatch,
    said: dict[str, str],
    is_wanted: Callable[[tuple[Any, ...]], bool],
) -> None:
    page = open_fleet_page(fleet.address, monkeypatch, "first_seen", {"range": "all", **said})
    lower = [row for row in firsts(fleet) if row[0] < 32_768]
    wanted = [row[0] for row in lower if is_wanted(row)]
    assert len(wanted) < len(lower)
    assert (table(page)["port"].tolist() if page.dataframe else []) == wanted


def test_the_record_limit_says_what_it_leaves_out(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = {"range": "all", "limit": "2"}
    page = open_fleet_page(fleet.address, monkeypatch, "first_seen", said)
    assert len(table(page)) == 2
    assert "The newest 2 of" in texts(page)
