"""Label, note and verdict at the end of the files."""

import csv
import io
from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from porteye_core.api import create_api
from porteye_core.config import Config
from porteye_core.store.alerts import Note, beside, put_accept, put_words, writing
from porteye_core.system.clock import timestamp
from tests.kit.seeding import Instant

_BLOCKS = """
[[expected]]
port = 80
program = "nginx"

[[expected]]
port = 5432
label = "Database"
note = "of the shop"
"""
NGINX = '["tcp", 80, "every interface", "nginx", "www"]'
ADDED = ["label", "note", "verdict"]


@pytest.fixture
def client(seeded: Instant) -> Iterator[TestClient]:
    with TestClient(create_api(Config(db=seeded.db)), base_url="http://localhost") as opened:
        yield opened


def rows(client: TestClient, path: str) -> list[dict[str, str]]:
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    return list(csv.DictReader(io.StringIO(answer.text)))


def said(row: dict[str, str]) -> list[str]:
    return [row[name] for name in ADDED]


@pytest.mark.parametrize("path", ["/ports.csv", "/history.csv", "/moment.csv?at={at}"])
def test_each_listener_has_its_label_note_and_verdict_at_the_end(
    client: TestClient, seeded: Instant, path: str
) -> None:
    seeded.db.with_name("expected.toml").write_text(_BLOCKS)
    with writing(beside(seeded.db)) as connection:
        put_words(connection, Note(NGINX, label="=1+1", text="two\nlines", at=1))
    found = {row["port"]: row for row in rows(client, path.format(at=timestamp(seeded.now)))}
    assert list(found["80"])[-3:] == ADDED
    assert said(found["80"]) == ["'=1+1", "two\nlines", "wider"]
    assert said(found["5432"]) == ["Database", "of the shop", "expected"]
    assert said(found["8765"]) == ["", "", "new"]


def test_what_is_accepted_is_so_in_the_next_file(client: TestClient, seeded: Instant) -> None:
    seeded.db.with_name("expected.toml").write_text(_BLOCKS)
    with writing(beside(seeded.db)) as connection:
        put_accept(connection, Note(NGINX, accepted_at=1, at=1))
    (row,) = rows(client, "/ports.csv?port=80")
    assert said(row) == ["", "", "accepted"]


@pytest.mark.parametrize("name", ["ports", "history", "moment"])
def test_notes_that_cannot_be_read_are_an_error_of_csv_and_none_of_json(
    client: TestClient, seeded: Instant, name: str
) -> None:
    beside(seeded.db).write_bytes(b"no database at all" * 100)
    query = f"?at={timestamp(seeded.now).replace('+00:00', 'Z')}" if name == "moment" else ""
    answer = client.get(f"/{name}.csv{query}")
    assert answer.status_code == 503, answer.text
    assert client.get(f"/{name}.json{query}").status_code == 200


def test_without_a_file_and_notes_the_columns_are_empty(client: TestClient) -> None:
    assert [said(row) for row in rows(client, "/ports.csv")] == [["", "", ""]] * 4


def test_json_has_the_fields_that_the_api_describes_and_no_others(client: TestClient) -> None:
    described = client.get("/openapi.json").json()["components"]["schemas"]
    listed = client.get("/ports.json").json()
    assert all(not set(ADDED) & set(record) for record in listed)
    assert "Port" in str(described)
