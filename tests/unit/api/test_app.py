"""The JSON API.

Every success is an array of flat objects, or one object for /health. Every error is

    {"error": {"code": <snake_case word>, "message": <sentence>, "hint": <sentence or empty>}}

with 422 for a parameter, 404 for a path, 405 for a method, 503 where nothing current can be said.
"""

import csv
import io
import re
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.testclient import TestClient

from porteye_core.api import create_api, shapes
from porteye_core.config import Config, monitor_command
from porteye_core.model import Tick
from porteye_core.restarts import Restart, Restarts
from porteye_core.store.alerts import beside
from porteye_core.store.file import authorizer
from porteye_core.store.file.lock import WriterLock
from porteye_core.store.reading import Form, Reader
from porteye_core.store.writing.writer import Writer
from porteye_core.system.clock import timestamp
from tests.kit.alerts import fill
from tests.kit.seeding import MINUTE, Instant, grow


def client_of(config: Config) -> TestClient:
    api = Starlette(routes=[Mount("/api", create_api(config))])
    return TestClient(api, raise_server_exceptions=False)


@pytest.fixture
def client(seeded: Instant) -> Iterator[TestClient]:
    with client_of(Config(db=seeded.db)) as opened:
        yield opened


def get(client: TestClient, path: str) -> Any:
    response = client.get(path)
    assert response.status_code == 200, response.text
    return response.json()


def error(client: TestClient, path: str, status: int, method: str = "GET") -> dict[str, str]:
    response = client.request(method, path)
    assert response.status_code == status, response.text
    body: dict[str, dict[str, str]] = response.json()
    assert list(body) == ["error"]
    assert list(body["error"]) == ["code", "message", "hint"]
    return body["error"]


def test_ports_have_the_fields_of_the_first_porteye(client: TestClient) -> None:
    (nginx,) = get(client, "/api/ports?port=80")
    assert nginx["port"] == 80
    assert nginx["process"] == "nginx"
    assert nginx["cmdline"] == "nginx -g daemon"
    assert nginx["cpu_percent"] == 1.5
    assert nginx["memory_percent"] == 5.0
    assert nginx["clients"] == 7
    assert nginx["since_seen"] == "gap"


def test_history_has_the_fields_of_the_first_porteye(client: TestClient) -> None:
    newest, before = get(client, "/api/history?process=PYTHON&limit=2")
    assert (newest["status"], before["status"]) == ("opened", "closed")
    assert newest["id"] > before["id"]
    assert newest["port"] == 8765
    assert newest["process"] == "python3"
    assert newest["timestamp"].endswith("+00:00")
    assert newest["listener"] != before["listener"]


def test_ports_are_bounded_by_the_time_at_which_they_opened(
    client: TestClient, seeded: Instant
) -> None:
    minute_ago = timestamp(seeded.now - 60_000_000).replace("+", "%2B")
    assert [each["port"] for each in get(client, f"/api/ports?since={minute_ago}")] == [8765]
    assert len(get(client, f"/api/ports?until={minute_ago}")) == 3
    assert error(client, "/api/ports?since=garbage", 422)["message"].startswith("since:")


def test_head_is_answered_wherever_get_is(client: TestClient) -> None:
    assert client.head("/api/ports").status_code == 200
    assert client.head("/api/nope").status_code == 404


def test_a_form_that_was_left_empty_asks_for_everything(client: TestClient) -> None:
    assert len(get(client, "/api/ports?port=&process=")) == 4
    assert len(get(client, "/api/history?limit=&port=&process=&since=&protocol=")) == 6


def test_filters_work_together(client: TestClient, seeded: Instant) -> None:
    assert get(client, "/api/ports?port=50-60,80&protocol=udp")[0]["port"] == 53
    assert get(client, "/api/history?port=8765&until=2001-01-01T00:00:00Z") == []
    assert len(get(client, "/api/history?since=2001-01-01T00:00:00%2B02:00")) == 6


def test_listeners_and_events_are_filtered_by_reach_user_unit_and_address(
    client: TestClient,
) -> None:
    def ports(path: str) -> list[int]:
        return [each["port"] for each in get(client, path)]

    assert ports("/api/ports?exposure=reachable") == [80]
    assert ports("/api/ports?exposure=machine,containers") == ports("/api/ports?exposure=local")
    assert ports("/api/ports?exposure=local") == [53, 5432, 8765]
    assert ports("/api/ports?address=[::1]") == [53]
    assert ports("/api/ports?user=www") == [80, 5432, 8765]
    assert ports("/api/ports?home=docker") == []
    assert ports("/api/history?kind=closed") == [8765]
    assert ports("/api/history?user=www&exposure=local&kind=opened") == [8765, 8765, 5432]
    exported = client.get("/api/history.csv?address=0.0.0.0&exposure=reachable").text
    assert len(exported.splitlines()) == 2


