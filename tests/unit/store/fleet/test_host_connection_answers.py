"""One host's page through the fleet's views: the answers of its own database, but for samples."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest

from porteye_core.exposure import Bound, Namespace, exposure
from porteye_core.reach import InterfaceKind
from porteye_core.store.file.connection import open_connection
from porteye_core.store.fleet.host_connection import HostConnection, open_host
from porteye_core.store.reading import event_counts
from tests.kit.fleet import Fleet, fleet, ship
from tests.kit.postgres import VERSIONS, is_reachable, needs_postgres
from tests.unit.store.test_engine import (
    ABSENT,
    FURTHER,
    NOTHING,
    WORD,
    db,
    is_empty,
    of_the_benchmark,
    plain,
)

__all__ = ["db"]
pytestmark = needs_postgres

# A host keeps its samples, and the finer rollups: these ask for nothing else, or show them as text.
OF_SAMPLES = {
    "what the monitor used, an hour",
    "what the monitor used, a month",
    "what each listener uses",
    "use of six hours",
    "use of a week",
    "listeners now as CSV",
    "listeners of a moment as CSV",
    "all listeners of a month",
}
# Hashes of the numbers of programs, which the fleet gives.
OF_NUMBERS = {"owners as numbers"}
MEASURED = {"cpu", "rss", "clients", "queue", "backlog"}
# What the host's retention has dropped is not dropped at the server.
OF_THE_FILE = {"health"}
FURTHER_OF_A_HOST = [name for name in FURTHER if name not in OF_SAMPLES | OF_NUMBERS]
# The counts by program, as the writer keeps them: those of the events.
_ACTIVITY = """
DELETE FROM activity; DELETE FROM pack;
INSERT INTO activity SELECT resolution, e.at - e.at % (resolution * 1000000) AS bucket, e.port,
    l.protocol, coalesce(e.program_id, l.program_id, 0) AS program, sum(e.kind = 'opened'),
    sum(e.kind = 'closed') FROM event e JOIN listener l ON l.id = e.listener_id,
    (SELECT 3600 AS resolution UNION ALL SELECT 86400)
GROUP BY resolution, bucket, e.port, l.protocol, program;
"""


@pytest.fixture(scope="module")
def own(db: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("host") / "porteye.db"
    with closing(sqlite3.connect(db)) as source, closing(sqlite3.connect(path)) as copy:
        source.backup(copy)
        copy.executescript(_ACTIVITY)
    return path


@pytest.fixture(scope="module", params=VERSIONS)
def shipped(own: Path, request: pytest.FixtureRequest) -> Iterator[Fleet]:
    """A fleet in which another host has the numbers that this one's rows have, too."""
    binaries = VERSIONS[request.param]
    if not is_reachable(binaries):
        pytest.skip(f"{binaries} is closed to the user of the server")
    with fleet(binaries) as running:
        ship(own, running.enrol("web1"))
        other = own.with_name(f"other-{request.param}.db")
        shutil.copy(own, other)
        with closing(sqlite3.connect(other)) as connection, connection:
            connection.execute("UPDATE origin SET uuid = '00000000-0000-0000-0000-000000000002'")
            connection.execute("UPDATE listener SET port = port + 1 WHERE port < 65535")
            connection.execute("UPDATE event SET port = port + 1 WHERE port < 65535")
        ship(other, running.enrol("web2"))
        with psycopg.connect(running.address, autocommit=True) as server:
            server.execute("ANALYZE")
        yield running


def alike(answer: Any, titles: dict[int, str]) -> Any:
    """An answer without what differs: numbers of programs, which the fleet gives, the order of what
    has none, and samples."""
    if isinstance(answer, dict) and set(answer) == {"columns", "rows"}:
        places = list(answer["columns"])
        rows = [dict(zip(places, row, strict=True)) for row in answer["rows"]]
        return [alike(row, titles) for row in rows]
    if isinstance(answer, dict):
        return {
            key: named(value, titles) if key in {"program", "program_id"} else alike(value, titles)
            for key, value in answer.items()
            if key not in MEASURED
        }
    if isinstance(answer, list) and any("ports" in each for each in answer if type(each) is dict):
        return [alike(each, titles) for each in sorted(answer, key=lambda each: each["name"])]
    return [alike(each, titles) for each in answer] if isinstance(answer, list) else answer


