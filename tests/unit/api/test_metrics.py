"""/metrics as a scraper asks for it: forms, compression, guards and failures."""

import gzip
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Route
from starlette.testclient import TestClient

from porteye_core.api import Guesses, HostGuard, TokenGuard, create_metrics
from porteye_core.guards.access import Access
from porteye_core.metrics.exposition import Form
from tests.kit.old_database import old_database
from tests.kit.prometheus import parsed
from tests.kit.seeding import Instant

TOKEN = "correct-horse-battery-staple"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
BROWSER = {"Accept": "text/html,*/*;q=0.8"}
NEWEST = "application/openmetrics-text;version=1.0.0"
PLAIN = {"Accept-Encoding": "identity"}


def client_of(db: Path, access: Access | None = None) -> TestClient:
    guesses = Guesses()
    guards = [Middleware(TokenGuard, access, guesses)] if access and access.token else []
    app = Starlette(
        routes=[Route("/metrics", create_metrics(db, access, guesses))],
        middleware=[Middleware(HostGuard), *guards],
    )
    return TestClient(app, base_url="http://localhost:8501", follow_redirects=False)


@pytest.fixture
def client(seeded: Instant) -> Iterator[TestClient]:
    with client_of(seeded.db) as opened:
        yield opened


def test_the_form_is_negotiated_and_each_is_read_by_its_parser(client: TestClient) -> None:
    newest = client.get("/metrics", headers={"Accept": NEWEST})
    assert newest.headers["Content-Type"] == f"{NEWEST.replace(';', '; ')}; charset=utf-8"
    older = client.get("/metrics")
    assert older.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    of_newest = parsed(newest.text, Form.OPEN_METRICS)
    of_older = parsed(older.text, Form.TEXT)
    assert [len(each.samples) for each in of_newest] == [len(each.samples) for each in of_older]
    assert len(of_newest) > 10
    assert all(each.documentation for each in of_newest)
    for answer in (newest, older):
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Vary"] == "Accept, Accept-Encoding"


def test_it_is_compressed_for_whoever_asks(client: TestClient) -> None:
    plain = client.get("/metrics", headers=PLAIN)
    assert "Content-Encoding" not in plain.headers
    with client.stream("GET", "/metrics", headers={"Accept-Encoding": "gzip"}) as packed:
        assert packed.headers["Content-Encoding"] == "gzip"
        raw = b"".join(packed.iter_raw())
    assert int(packed.headers["Content-Length"]) == len(raw) < len(plain.content)
    assert b'port="8765"' in gzip.decompress(raw)


def test_head_has_the_headers_alone_and_other_methods_are_refused(client: TestClient) -> None:
    head = client.head("/metrics")
    assert (head.status_code, head.content) == (200, b"")
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        refused = client.request(method, "/metrics")
        assert (refused.status_code, refused.headers["Allow"]) == (405, "GET, HEAD")
        assert refused.json()["error"]["code"] == "method_not_allowed"


@pytest.mark.parametrize("access", [Access(TOKEN), Access(TOKEN, login=True), Access(login=True)])
def test_nothing_is_told_without_the_token(seeded: Instant, access: Access) -> None:
    with client_of(seeded.db, access) as client:
        for path in ("/metrics", "/metrics?x=1", f"/metrics?token={TOKEN}"):
            for headers in (PLAIN, BROWSER, {"Authorization": "Bearer wrong"}):
                refused = client.get(path, headers=headers)
                assert refused.status_code == 401
                # A scraper gets an error, never the form of a page.
                assert refused.json()["error"]["code"] == "token_required"
                assert "porteye_" not in refused.text
        allowed = client.get("/metrics", headers=BEARER)
        assert allowed.status_code == (200 if access.token else 401)


def test_another_machines_name_is_refused(client: TestClient) -> None:
    refused = client.get("/metrics", headers={"Host": "evil.example"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "host_refused")


def test_a_database_that_cannot_be_read_fails_the_scrape(db: Path) -> None:
    old_database(db, 3)
    with client_of(db) as client:
        failed = client.get("/metrics", headers=BROWSER)
    assert failed.status_code == 503
    assert failed.json()["error"]["code"] == "older_schema"


def test_without_a_database_the_monitor_is_down(db: Path) -> None:
    with client_of(db) as client:
        answer = client.get("/metrics")
    assert answer.status_code == 200
    assert "\nporteye_up 0\n" in answer.text
    assert "porteye_listeners" not in answer.text