def test_a_page_of_history_leads_on_with_its_filters(client: TestClient) -> None:
    path = "/api/history?exposure=local&kind=opened&limit=2"
    assert "exposure=local&kind=opened" in client.get(path).headers["Link"]


def test_an_owner_that_is_not_known_is_empty_and_null(client: TestClient) -> None:
    (dns,) = get(client, "/api/ports?port=53")
    assert dns["process"] == ""
    assert dns["pid"] is None
    assert dns["cpu_percent"] is None


def test_the_csv_has_what_the_history_has(client: TestClient) -> None:
    response = client.get("/api/history.csv?process=python&limit=1")
    assert response.headers["content-type"].startswith("text/csv")
    disposition = response.headers["content-disposition"]
    assert re.fullmatch(
        r'attachment; filename="porteye-history-python-to-\d{4}-\d\d-\d\d\.csv"', disposition
    )
    lines = list(csv.DictReader(io.StringIO(response.text)))
    events = get(client, "/api/history?process=python")
    assert [int(line["id"]) for line in lines] == [each["id"] for each in events]
    assert [line["timestamp"] for line in lines] == [each["timestamp"] for each in events]


def test_the_json_file_has_all_that_the_history_has(client: TestClient) -> None:
    response = client.get("/api/history.json?limit=1")
    assert response.headers["content-disposition"].endswith('.json"')
    events = get(client, "/api/history")
    assert response.json() == events
    assert len(events) == 6
    older = client.get(f"/api/history.json?before={events[1]['id']}").json()
    assert older == events[2:]
    lines = client.get(f"/api/history.csv?before={events[1]['id']}").text.splitlines()
    assert len(lines) == 1 + len(older)


def test_pages_follow_each_other_to_the_end(client: TestClient) -> None:
    response = client.get("/api/history?limit=4&protocol=tcp")
    newest, pages = response.json(), 1
    while "next" in response.links:
        response = client.get(f"/api/history{response.links['next']['url']}")
        newest += response.json()
        pages += 1
    assert newest == get(client, "/api/history?protocol=tcp")
    assert pages == 2
    assert get(client, "/api/history?before=1") == []
    assert get(client, "/api/history?before=") == get(client, "/api/history")
    assert error(client, "/api/history?before=0", 422)["code"] == "invalid_parameter"
    assert error(client, "/api/history?before=99999999999999999999", 422)


def test_health_says_who_watches_and_with_which_limits(client: TestClient) -> None:
    health = get(client, "/api/health")
    assert health["status"] == "watching"
    assert health["source"] == "portable"
    assert health["limits"][0]["name"] == "polled"
    assert health["hidden"] == 1


def test_health_says_who_judges_and_what_was_not_delivered(
    client: TestClient, seeded: Instant
) -> None:
    names = ("alerts", "alerts_waiting", "alerts_failed")
    health = get(client, "/api/health")
    assert [health[name] for name in names] == [None, None, None]
    fill(beside(seeded.db), seeded.now)
    with WriterLock(beside(seeded.db), seeded.now):
        health = get(client, "/api/health")
    assert [health[name] for name in names] == ["judging", 1, 0]
    beside(seeded.db).write_bytes(b"no database at all")
    health = get(client, "/api/health")
    assert [health[name] for name in names] == ["stopped", None, None]


def test_health_says_how_long_namespaces_were_left_out(
    db: Path, writer: Writer, tick: Tick
) -> None:
    writer.record_tick(replace(tick, left_out=3, left_out_us=21_500_000), [])
    health = get(client_of(Config(db=db)), "/api/health")
    (limit,) = (each for each in health["limits"] if each["name"] == "left_out")
    assert limit["text"].endswith("The longest wait is 22 s.")
    assert health["left_out"] == 3


@pytest.mark.parametrize(
    "query",
    [
        *("limit=abc", "limit=0", "limit=10001", "limit=1e99", "limit=-1"),
        *("port=70000", "port=x", "port=90-80", "protocol=sctp", "process=%00"),
        *("since=yesterday", "until=2026-01-31T03:10:00", f"process={'x' * 300}"),
    ],
)
def test_a_value_that_cannot_be_used_is_422_and_names_its_parameter(
    client: TestClient, query: str
) -> None:
    found = error(client, f"/api/history?{query}", 422)
    assert found["code"] == "invalid_parameter"
    assert found["message"].startswith(query.split("=", maxsplit=1)[0] + ":")


