"""Notes through the API: read by everybody who may read, changed with the token alone."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Mount
from starlette.testclient import TestClient

from porteye_core.api import Guesses, HostGuard, TokenGuard, create_api
from porteye_core.config import Config
from porteye_core.guards.access import Access
from porteye_core.judging.seen import Identity
from porteye_core.model import Protocol
from porteye_core.reach import Exposure
from porteye_core.store import alerts
from porteye_core.system.clock import timestamp
from tests.kit.seeding import Instant

TOKEN = "correct-horse-battery-staple"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
NGINX = Identity(Protocol.TCP, 80, Exposure.EVERYWHERE, "nginx", "www")
DAY = 86_400_000_000


def client_of(db: Path, access: Access) -> TestClient:
    """The API behind the guards that the dashboard has."""
    guards = [Middleware(HostGuard)]
    if access.is_guarded:
        guards.append(Middleware(TokenGuard, access, Guesses()))
    api = create_api(Config(db=db), access, Guesses())
    app = Starlette(routes=[Mount("/api", api)], middleware=guards)
    return TestClient(app, "http://localhost", raise_server_exceptions=False)


@pytest.fixture
def client(seeded: Instant) -> Iterator[TestClient]:
    with client_of(seeded.db, Access(TOKEN)) as opened:
        yield opened


def change(client: TestClient, **body: object) -> dict[str, Any]:
    response = client.post("/api/notes", json=body, headers=BEARER)
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


def notes(client: TestClient) -> list[dict[str, Any]]:
    response = client.get("/api/notes", headers=BEARER)
    assert response.status_code == 200, response.text
    found: list[dict[str, Any]] = response.json()
    return found


def refused(client: TestClient, status: int, body: object, **headers: str) -> str:
    """The code of a refusal, after which nothing is noted."""
    sent = {"Content-Type": "application/json", **BEARER, **headers}
    response = client.post("/api/notes", content=json.dumps(body), headers=sent)
    assert response.status_code == status, response.text
    assert list(response.json()["error"]) == ["code", "message", "hint"]
    assert notes(client) == []
    return str(response.json()["error"]["code"])


def test_an_identity_is_accepted_noted_and_taken_back(client: TestClient) -> None:
    assert notes(client) == []
    (nginx,) = client.get("/api/ports?port=80", headers=BEARER).json()
    said = change(client, listener=nginx["id"], accept=True, label="Shop", link="https://x.example")
    assert said["key"] == NGINX.key
    assert (said["port"], said["who"], said["exposure"]) == (80, "nginx", "every interface")
    assert (said["accepted"], said["accepted_until"]) == (True, None)
    assert said["author"] == "the API, from testclient"
    assert notes(client) == [said]

    noted = change(client, key=NGINX.key, note="Only\nfrom the VPN")
    assert (noted["label"], noted["note"]) == ("Shop", "Only\nfrom the VPN")
    assert noted["accepted"]
    assert noted["accepted_by"] == noted["words_by"] == "the API, from testclient"
    assert noted["words_at"] == noted["at"] > noted["accepted_at"]

    back = change(client, key=NGINX.key, accept=False)
    assert (back["accepted"], back["accepted_at"], back["label"]) == (False, None, "Shop")
    assert (back["accepted_by"], back["words_at"]) == ("", noted["words_at"])
    assert change(client, key=NGINX.key, label="", note="", link="")["label"] == ""
    assert notes(client) == []  # nothing is left of it


def test_an_accept_can_end_at_a_time_that_is_to_come(client: TestClient) -> None:
    now = time.time_ns() // 1000
    until = timestamp(now + DAY)
    assert change(client, key=NGINX.key, accept=True, until=until)["accepted_until"] == until
    for wrong in (timestamp(now - DAY), "soon"):
        body = {"key": NGINX.key, "accept": True, "until": wrong}
        assert client.post("/api/notes", json=body, headers=BEARER).status_code == 422
    # Accepted anew without an end, it counts for good.
    assert change(client, key=NGINX.key, accept=True)["accepted_until"] is None


def test_a_change_to_a_note_that_has_changed_meanwhile_is_refused(client: TestClient) -> None:
    first = change(client, key=NGINX.key, label="one")
    second = change(client, key=NGINX.key, label="two", at=first["at"])
    response = client.post(
        "/api/notes",
        json={"key": NGINX.key, "label": "three", "at": first["at"]},
        headers=BEARER,
    )
    assert (response.status_code, response.json()["error"]["code"]) == (409, "note_changed")
    assert notes(client) == [second]


def test_notes_are_bounded(client: TestClient, seeded: Instant) -> None:
    with alerts.writing(alerts.beside(seeded.db)) as connection:
        for number in range(10_000):
            alerts.put_words(connection, alerts.Note(f"k{number}", label="x"))
    body = {"key": NGINX.key, "label": "one too many"}
    response = client.post("/api/notes", json=body, headers=BEARER)
    assert (response.status_code, response.json()["error"]["code"]) == (409, "too_many_notes")
    # Keys of another version are shown as they are.
    assert notes(client)[0]["who"] == ""


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ([], 400, "bad_request"),
        ({}, 422, "invalid_parameter"),
        ({"key": NGINX.key, "listener": 1}, 422, "invalid_parameter"),
        ({"key": "[]", "label": "x"}, 422, "invalid_parameter"),
        ({"key": NGINX.key.replace("80", "65536"), "label": "x"}, 422, "invalid_parameter"),
        (
            {"key": '["tcp", 1, "every interface", "\\ud800", ""]', "label": "x"},
            422,
            "invalid_parameter",
        ),
        ({"key": '{"a": 1}', "label": "x"}, 422, "invalid_parameter"),
        ({"key": "[" * 3000, "label": "x"}, 422, "invalid_parameter"),
        ({"key": NGINX.key, "label": 7}, 422, "invalid_parameter"),
        ({"key": NGINX.key, "label": "\ud800"}, 400, "bad_request"),
        ({"\udc00": "x"}, 400, "bad_request"),
        ({"\x1b[31m": "x"}, 422, "invalid_parameter"),
        ({"key": NGINX.key, "label": "x" * 61}, 422, "invalid_parameter"),
        ({"key": NGINX.key, "link": "javascript:alert(1)"}, 422, "invalid_parameter"),
        ({"key": NGINX.key, "until": "2099-01-01T00:00:00Z"}, 422, "invalid_parameter"),
        ({"key": NGINX.key, "accept": "yes"}, 422, "invalid_parameter"),
        ({"key": NGINX.key, "author": "root", "label": "x"}, 422, "invalid_parameter"),
        ({"listener": 999_999, "label": "x"}, 404, "no_listener"),
        ({"listener": 2**63, "label": "x"}, 422, "invalid_parameter"),
        ({"key": NGINX.key, "note": "x" * 20_000}, 413, "body_too_large"),
        ({"key": NGINX.key, "label": "x", "at": timestamp(0)}, 409, "note_changed"),
    ],
)
def test_a_body_that_cannot_be_used_changes_nothing(
    client: TestClient, body: object, status: int, code: str
) -> None:
    assert refused(client, status, body) == code


@pytest.mark.parametrize(
    ("raw", "kind", "status"),
    [
        (b"{", "application/json", 400),
        (b"\xff", "application/json", 400),
        (b"", "application/json", 400),
        (b"[" * 10_000, "application/json", 400),
        (b'{"key": "x"}', "text/plain", 415),
        (b"key=x&label=y", "application/x-www-form-urlencoded", 415),
        (b'{"key": "x"}', "", 415),
    ],
)
def test_what_is_no_json_is_refused(client: TestClient, raw: bytes, kind: str, status: int) -> None:
    headers = {**BEARER, "Content-Type": kind} if kind else BEARER
    response = client.post("/api/notes", content=raw, headers=headers)
    assert response.status_code == status, response.text
    assert notes(client) == []


def test_only_the_token_itself_may_change_anything(seeded: Instant, client: TestClient) -> None:
    access = Access(TOKEN)
    name, value = access.cookie
    body = {"key": NGINX.key, "accept": True}
    for headers in (
        {},
        {"Authorization": "Bearer wrong-horse-battery-staple"},
        {"Cookie": f"{name}={value}"},
        {"Cookie": f"{name}={value}", "Authorization": "Bearer wrong-horse-battery-staple"},
        {"Cookie": f"{name}={value}", "Authorization": TOKEN},
    ):
        response = client.post("/api/notes", json=body, headers=headers)
        assert response.status_code == 401, headers
        assert response.json()["error"]["code"] == "token_required"
    ticket = access.tickets.query("notes", {})
    assert client.post(f"/api/notes?{ticket}", json=body).status_code in (401, 403)
    assert client.post(f"/api/notes?token={TOKEN}", json=body).status_code == 401
    assert notes(client) == []
    # The cookie is enough to read.
    assert client.get("/api/notes", headers={"Cookie": f"{name}={value}"}).status_code == 200


def test_another_page_may_change_nothing_even_with_the_token(client: TestClient) -> None:
    body = {"key": NGINX.key, "accept": True}
    assert refused(client, 403, body, Origin="https://other.example") == "origin_refused"
    assert refused(client, 400, body, Host="other.example") == "host_refused"
    assert client.options(
        "/api/notes", headers={"Origin": "https://other.example"}
    ).status_code in (
        401,
        405,
    )


@pytest.mark.parametrize("access", [Access(), Access(login=True)])
def test_without_a_token_nothing_is_changed(seeded: Instant, access: Access) -> None:
    with client_of(seeded.db, access) as client:
        response = client.post("/api/notes", json={"key": NGINX.key, "accept": True})
        assert response.status_code == (401 if access.login else 403)
        assert "PORTEYE_TOKEN" in json.dumps(response.json())
    assert not alerts.beside(seeded.db).exists()


def test_a_database_that_cannot_be_written_is_said(client: TestClient, seeded: Instant) -> None:
    alerts.beside(seeded.db).write_bytes(b"this is no database" * 100)
    response = client.post("/api/notes", json={"key": NGINX.key, "label": "x"}, headers=BEARER)
    assert response.status_code == 503
    assert client.get("/api/notes", headers=BEARER).status_code == 503
