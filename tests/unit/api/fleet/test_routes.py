"""The JSON API over many hosts: what each path answers, and which hosts it does not trust."""

import csv
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.testclient import TestClient

from porteye_core.api import create_api
from porteye_core.config import Config
from porteye_core.store.fleet.many_hosts import reader as readers
from porteye_core.store.fleet.many_hosts.fleet_records import FLEET_EVENT, FLEET_MOMENT, FLEET_PORT
from porteye_core.store.reading import EVENT, MOMENT, PORT
from porteye_core.system.clock import timestamp
from tests.kit.fleet import Fleet, fleet
from tests.kit.many_hosts import DAY, NAMES, many_hosts
from tests.kit.postgres import needs_postgres

pytestmark = needs_postgres

_NOBODY = "host=/nowhere dbname=none user=nobody"
PATHS = ("hosts", "ports", "history", "services", "exposed", "activity", "first-seen?since={since}")
FILES = tuple(
    f"{name}.{form}{'?at={since}' if name == 'moment' else ''}"
    for name in ("history", "ports", "moment")
    for form in ("csv", "json")
)


def client_of(address: str) -> TestClient:
    api = Starlette(routes=[Mount("/api", create_api(Config(fleet=address)))])
    return TestClient(api, raise_server_exceptions=False)


class Asked(NamedTuple):
    """A client of the API, the fleet, and the time at which its histories end."""

    client: TestClient
    fleet: Fleet
    now: int

    def get(self, path: str) -> Any:
        response = self.client.get(f"/api/{path}")
        assert response.status_code == 200, response.text
        return response.json()

    def path(self, path: str) -> str:
        """A path with a time at which every host was watched."""
        return path.replace("{since}", ago(self.now, 10))

    def error(self, path: str, status: int = 422) -> dict[str, str]:
        response = self.client.get(f"/api/{path}")
        assert response.status_code == status, response.text
        body: dict[str, dict[str, str]] = response.json()
        assert list(body) == ["error"]
        assert list(body["error"]) == ["code", "message", "hint"]
        return body["error"]

    def header(self, path: str) -> str:
        response = self.client.get(f"/api/{self.path(path)}")
        assert response.status_code == 200, response.text
        return response.headers.get("Uncertain-Hosts", "")


def ago(now: int, days: int) -> str:
    return quote(timestamp(now - days * DAY))


@pytest.fixture(scope="module")
def asked() -> Iterator[Asked]:
    with many_hosts() as (running, now), client_of(running.address) as client:
        yield Asked(client, running, now)


def test_hosts_are_listed_by_name_with_their_state(asked: Asked) -> None:
    found = asked.get("hosts")
    assert [each["host"] for each in found] == sorted(NAMES)
    assert {each["state"] for each in found} == {"reporting"}
    events = dict(
        asked.fleet.ask("SELECT name, count(*) FROM host JOIN event USING (host_id) GROUP BY 1")
    )
    assert {each["host"]: each["event_count"] for each in found} == events


@pytest.mark.parametrize(
    ("path", "fields", "of_a_host"),
    [
        ("ports", FLEET_PORT, PORT),
        ("ports.json", FLEET_PORT, PORT),
        ("history", FLEET_EVENT, EVENT),
        ("history.json", FLEET_EVENT, EVENT),
        ("moment.json?at={since}", FLEET_MOMENT, MOMENT),
    ],
)
def test_a_record_is_that_of_a_host_with_the_host_before_it(
    asked: Asked, path: str, fields: Any, of_a_host: Any
) -> None:
    found = asked.get(asked.path(path))
    assert len({each["host"] for each in found}) > 1
    assert {tuple(each) for each in found} == {tuple(fields)} == {("host", *of_a_host)}


@pytest.mark.parametrize("name", ["history", "ports", "moment"])
def test_a_file_of_csv_has_the_columns_and_rows_of_one_of_json(asked: Asked, name: str) -> None:
    at = f"?at={ago(asked.now, 10)}"
    text = asked.client.get(f"/api/{name}.csv{at}").text
    rows = list(csv.DictReader(io.StringIO(text)))
    records = asked.get(f"{name}.json{at}")
    assert len(rows) == len(records) > 10
    for row, record in zip(rows, records, strict=True):
        assert list(row) == [*record, "label", "note", "verdict"]
        assert (row["host"], row["id"]) == (record["host"], str(record["id"]))