def test_an_unknown_path_is_404_and_a_wrong_method_405(client: TestClient) -> None:
    assert error(client, "/api/nope", 404)["code"] == "not_found"
    for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"):
        assert error(client, "/api/ports", 405, method)["code"] == "method_not_allowed"


def test_without_a_monitor_nothing_old_is_passed_off_as_current(abandoned: Instant) -> None:
    with client_of(Config(db=abandoned.db)) as client:
        found = error(client, "/api/ports", 503)
        assert found["code"] == "monitor_stopped"
        assert monitor_command(abandoned.db) in found["hint"]
        assert len(get(client, "/api/history")) == 6
        assert get(client, "/api/health")["status"] == "stopped"


def test_without_a_database_there_is_a_hint(tmp_path: Path) -> None:
    with client_of(Config(db=tmp_path / "absent.db")) as client:
        for path in ("/api/ports", "/api/history", "/api/history.csv"):
            assert error(client, path, 503)["code"] == "no_database"
        assert get(client, "/api/health")["status"] == "never"


def test_a_database_that_is_older_or_none_is_503(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "old.db")) as made:
        made.execute("CREATE TABLE something (x)")
    (tmp_path / "diary.db").write_text("dear diary\n" * 1000)
    for name, code in (("old.db", "older_schema"), ("diary.db", "database_unreadable")):
        with client_of(Config(db=tmp_path / name)) as client:
            assert error(client, "/api/ports", 503)["code"] == code
            assert error(client, "/api/health", 503)["code"] == code


def test_a_question_that_takes_too_long_is_503(
    client: TestClient, seeded: Instant, monkeypatch: pytest.MonkeyPatch
) -> None:
    grow(seeded.db, 5_000)
    monkeypatch.setattr(authorizer, "MAX_QUERY_TIME", -1.0)
    found = error(client, "/api/history.csv?process=python&protocol=udp", 503)
    assert found["code"] == "question_too_slow"
    assert "Narrow it" in found["hint"]


