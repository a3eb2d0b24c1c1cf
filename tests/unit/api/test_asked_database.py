"""The API of one host of a fleet: the answers of its own API, or a sentence."""

import csv
import io
import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.testclient import TestClient

from porteye_core.api import create_api, create_metrics
from porteye_core.config import Config
from porteye_core.fleet.service import ship_all
from porteye_core.guards.access import Access
from porteye_core.store import alerts
from porteye_core.store.fleet.server import connect
from porteye_core.store.fleet.shipping.shipper import Shipper
from porteye_core.store.writing.startup import open_writer
from porteye_core.system.clock import timestamp
from tests.kit.fleet import Fleet, fleet
from tests.kit.postgres import needs_postgres
from tests.kit.seeding import MINUTE, seed
from tests.kit.values import HOST

pytestmark = needs_postgres
TOKEN = "a-token-of-a-test-that-is-long-enough"
# What samples tell stays at the host; the file of expected ports is that of the fleet.
ELSEWHERE = {"cpu_percent", "memory_bytes", "memory_percent", "clients", "queue", "backlog"}
ELSEWHERE |= {"label", "note", "verdict"}
MOMENT = "{moment}"
PATHS = (
    "ports",
    "ports?protocol=udp",
    "history",
    "history?process=PYTHON&limit=2",
    "ports.csv",
    "history.csv",
    "history.json",
    f"moment.csv?at={MOMENT}",
    f"moment.json?at={MOMENT}",
    f"changes.json?at={MOMENT}&versus={{later}}",
)
EXPECTED = """
[[expected]]
port = 80
program = "nginx"
reach = "every interface"
hosts = "web1"
"""


class Both(NamedTuple):
    """The API of a host itself, that of its fleet, and the time at which its history ends."""

    own: TestClient
    fleet: TestClient
    server: Fleet
    config: Config
    now: int

    def path(self, path: str, **more: str) -> str:
        moment, later = (quote(timestamp(self.now - ago * MINUTE)) for ago in (25, 1))
        asked = f"/api/{path}".replace(MOMENT, moment).replace("{later}", later)
        for name, text in more.items():
            asked += f"{'&' if '?' in asked else '?'}{name}={quote(text)}"
        return asked


def client_of(config: Config, access: Access | None = None) -> TestClient:
    metrics = create_metrics(config.db, fleet=config.fleet)
    routes = [Mount("/api", create_api(config, access)), Mount("/metrics", metrics)]
    return TestClient(Starlette(routes=routes), raise_server_exceptions=False)


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    folder = tmp_path_factory.mktemp("host")
    db, elsewhere = folder / "porteye.db", folder / "elsewhere" / "porteye.db"
    elsewhere.parent.mkdir()
    now = time.time_ns() // 1000
    with fleet() as running, open_writer(db, HOST, 1) as writer:
        seed(writer, now)
        for name in ("web1", "web2"):
            copy = folder / f"{name}.db"
            with closing(sqlite3.connect(db)) as source, closing(sqlite3.connect(copy)) as target:
                source.backup(target)
            with connect(running.enrol(name)) as server:
                ship_all(Shipper(copy, server, beat=3600))
        running.enrol("newcomer")
        (folder / "expected.toml").write_text(EXPECTED)
        config = Config(db=elsewhere, fleet=running.address, expected=folder / "expected.toml")
        with client_of(Config(db=db)) as own, client_of(config) as of_fleet:
            yield Both(own, of_fleet, running, config, now)


def get(client: TestClient, path: str) -> Any:
    response = client.get(path)
    assert response.status_code == 200, response.text
    if response.headers["content-type"].startswith("text/csv"):
        return list(csv.DictReader(io.StringIO(response.text)))
    return response.json()


def error(client: TestClient, path: str, status: int = 422) -> str:
    response = client.get(path)
    assert response.status_code == status, response.text
    body: dict[str, dict[str, str]] = response.json()
    assert list(body["error"]) == ["code", "message", "hint"]
    return body["error"]["message"]


def known_to_both(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {name: value for name, value in record.items() if name not in ELSEWHERE}
        for record in records
    ]


@pytest.mark.parametrize("path", PATHS)
def test_a_host_of_a_fleet_answers_as_its_own_api(both: Both, path: str) -> None:
    expected = get(both.own, both.path(path))
    found = get(both.fleet, both.path(path, host="web1"))
    assert known_to_both(found) == known_to_both(expected)
    assert [list(each) for each in found] == [list(each) for each in expected]
    assert found


def test_a_page_of_the_history_leads_to_the_next_of_the_same_host(both: Both) -> None:
    response = both.fleet.get(both.path("history?limit=4", host="web2"))
    older = response.headers["Link"].partition("<")[2].partition(">")[0]
    assert "host=web2" in older
    ids = [each["id"] for each in response.json()]
    assert {each["id"] for each in get(both.fleet, f"/api/history{older}")}.isdisjoint(ids)


def test_a_file_has_the_name_of_its_host(both: Both) -> None:
    response = both.fleet.get(both.path("history.csv", host="web1"))
    assert "porteye-history-host-web1-" in response.headers["Content-Disposition"]