_EXPECTED = """
[[expected]]
port = "1-9000"
protocol = "tcp"
label = "=low"

[[expected]]
port = "1-65535"
protocol = "udp"
hosts = ["alpha", "g*"]
"""


@pytest.mark.parametrize("name", ["history", "ports", "moment"])
def test_a_file_of_csv_has_the_rows_of_each_host_with_its_opinions(
    asked: Asked, name: str, tmp_path: Path
) -> None:
    db = tmp_path / "porteye.db"
    db.with_name("expected.toml").write_text(_EXPECTED)
    api = create_api(Config(db, fleet=asked.fleet.address))
    at = f"at={ago(asked.now, 10)}"
    with TestClient(api) as client:

        def rows(query: str) -> list[dict[str, str]]:
            answer = client.get(f"/{name}.csv?{at}&{query}")
            assert answer.status_code == 200, answer.text
            return list(csv.DictReader(io.StringIO(answer.text)))

        found = rows("")
        for host in NAMES:
            of_host = [row for row in found if row["host"] == host]
            own = [{"host": host, **row} for row in rows(f"host={host}")]
            assert sorted(of_host, key=str) == sorted(own, key=str)
            assert list(of_host[0]) == list(own[0])
    assert {row["verdict"] for row in found} >= {"expected", "new"}
    assert "'=low" in {row["label"] for row in found}


def test_a_file_without_a_row_has_its_columns(asked: Asked) -> None:
    for name in ("history", "ports", "moment"):
        query = f"process=nothing%20at%20all&at={ago(asked.now, 10)}"
        assert asked.client.get(f"/api/{name}.csv?{query}").text.startswith("host,")
        assert asked.get(f"{name}.json?{query}") == []
    assert asked.get("ports?process=nothing%20at%20all") == []


def test_a_page_of_another_origin_may_read_the_headers(asked: Asked) -> None:
    config = Config(fleet=asked.fleet.address, cors_origin="https://a.example")
    with TestClient(create_api(config)) as client:
        found = client.get("/ports", headers={"Origin": "https://a.example"})
    assert "Uncertain-Hosts" in found.headers["Access-Control-Expose-Headers"]


def test_a_file_has_a_name_with_its_hosts(asked: Asked) -> None:
    head = asked.client.head(asked.path("/api/moment.csv?host=al*,beta&at={since}"))
    assert head.status_code == 200
    assert head.content == b""
    said = head.headers["Content-Disposition"]
    assert re.fullmatch(
        r'attachment; filename="porteye-fleet-at-host-al-,beta-[\d-]+Z\.csv"', said
    ), said


def test_a_name_is_no_formula(asked: Asked) -> None:
    asked.fleet.ask("UPDATE host SET name = '=1+1' WHERE name = 'delta'")
    try:
        text = asked.client.get("/api/ports.csv?host=%3D*").text
        hosts = {row["host"] for row in csv.DictReader(io.StringIO(text))}
        assert hosts == {"'=1+1"}
        assert {each["host"] for each in asked.get("ports?host=%3D*")} == {"=1+1"}
    finally:
        asked.fleet.ask("UPDATE host SET name = 'delta' WHERE name = '=1+1'")


@pytest.mark.parametrize(
    ("host", "meant"),
    [
        ("", set(NAMES)),
        ("*", set(NAMES)),
        ("*a", set(NAMES)),
        ("ALPHA,", {"alpha"}),
        ("alpha, be*", {"alpha", "beta"}),
        ("[ab]*", {"alpha", "beta"}),
        ("?elta", {"delta"}),
    ],
)
def test_patterns_choose_hosts(asked: Asked, host: str, meant: set[str]) -> None:
    for path in ("ports", "history"):
        found = asked.get(f"{path}?host={quote(host)}&limit=10000")
        assert {each["host"] for each in found} == meant
    counted = asked.get(f"activity?host={quote(host)}&since={ago(asked.now, 60)}")
    (events,) = asked.fleet.ask(
        "SELECT count(*) FROM event JOIN host USING (host_id) WHERE name = ANY (%s)", list(meant)
    )
    assert sum(each["opened"] + each["closed"] for each in counted) == events[0]