def without_time(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers, without the second of the request in the name of the file."""
    return {name: re.sub(r"-\d{6}Z", "", value) for name, value in headers.items()}


@pytest.mark.parametrize("form", Form)
@pytest.mark.parametrize(
    ("path", "what"),
    [
        ("history", "export_history"),
        ("ports", "export_now"),
        ("moment", "export_at"),
        ("changes", "export_changes"),
    ],
)
def test_head_on_an_export_has_its_headers_and_makes_none_of_it(
    seeded: Instant, monkeypatch: pytest.MonkeyPatch, path: str, what: str, form: Form
) -> None:
    made: list[str] = []
    export = getattr(Reader, what)

    def counted(reader: Reader, *asked: Any, **more: bool) -> Iterator[str]:
        for piece in export(reader, *asked, **more):
            made.append(piece)
            yield piece

    monkeypatch.setattr(Reader, what, counted)
    address = f"/api/{path}.{form}?{moments(seeded)}"
    with client_of(Config(db=seeded.db)) as counting:
        head = counting.head(address)
        of_head = len(made)
        whole = counting.get(address)
    assert (head.status_code, head.content) == (200, b"")
    assert without_time(head.headers) == without_time(whole.headers)
    assert of_head == 0
    assert made


def moments(seeded: Instant) -> str:
    """Two moments of the seeded hour, half an hour apart."""
    pair = {"at": seeded.now - 31 * MINUTE, "versus": seeded.now - MINUTE}
    return urlencode({name: timestamp(at) for name, at in pair.items()})


def test_head_of_a_database_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with client_of(Config(db=tmp_path / "none.db")) as client:
        assert client.head("/api/history.csv").status_code == 503


def test_what_listens_now_is_a_file_with_the_fields_of_ports(client: TestClient) -> None:
    answer = client.get("/api/ports.csv?process=nginx")
    (line,) = csv.DictReader(io.StringIO(answer.text))
    (record,) = get(client, "/api/ports?process=nginx")
    assert list(line) == [*record, "label", "note", "verdict"]
    assert (line["port"], line["service"], line["exposure"]) == ("80", "http", "every interface")
    assert re.search(
        r'"porteye-now-nginx-[-\d]{15,17}Z\.csv"', answer.headers["Content-Disposition"]
    )
    assert get(client, "/api/ports.json?process=nginx")[0]["id"] == record["id"]


def test_what_listens_now_is_no_file_while_nobody_watches(abandoned: Instant) -> None:
    with client_of(Config(db=abandoned.db)) as client:
        assert error(client, "/api/ports.csv", 503)["code"] == "monitor_stopped"


def test_a_moment_and_what_changed_since_are_files(client: TestClient, seeded: Instant) -> None:
    then = get(client, f"/api/moment.json?{moments(seeded)}")
    assert [each["port"] for each in then] == [53, 80, 5432]
    assert {each["at"] for each in then} == {timestamp(seeded.now - 31 * MINUTE)}
    assert get(client, f"/api/moment.json?port=80&{moments(seeded)}")[0]["process"] == "nginx"
    (brief,) = get(client, f"/api/changes.json?{moments(seeded)}")
    assert (brief["change"], brief["openings"]) == ("opened and closed", "1 opening of 10 min")
    assert (brief["title"], brief["pid"], brief["hidden"]) == ("http.server (python)", None, "")
    then = seeded.now - 25 * MINUTE
    said = urlencode({"at": timestamp(seeded.now - MINUTE), "versus": timestamp(then)})
    answer = client.get(f"/api/changes.csv?{said}")
    (closed,) = csv.DictReader(io.StringIO(answer.text))
    assert (closed["change"], closed["port"], closed["pid"]) == ("closed", "8765", "300")
    assert (closed["was"], closed["is"]) == ("http.server (python), pid 300, www", "")
    assert (closed["exposure_was"], closed["exposure_is"]) == ("this machine only", "")
    assert closed["at"] == timestamp(then)
    assert '"porteye-changes-' in answer.headers["Content-Disposition"]


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("moment.csv?at=", "at: No time is given."),
        ("moment.csv?at=2999-01-01T00:00:00Z", "has not come yet"),
        ("moment.csv?at=1999-01-01T00:00:00Z", "Nobody watched yet"),
        ("changes.json?at=1999-01-01T00:00:00Z&versus=2000-01-01T00:00:00Z", "Nobody watched yet"),
        ("changes.json?at=1999-01-01T00:00:00Z&versus=yesterday", "versus"),
        ("moment.csv", "at"),
    ],
)
def test_a_moment_of_which_nothing_can_be_known_is_refused(
    client: TestClient, path: str, said: str
) -> None:
    assert said in error(client, f"/api/{path}", 422)["message"]


def test_health_says_when_the_dashboard_starts_another_monitor(abandoned: Instant) -> None:
    restarts = Restarts(count=2)
    api = create_api(Config(db=abandoned.db), restarts=restarts)
    with TestClient(api) as client:
        health = get(client, "/health")
        assert (health["restarts"], health["next_start"], health["last_end"]) == (2, None, None)
        restarts.pending = Restart("It was killed.", 1, abandoned.now)
        health = get(client, "/health")
        assert health["next_start"] == timestamp(abandoned.now)
        assert health["last_end"] == "It was killed."


def test_head_answers_as_get_does_without_a_body(client: TestClient) -> None:
    for path in ("ports", "history", "health", "docs", "nope", "history.csv?limit=x"):
        head, whole = client.head(f"/api/{path}"), client.get(f"/api/{path}")
        assert (head.status_code, head.content) == (whole.status_code, b"")
        assert head.headers["Content-Type"] == whole.headers["Content-Type"]


def test_what_fails_inside_says_nothing_of_the_inside(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("porteye_core.store.reading.json_records.event", lambda row: 1 / 0)
    found = error(client, "/api/history", 500)
    assert found["code"] == "internal_error"
    assert "zero" not in str(found)


def test_no_origin_may_read_unless_one_is_configured(seeded: Instant, client: TestClient) -> None:
    asked = {"Origin": "https://other.example"}
    assert "access-control-allow-origin" not in client.get("/api/ports", headers=asked).headers
    config = Config(db=seeded.db, cors_origin="https://other.example")
    with client_of(config) as open_client:
        headers = open_client.get("/api/ports", headers=asked).headers
        assert headers["access-control-allow-origin"] == "https://other.example"


def test_the_description_names_every_path_and_the_page_needs_no_network(
    client: TestClient,
) -> None:
    paths = set(get(client, "/api/openapi.json")["paths"])
    files = {
        f"/{name}.{form}"
        for name in ("history", "ports", "moment", "changes")
        for form in ("csv", "json")
    }
    records = {"/ports", "/history", "/health", "/verdicts", "/findings", "/notes"}
    assert paths == {*records, *files}
    page = client.get("/api/docs")
    assert page.status_code == 200
    for path in paths:
        assert f"GET /api{path}" in page.text
    assert "POST /api/notes" in page.text
    assert "cpu_percent" in page.text
    assert "<script" not in page.text
    assert "https://" not in page.text


def test_the_answers_have_the_shape_that_is_described(client: TestClient) -> None:
    for row in get(client, "/api/ports"):
        assert shapes.PORT_SHAPE(**row).model_dump() == row
    for row in get(client, "/api/history"):
        assert shapes.EVENT_SHAPE(**row).model_dump() == row
    health = get(client, "/api/health")
    assert shapes.Health(**health).model_dump() == health
