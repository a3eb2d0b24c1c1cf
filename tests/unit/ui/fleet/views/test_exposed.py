"""The view Exposed tells which hosts let whom in, on which ports."""

from collections import Counter
from typing import Any

import pytest

from porteye_core.reach import REACHABLE
from tests.kit.fleet import Fleet
from tests.kit.fleet_page import open_fleet_page
from tests.kit.page import table, texts
from tests.kit.postgres import needs_postgres

pytestmark = needs_postgres

OPEN = """SELECT h.name, l.port, l.exposure::text
FROM open_listener l JOIN host h USING (host_id)"""


def reachable(fleet: Fleet) -> list[tuple[Any, ...]]:
    return [row for row in fleet.ask(OPEN) if row[2] in set(REACHABLE)]


def test_services_are_those_that_others_reach_the_widest_first(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = table(open_fleet_page(fleet.address, monkeypatch, "exposed"))
    reaches = [reach for (reach,) in frame["exposure"]]
    order = [*reversed(REACHABLE)]
    assert reaches == sorted(reaches, key=order.index)
    assert len(set(reaches)) > 1
    assert frame["listeners"].sum() == len(reachable(fleet))


def test_hosts_have_their_ports(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    page = open_fleet_page(fleet.address, monkeypatch, "exposed", {"rows": "hosts"})
    frame = table(page)
    plain = reachable(fleet)
    assert dict(zip(frame["host"], frame["listeners"], strict=True)) == Counter(
        host for host, *_ in plain
    )
    for host, ports in zip(frame["host"], frame["ports"], strict=True):
        of_host = sorted({port for name, port, _ in plain if name == host})
        assert ports == ", ".join(map(str, of_host))
    assert "4 hosts." in texts(page)


def test_every_listener_can_be_a_row(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    page = open_fleet_page(fleet.address, monkeypatch, "exposed", {"rows": "listeners"})
    frame = table(page)
    assert Counter(zip(frame["host"], frame["port"], strict=True)) == Counter(
        (host, port) for host, port, _ in reachable(fleet)
    )


def test_an_exposure_filter_of_others_is_said(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = open_fleet_page(fleet.address, monkeypatch, "exposed", {"exposure": "local"})
    assert not page.dataframe
    assert "means nothing that other machines reach" in texts(page)
    page = open_fleet_page(fleet.address, monkeypatch, "exposed", {"exposure": "network,machine"})
    assert {reach for (reach,) in table(page)["exposure"]} == {"one network"}