def test_a_name_that_no_host_has_is_no_empty_answer(asked: Asked) -> None:
    for each in (*PATHS[1:], *FILES):
        path = asked.path(each)
        error = asked.error(f"{path}{'&' if '?' in path else '?'}host=alpha,nosuch*")
        assert "nosuch*" in error["message"]


def test_pages_follow_one_another_by_the_header_link(asked: Asked) -> None:
    whole = asked.get("history?limit=10000")
    found, query = [], "?limit=41"
    while query:
        response = asked.client.get(f"/api/history{query}")
        found += response.json()
        link = re.fullmatch(r'<(\?.*)>; rel="next"', response.headers.get("Link", ""))
        query = link[1] if link else ""
    assert found == whole
    assert asked.get("history.json") == whole


def test_a_page_is_limited_and_the_rest_follows_in_a_file(asked: Asked) -> None:
    response = asked.client.get("/api/history?limit=5")
    query = response.headers["Link"].partition("<")[2].partition(">")[0]
    rest = asked.get(f"history.json{query}")
    assert response.json() + rest == asked.get("history.json")


@pytest.mark.parametrize("path", ["changes.csv", "changes.json", "verdicts", "verdicts?host=a*"])
def test_what_only_a_host_tells_asks_for_its_name(asked: Asked, path: str) -> None:
    assert "host=NAME" in asked.error(path)["hint"]


def test_services_count_their_hosts(asked: Asked) -> None:
    ports = asked.get("ports")
    found = asked.get("services")
    assert sum(each["listener_count"] for each in found) == len(ports)
    for each in found:
        of = [
            port
            for port in ports
            if all(port[name] == each[name] for name in ("port", "protocol", "exposure", "title"))
        ]
        assert each["host_count"] == len({port["host"] for port in of})
        assert each["since"] == min(port["since"] for port in of)


def test_exposed_services_are_those_that_others_reach(asked: Asked) -> None:
    found = asked.get("exposed")
    assert found == asked.get("services?exposure=reachable")
    assert 0 < len(found) < len(asked.get("services"))
    assert "exposure" in asked.error("exposed?exposure=machine")["message"]


def test_ports_first_seen_have_their_first_host(asked: Asked) -> None:
    response = asked.client.get(f"/api/first-seen?since={ago(asked.now, 60)}")
    firsts = asked.fleet.ask(
        "SELECT port, protocol, h.name FROM fleet_first f JOIN host h USING (host_id)"
    )
    found = {(each["port"], each["protocol"], each["host"]) for each in response.json()}
    assert found == {first for first in firsts if first[0] < 32_768}
    assert response.headers["Ephemeral-Count"] == str(sum(port >= 32_768 for port, *_ in firsts))
    assert "since" in asked.error("first-seen")["message"]


@pytest.mark.parametrize("by", ["hour", "day"])
def test_activity_counts_every_event(asked: Asked, by: str) -> None:
    found = asked.get(f"activity?by={by}&since={ago(asked.now, 60)}")
    ((opened, closed),) = asked.fleet.ask(
        "SELECT count(*) FILTER (WHERE kind = 'opened'), count(*) FILTER (WHERE kind = 'closed')"
        " FROM event"
    )
    assert sum(each["opened"] for each in found) == opened
    assert sum(each["closed"] for each in found) == closed
    assert [each["bucket"] for each in found] == sorted({each["bucket"] for each in found})


# What is not known.


@pytest.fixture
def beta_is_silent(asked: Asked) -> Iterator[None]:
    asked.fleet.ask("UPDATE host SET received_at = received_at - 90 * beat WHERE name = 'beta'")
    yield
    asked.fleet.ask("UPDATE host SET received_at = now_us() WHERE name = 'beta'")


@pytest.mark.usefixtures("beta_is_silent")
@pytest.mark.parametrize("path", [*PATHS[1:], *FILES])
def test_a_host_whose_present_is_not_known_is_named(asked: Asked, path: str) -> None:
    of_the_past = "" if path.startswith("moment") else 'silent=("beta")'
    assert asked.header(path) == of_the_past


