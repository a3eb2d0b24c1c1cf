"""The view Activity has the openings and closings of 30 days over all hosts."""

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from tests.kit.fleet import Fleet
from tests.kit.fleet_page import open_fleet_page
from tests.kit.many_hosts import DAY, HOUR
from tests.kit.page import table, texts
from tests.kit.postgres import needs_postgres

pytestmark = needs_postgres

EVENTS = """SELECT e.at, h.name, e.kind::text, e.port, e.protocol::text, coalesce(g.title, '')
FROM event e JOIN host h USING (host_id) LEFT JOIN program g ON g.id = e.program_id"""


def bars(page: AppTest) -> dict[str, dict[int, int]]:
    """The bars of the chart by the beginning of their bucket, without those of nothing."""
    (chart,) = page.get("plotly_chart")
    traces = json.loads(chart.proto.spec)["data"]
    return {
        each["name"]: {int(at): abs(y) for at, y in zip(each["ids"], each["y"], strict=True) if y}
        for each in traces
        if each["type"] == "bar"
    }


def counted(fleet: Fleet, size: int, is_wanted: Callable[[tuple[Any, ...]], bool]) -> Any:
    """The same from the events one by one."""
    (now,) = fleet.ask("SELECT now_us()")[0]
    first = (now - 30 * DAY) // size * size
    found = dict[str, Counter[int]]()
    for row in fleet.ask(EVENTS):
        if row[0] >= first and is_wanted(row):
            found.setdefault(row[2], Counter())[row[0] // size * size] += 1
    return found


@pytest.mark.parametrize(
    ("said", "is_wanted"),
    [
        ({}, lambda _: True),
        ({"port": "22"}, lambda row: row[3] == 22),
        ({"port": "22, 8000-8001"}, lambda row: row[3] in (22, 8000, 8001)),
        ({"hosts": "alpha"}, lambda row: row[1] == "alpha"),
        ({"process": "nginx", "protocol": "udp"}, lambda row: row[4:] == ("udp", "nginx")),
    ],
)
@pytest.mark.parametrize(("by", "size"), [("hour", HOUR), ("day", DAY)])
def test_bars_count_the_events_of_the_filters(
    fleet: Fleet,
    monkeypatch: pytest.MonkeyPatch,
    by: str,
    size: int,
    said: dict[str, str],
    is_wanted: Callable[[tuple[Any, ...]], bool],
) -> None:
    page = open_fleet_page(fleet.address, monkeypatch, "activity", {"by": by, **said})
    plain = counted(fleet, size, is_wanted)
    assert bars(page) == plain
    opened, closed = (sum(plain[kind].values()) for kind in ("opened", "closed"))
    assert f"{opened} openings and {closed} closings in the last 30 days" in texts(page)


def test_the_busiest_ports_are_those_of_most_events(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = table(open_fleet_page(fleet.address, monkeypatch, "activity"))
    (now,) = fleet.ask("SELECT now_us()")[0]
    first = (now - 30 * DAY) // DAY * DAY
    plain = Counter(
        (str(port) if port < 32_768 else "32768 and higher", protocol)
        for at, _, _, port, protocol, _ in fleet.ask(EVENTS)
        if at >= first
    )
    found = {
        (port, protocol): opened + closed
        for port, protocol, opened, closed in zip(
            frame["ports"],
            frame["protocol"],
            frame["opened_count"],
            frame["closed_count"],
            strict=True,
        )
    }
    assert found == plain
    assert list(found.values()) == sorted(found.values(), reverse=True)


def test_nothing_is_said(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    page = open_fleet_page(fleet.address, monkeypatch, "activity", {"port": "9"})
    assert not page.get("plotly_chart")
    assert "Nothing opened or closed in the last 30 days" in texts(page)