def test_health_of_a_host_is_that_of_its_monitor(both: Both) -> None:
    own, found = (
        get(client, both.path("health", **more))
        for client, more in ((both.own, {}), (both.fleet, {"host": "web1"}))
    )
    assert list(found) == list(own)
    assert (found["status"], found["host"], found["elsewhere"]) == ("watching", "web1", False)
    assert found["source"] == own["source"]
    assert found["hidden"] == own["hidden"] == 1


def test_health_of_a_fleet_tells_whether_all_is_here(both: Both) -> None:
    found = get(both.fleet, both.path("health"))
    assert found["status"] == "incomplete"
    assert found["hosts"]["reporting"] == 2
    assert found["hosts"]["never shipped"] == 1


def test_a_host_that_is_silent_is_not_shown_as_calm(both: Both) -> None:
    silent = "UPDATE host SET received_at = received_at {} 4 * beat WHERE name = 'web2'"
    both.server.ask(silent.format("-"))
    try:
        for path in ("ports", "ports.csv"):
            said = error(both.fleet, both.path(path, host="web2"), 503)
            assert said == "The host is silent: what listens there now is not known."
        assert get(both.fleet, both.path("history", host="web2"))
        assert get(both.fleet, both.path("health", host="web2"))["status"] == "silent"
    finally:
        both.server.ask(silent.format("+"))


def test_a_host_that_has_shipped_nothing_says_so(both: Both) -> None:
    said = error(both.fleet, both.path("ports", host="newcomer"), 503)
    assert said == "The host has shipped nothing yet."
    assert get(both.fleet, both.path("history", host="newcomer")) == []


@pytest.mark.parametrize("name", ["nobody", "WEB1", "'; DROP TABLE host", "x" * 5000, "\x00"])
def test_a_host_that_there_is_not_is_refused(both: Both, name: str) -> None:
    assert "No host of the fleet is called" in error(both.fleet, both.path("history", host=name))


@pytest.mark.parametrize("path", [*PATHS, "health", "findings", "notes", "verdicts"])
def test_without_a_fleet_no_host_can_be_named(both: Both, path: str) -> None:
    said = error(both.own, both.path(path, host="web1"))
    assert said == "host: This dashboard shows this machine alone."


def test_verdicts_of_a_host_are_those_of_the_blocks_that_count_on_it(both: Both) -> None:
    verdicts = {
        name: {
            each["port"]: each["verdict"]
            for each in get(both.fleet, both.path("verdicts", host=name))
        }
        for name in ("web1", "web2")
    }
    assert verdicts["web1"][80] == "expected"
    assert verdicts["web2"][80] == "new"


def test_a_note_is_on_one_host(both: Both) -> None:
    with client_of(both.config, Access(TOKEN)) as client:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        (postgres,) = client.get(both.path("ports?port=5432", host="web1"), headers=headers).json()
        change = {"listener": postgres["id"], "label": "shop", "accept": True}
        refused = client.post("/api/notes", json=change, headers=headers)
        assert refused.json()["error"]["message"] == "host: No host is named."
        made = client.post("/api/notes?host=web1", json=change, headers=headers)
        assert made.status_code == 200, made.text
        assert (made.json()["host"], made.json()["label"]) == ("web1", "shop")
        here, there, all_ = (
            client.get(f"/api/notes{query}", headers=headers).json()
            for query in ("?host=web1", "?host=web2", "")
        )
    assert [each["label"] for each in here] == [each["label"] for each in all_] == ["shop"]
    assert there == []
    assert [each.host for each in alerts.read_notes(both.config.alerts_file, "web1")] == ["web1"]
    (line,) = get(both.fleet, both.path("ports.csv?port=5432", host="web1"))
    assert (line["label"], line["verdict"]) == ("shop", "accepted")
    (line,) = get(both.fleet, both.path("ports.csv?port=5432", host="web2"))
    assert (line["label"], line["verdict"]) == ("", "new")


def test_metrics_of_a_fleet_tell_the_states_of_its_hosts(both: Both) -> None:
    lines = both.fleet.get("/metrics/").text.splitlines()
    assert 'porteye_fleet_hosts{state="reporting"} 2' in lines
    assert 'porteye_fleet_hosts{state="silent"} 0' in lines
    assert 'porteye_host_reporting{host="web1"} 1' in lines
    assert 'porteye_host_reporting{host="newcomer"} 0' in lines
    assert 'porteye_host_listeners{host="web1"} 4' in lines
    assert not [line for line in lines if line.startswith("porteye_listener")]


def test_a_server_that_is_away_is_said() -> None:
    away = Config(db=Path("/nowhere/porteye.db"), fleet="host=/nowhere dbname=none user=nobody")
    with client_of(away) as client:
        said = error(client, "/api/history?host=web1", 503)
        assert said.startswith("The fleet's server cannot be asked:")
        assert json.loads(client.get("/metrics/").text)["error"]["code"] == "fleet_unreachable"