@pytest.mark.usefixtures("beta_is_silent")
def test_a_host_that_was_not_asked_for_is_not_named(asked: Asked) -> None:
    assert asked.header("ports?host=alpha,gamma") == ""
    assert asked.header("ports?host=alpha,b*") == 'silent=("beta")'
    assert asked.header(f"history?until={ago(asked.now, 1)}") == ""


def test_hosts_that_are_behind_or_never_shipped_are_named(asked: Asked) -> None:
    asked.fleet.ask("UPDATE host SET behind = 3 WHERE name = 'gamma'")
    asked.fleet.ask(
        "INSERT INTO host (name, role, enrolled_at)"
        """ SELECT '"Bär" ' || n, 'x' || n, 1 FROM generate_series(1, 7) n"""
    )
    try:
        assert asked.header("ports") == (
            'never-shipped=("%22B%C3%A4r%22 1" "%22B%C3%A4r%22 2" "%22B%C3%A4r%22 3"'
            ' "%22B%C3%A4r%22 4" "%22B%C3%A4r%22 5");more=2, behind=("gamma")'
        )
    finally:
        asked.fleet.ask("UPDATE host SET behind = 0 WHERE name = 'gamma'")
        asked.fleet.ask("DELETE FROM host WHERE name LIKE '%%Bär%%'")


def test_a_moment_that_a_host_did_not_watch_is_not_certain(asked: Asked) -> None:
    at = asked.now - 10 * DAY
    of = "host_id = (SELECT host_id FROM host WHERE name = 'beta')"
    asked.fleet.ask(f"UPDATE tick SET gap = 20 * {DAY} WHERE is_newest AND {of}")
    try:
        path = f"moment.json?at={quote(timestamp(at))}"
        assert asked.header(path) == 'unwatched=("beta")'
        found = asked.get(path)
        assert {each["certainty"] for each in found if each["host"] != "beta"} == {""}
        assert {each["certainty"] for each in found if each["host"] == "beta"} == {
            "open before and after the gap"
        }
    finally:
        asked.fleet.ask(f"UPDATE tick SET gap = 0 WHERE is_newest AND {of}")


def test_a_moment_that_the_fleet_does_not_keep_is_refused(asked: Asked) -> None:
    asked.fleet.ask("UPDATE setting SET kept_from = now_us() - %s", DAY)
    try:
        assert "keeps" in asked.error(asked.path("moment.json?at={since}"))["message"]
        kept = asked.client.get("/api/history?limit=1").headers["Kept-From"]
        assert kept == timestamp(asked.fleet.ask("SELECT kept_from FROM setting")[0][0])
    finally:
        asked.fleet.ask("UPDATE setting SET kept_from = 0")


# What goes wrong.


@pytest.mark.parametrize("path", [*PATHS, *FILES])
def test_a_server_that_is_away_is_said(path: str) -> None:
    with client_of(_NOBODY) as client:
        response = client.get(f"/api/{path}".replace("{since}", "2026-01-01T00:00:00Z"))
    assert response.status_code == 503
    assert response.json()["error"]["code"] == "fleet_unreachable"
    assert "cannot be reached" in response.json()["error"]["message"]


@pytest.mark.parametrize(
    "address",
    [
        "host=127.0.0.1 port=1 password=se cret",
        "postgresql://u:se cret@127.0.0.1:1/db",
        "postgresql://u:se@cret@127.0.0.1:1/db",
        "postgresql://u:se/cret@127.0.0.1:1/db",
        "cret",
    ],
)
@pytest.mark.parametrize("path", ["hosts", "history.csv"])
def test_no_part_of_a_password_is_told(address: str, path: str) -> None:
    with client_of(address) as client:
        response = client.get(f"/api/{path}")
    assert response.status_code == 503
    assert "cret" not in response.text


def test_a_fleet_without_a_host_is_not_calm() -> None:
    with fleet() as running, client_of(running.address) as client:
        assert client.get("/api/hosts").json() == []
        response = client.get("/api/ports")
        assert response.status_code == 503
        assert response.json()["error"]["message"] == "No host is enrolled."