def named(number: Any, titles: dict[int, str]) -> Any:
    """The texts of a program; of a column with gaps `plain` writes the numbers as text."""
    try:
        return titles.get(int(number), number)
    except (TypeError, ValueError):
        return number


def numbered(connection: Any) -> dict[int, str]:
    rows = connection.execute('SELECT id, name, exe, "user", cmdline FROM program')
    return {row[0]: " ".join(tuple(row)[1:]) for row in rows}


def of_host(shipped: Fleet, ask: Any) -> Any:
    event_counts.forget()
    with open_host(shipped.address, 1) as connection:
        return alike(plain(ask(connection)), numbered(connection))


def of_file(own: Path, ask: Any) -> Any:
    event_counts.forget()
    with open_connection(own) as connection:
        return alike(plain(ask(connection)), numbered(connection))


def test_the_history_questions_answer_alike(own: Path, shipped: Fleet) -> None:
    questions = of_the_benchmark(own)
    expected = {name: of_file(own, ask) for name, ask in questions.items()}
    found = {name: of_host(shipped, ask) for name, ask in questions.items()}
    assert len(questions) >= 42
    assert {name for name in questions if found[name] != expected[name]} == OF_THE_FILE
    assert [name for name in questions if is_empty(expected[name])] == ["history: an absent word"]


@pytest.mark.parametrize("name", FURTHER_OF_A_HOST)
def test_a_further_question_answers_alike(own: Path, shipped: Fleet, name: str) -> None:
    assert of_host(shipped, FURTHER[name]) == of_file(own, FURTHER[name])


@pytest.mark.parametrize("name", NOTHING)
def test_nothing_is_found_alike(shipped: Fleet, name: str) -> None:
    assert of_host(shipped, NOTHING[name]) == []


def test_samples_are_not_here(shipped: Fleet) -> None:
    with open_host(shipped.address, 1) as connection:
        assert connection.execute("SELECT * FROM sample").fetchall() == []
        found = connection.execute("SELECT DISTINCT resolution FROM rollup").fetchall()
        assert [tuple(row) for row in found] == [(3600,)]


def test_the_connection_reads_one_moment_and_writes_nothing(shipped: Fleet) -> None:
    with open_host(shipped.address, 1) as connection:
        before = connection.execute("SELECT count(*) FROM event").fetchone()
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            connection.execute("DELETE FROM fleet.event")
        assert before is not None


def test_case_is_folded_as_python_does(shipped: Fleet) -> None:
    texts = [WORD, ABSENT, "Straße", "İstanbul", "ΣΊΣΥΦΟΣ", "ﬃ", "plain Text", "Ꭰ", ""]
    with open_host(shipped.address, 1) as connection:
        found = [connection.execute("SELECT casefold(?)", (each,)).fetchone() for each in texts]
    assert [row and row[0] for row in found] == [each.casefold() for each in texts]


def test_exposure_is_what_python_says(shipped: Fleet) -> None:
    places = [
        Bound(address, interface, kind, v6only, namespace)
        for address in (
            *("0.0.0.0", "::", "127.0.0.53", "::1", "10.1.2.3", "169.254.0.7", "224.0.0.9"),
            *("255.255.255.255", "fe80::1", "ff02::fb", "ff01::1", "2001:db8::1", "nonsense"),
            *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:0.0.0.0", "fe80::1%eth0"),
        )
        for interface, kind in (
            (None, None),
            ("", None),
            ("eth0", InterfaceKind.NETWORK),
            ("lo", InterfaceKind.MACHINE),
            ("br0", InterfaceKind.CONTAINERS),
            ("if7", InterfaceKind.GONE),
        )
        for v6only in (None, False, True)
        for namespace in Namespace
    ]
    with open_host(shipped.address, 1) as connection:
        found = [(each, _exposure(connection, each)) for each in places]
    assert [(each, exposure(each).value) for each in places] == found


def _exposure(connection: HostConnection, of: Bound) -> str:
    v6only = None if of.v6only is None else int(of.v6only)
    row = connection.execute(
        "SELECT exposure(?, ?, ?, ?, ?)",
        (of.address, of.interface, of.interface_kind, v6only, of.namespace),
    ).fetchone()
    assert row is not None
    return str(row[0])
