"""Findings of the alerts process, through the API."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.testclient import TestClient

from porteye_core.api import create_api
from porteye_core.config import Config
from porteye_core.store import alerts
from porteye_core.store.alerts import Finding
from porteye_core.system.clock import timestamp

SECOND = 1_000_000


def finding(at: int, verdict: str = "new", ended_at: int | None = None) -> Finding:
    return Finding(
        id=0,
        key='["tcp", 80, "every interface", "nginx", "www"]',
        kind="listener" if verdict else "unwatched",
        verdict=verdict,
        at=at * SECOND,
        found_at=at * SECOND,
        ended_at=None if ended_at is None else ended_at * SECOND,
        listener_id=7,
        protocol="tcp",
        port=80,
        program="nginx",
        why="no block has this port",
    )


@pytest.fixture
def client(db: Path) -> Iterator[TestClient]:
    with alerts.writing(alerts.beside(db)) as connection:
        for each in (
            finding(10, "wider", 20),
            finding(15),
            finding(30, "owner"),
            finding(40, ""),
        ):
            alerts.add_finding(connection, each)
    api = Starlette(routes=[Mount("/api", create_api(Config(db=db)))])
    with TestClient(api, raise_server_exceptions=False) as opened:
        yield opened


def test_what_was_brief_is_not_open(client: TestClient, db: Path) -> None:
    brief = replace(finding(50, "brief"), kind="brief")
    with alerts.writing(alerts.beside(db)) as connection:
        alerts.add_finding(connection, brief)
    assert ids(client, "?open=true") == [4, 3, 2]
    assert ids(client, "?open=false") == [5, 1]


def found(client: TestClient, query: str = "") -> list[dict[str, Any]]:
    response = client.get(f"/api/findings{query}")
    assert response.status_code == 200, response.text
    answered: list[dict[str, Any]] = response.json()
    return answered


def ids(client: TestClient, query: str = "") -> list[int]:
    return [each["id"] for each in found(client, query)]


def test_the_newest_come_first_with_times_in_utc(client: TestClient) -> None:
    answered = found(client)
    assert [each["id"] for each in answered] == [4, 3, 2, 1]
    first = answered[-1]
    assert (first["verdict"], first["listener"], first["port"]) == ("wider", 7, 80)
    assert (first["at"], first["ended_at"]) == (timestamp(10 * SECOND), timestamp(20 * SECOND))
    assert first["told_at"] is None


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("?open=true", [4, 3, 2]),
        ("?open=false", [1]),
        ("?open=", [4, 3, 2, 1]),
        ("?verdict=wider,OWNER", [3, 1]),
        ("?verdict=new&open=false", []),
        ("?since=1970-01-01T00:00:25Z", [4, 3, 2]),
        ("?until=1970-01-01T00:00:12Z", [1]),
        ("?since=1970-01-01T00:00:25Z&until=1970-01-01T00:00:35Z", [3, 2]),
        ("?before=3", [2, 1]),
    ],
)
def test_they_are_filtered(client: TestClient, query: str, wanted: list[int]) -> None:
    assert ids(client, query) == wanted


def test_pages_follow_each_other_to_the_end(client: TestClient) -> None:
    seen, query = [], "?limit=3&verdict="
    while query:
        response = client.get(f"/api/findings{query}")
        seen += [each["id"] for each in response.json()]
        link = response.headers.get("link", "")
        query = link.partition(">")[0].removeprefix("<")
    assert seen == [4, 3, 2, 1]


@pytest.mark.parametrize("query", ["?verdict=bad", "?open=maybe", "?limit=0", "?since=x"])
def test_a_value_that_cannot_be_used_names_its_parameter(client: TestClient, query: str) -> None:
    response = client.get(f"/api/findings{query}")
    assert response.status_code == 422
    name = query[1:].partition("=")[0]
    assert response.json()["error"]["message"].startswith(f"{name}: ")


def test_without_an_alerts_database_nothing_was_found_or_said(tmp_path: Path) -> None:
    with TestClient(create_api(Config(db=tmp_path / "x.db"))) as client:
        for path in ("/findings", "/notes"):
            response = client.get(path)
            assert (response.status_code, response.json()) == (200, [])