def test_a_database_without_the_schema_is_said(asked: Asked) -> None:
    with psycopg.connect(asked.fleet.address, autocommit=True) as server:
        server.execute("CREATE DATABASE other")
    with client_of(asked.fleet.address.replace("dbname=postgres", "dbname=other")) as client:
        response = client.get("/api/hosts")
    assert response.status_code == 503
    assert response.json()["error"]["code"] == "fleet_refused"
    assert "porteye fleet init" in response.json()["error"]["hint"]


def test_a_question_that_takes_too_long_is_stopped(
    asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readers, "_BEGIN", readers._BEGIN.replace(b"'10s'", b"'1ms'"))
    error = asked.error("history?process=n&limit=10000", 503)
    assert error["code"] == "question_too_slow"


def test_so_many_answers_are_sent_at_once_and_no_more(
    asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = [readers._files.acquire(blocking=False) for _ in range(readers._MOST_FILES)]
    try:
        assert all(taken)
        assert asked.error("history.csv", 503)["code"] == "fleet_busy"
        assert asked.get("hosts")
    finally:
        for _ in taken:
            readers._files.release()
    assert asked.client.get("/api/history.csv").status_code == 200


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("history?before=x", "place of an event"),
        ("history?before=1.2", "place of an event"),
        ("history?before=1.99999999999.2", "place of an event"),
        ("history?before=9223372036854775808.1.1", "place of an event"),
        ("history?before=%D9%A1.1.1", "place of an event"),
        ("history?before=1.1.1%00", "place of an event"),
        ("history?host=a%00*", "control character"),
        ("history?host=[a", "bracket"),
        (f"history?host={'a' * 300}*", "301 characters"),
        ("history?limit=10001", "limit"),
        ("history?process=%00", "NUL"),
        ("history?port=99999", "not a port"),
        ("history?since=yesterday", "not a time"),
        ("ports?address=x", "not an address"),
        ("moment.csv", "at"),
        ("moment.csv?at=2999-01-01T00:00:00Z", "has not come yet"),
        ("activity?by=week", "no length"),
        ("activity?since=2026-02-01T00:00:00Z&until=2026-01-01T00:00:00Z", "ends before"),
    ],
)
def test_what_cannot_be_understood_is_told(asked: Asked, query: str, said: str) -> None:
    assert said in asked.error(query)["message"]


_TEXTS = some.text(max_size=30) | some.sampled_from(
    ["-9223372036854775807.2147483647.-9223372036854775807", "0.0.0", "%", "\\", "a*", "[!a]*", "*"]
)


@given(
    host=_TEXTS.map(",{}".format),
    before=_TEXTS,
    process=_TEXTS,
    user=_TEXTS,
    home=_TEXTS,
    address=_TEXTS,
)
@settings(max_examples=60, suppress_health_check=list(HealthCheck))
def test_no_text_makes_the_api_fail(asked: Asked, **texts: str) -> None:
    query = "&".join(f"{name}={quote(text, errors='replace')}" for name, text in texts.items())
    for path in ("history", "history.json", "ports"):
        response = asked.client.get(f"/api/{path}?{query}&limit=3")
        assert response.status_code in {200, 422}, response.text
        json.loads(response.text)


# The description.


def test_the_description_has_each_path_once_and_those_of_a_fleet(asked: Asked) -> None:
    described = asked.get("openapi.json")["paths"]
    for path in ("hosts", "services", "exposed", "first-seen", "activity"):
        assert f"/{path}" in described
    names = [each["name"] for each in described["/history"]["get"]["parameters"]]
    assert len(names) == len(set(names))
    assert {"host", "before", "kind"} <= set(names)
    for path in ("/ports", "/history", "/moment.csv", "/exposed", "/first-seen", "/activity"):
        headers = described[path]["get"]["responses"]["200"]["headers"]
        assert "Uncertain-Hosts" in headers
    page = asked.client.get("/api/docs").text
    assert "/api/first-seen" in page
    assert "Uncertain-Hosts" in page


def test_without_a_fleet_there_is_nothing_of_one() -> None:
    described = create_api(Config()).openapi()
    assert "/hosts" not in described["paths"]
    assert "FleetEvent" not in described["components"]["schemas"]
