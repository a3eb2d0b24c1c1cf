"""Verdicts of the API are those of `porteye check`."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.testclient import TestClient

from porteye_core.api import create_api
from porteye_core.config import Config
from porteye_core.judging import expected_file
from porteye_core.judging.seen import Identity
from porteye_core.model import Protocol
from porteye_core.reach import Exposure
from porteye_core.store.alerts import Note
from porteye_core.store.writing.startup import open_writer
from porteye_core.system.clock import timestamp
from tests.kit.accepts import note
from tests.kit.command import Command
from tests.kit.seeding import MINUTE, PLAN, Instant, seed
from tests.kit.values import HOST

EXPECTED = """
[[expected]]
port = 5432
program = "postgres"
label = "Database"

[[expected]]
port = 22
always = true
"""


@pytest.fixture(autouse=True)
def _no_file_of_the_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expected_file, "OF_SYSTEM", tmp_path / "absent.toml")
    for name in ("PORTEYE_EXPECTED", "PORTEYE_ALERTS_DB"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def client(db: Path) -> Iterator[TestClient]:
    api = Starlette(routes=[Mount("/api", create_api(Config(db=db)))])
    with TestClient(api, raise_server_exceptions=False) as opened:
        yield opened


def write(db: Path, text: str = EXPECTED) -> Path:
    file = db.with_name("expected.toml")
    file.write_text(text)
    return file


def verdicts(client: TestClient, query: str = "") -> list[dict[str, Any]]:
    response = client.get(f"/api/verdicts{query}")
    assert response.status_code == 200, response.text
    found: list[dict[str, Any]] = response.json()
    return found


def error(client: TestClient, status: int, query: str = "") -> str:
    response = client.get(f"/api/verdicts{query}")
    assert response.status_code == status, response.text
    return str(response.json()["error"]["code"])


def test_they_are_what_check_says_with_the_moment(
    seeded: Instant, client: TestClient, capsys: pytest.CaptureFixture[str]
) -> None:
    write(seeded.db)
    found = verdicts(client)
    checked = json.loads(Command(seeded.db, capsys)("check", "--json").out)
    assert [{**each, "at": None} for each in found] == [{**each, "at": None} for each in checked]
    assert [each["verdict"] for each in found] == ["new", "new", "new", "missing", "expected"]
    assert {each["at"] for each in found} == {found[0]["at"]}
    assert found[0]["at"].endswith("+00:00")
    assert found[-1]["label"] == "Database"


def test_a_moment_before_is_judged_by_what_was_open_then(
    seeded: Instant, client: TestClient
) -> None:
    write(seeded.db)
    at = timestamp(seeded.now - 15 * MINUTE).replace("+00:00", "Z")
    found = verdicts(client, f"?at={at}")
    assert 8765 not in {each["port"] for each in found}
    assert {each["at"] for each in found} == {timestamp(seeded.now - 15 * MINUTE)}
    assert error(client, 422, "?at=2030-01-01T00:00:00Z") == "invalid_parameter"
    assert error(client, 422, "?at=2020-01-01T00:00:00Z") == "invalid_parameter"


def test_what_people_accept_is_expected(seeded: Instant, client: TestClient) -> None:
    write(seeded.db)
    nginx = Identity(Protocol.TCP, 80, Exposure.EVERYWHERE, "nginx", "www")
    note(seeded.db, Note(nginx.key, accepted_at=1, author="ann", at=1))
    (found,) = [each for each in verdicts(client) if each["port"] == 80]
    assert (found["verdict"], found["why"]) == ("expected", "accepted")


def test_they_have_the_words_of_a_note_else_those_of_the_block(
    seeded: Instant, client: TestClient, capsys: pytest.CaptureFixture[str]
) -> None:
    write(seeded.db)
    nginx = Identity(Protocol.TCP, 80, Exposure.EVERYWHERE, "nginx", "www")
    note(seeded.db, Note(nginx.key, "Shop", "of ann", "https://wiki.example", author="ann", at=1))
    checked = json.loads(Command(seeded.db, capsys)("check", "--json").out)
    for found in (verdicts(client), checked):
        words = {each["port"]: (each["label"], each["note"], each["link"]) for each in found}
        assert words[80] == ("Shop", "of ann", "https://wiki.example")
        assert words[5432][0] == "Database"
        assert words[8765] == (None, None, None)


def test_accepts_that_cannot_be_read_are_no_accepts_that_nobody_made(seeded: Instant) -> None:
    write(seeded.db)
    config = Config(db=seeded.db, alerts_db=seeded.db.with_name("a" * 300))
    api = Starlette(routes=[Mount("/api", create_api(config))])
    with TestClient(api, raise_server_exceptions=False) as client:
        assert error(client, 503) == "database_unreadable"
        assert client.get("/api/notes").status_code == 503


def test_without_a_file_there_is_a_hint_and_a_wrong_one_says_its_line(
    seeded: Instant, client: TestClient
) -> None:
    assert error(client, 404) == "no_expected_ports"
    write(seeded.db, "[[expected]]\nport = 0\n")
    assert error(client, 503) == "expected_ports_unreadable"
    write(seeded.db)
    assert verdicts(client)
    # The last good file stays in force.
    write(seeded.db, "nonsense = 1\n")
    assert verdicts(client)


def test_nothing_old_is_passed_off_as_current(abandoned: Instant, client: TestClient) -> None:
    write(abandoned.db)
    assert error(client, 503) == "monitor_stopped"
    assert verdicts(client, f"?at={timestamp(abandoned.now - MINUTE).replace('+00:00', 'Z')}")


def test_a_moment_at_which_nobody_watched_is_not_judged(db: Path, client: TestClient) -> None:
    write(db)
    now = time.time_ns() // 1000
    with open_writer(db, HOST, now - 120 * MINUTE) as writer:
        seed(writer, now - 30 * MINUTE)
    with open_writer(db, HOST, now - 5 * MINUTE) as writer:
        writer.begin_watch(now - 5 * MINUTE, PLAN)
        at = timestamp(now - 10 * MINUTE).replace("+00:00", "Z")
        assert error(client, 503, f"?at={at}") == "not_watched"
