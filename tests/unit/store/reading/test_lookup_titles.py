"""Titles in everything that is read of the database, and found by whatever is shown."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from porteye_core.model import Filters, Precision, Process, ProcessKey, Program
from porteye_core.programs import title
from porteye_core.store.file.connection import open_connection
from porteye_core.store.reading import Form, MomentCoverage, Reader, open_reader
from porteye_core.store.reading.compared_rows import compared_rows
from porteye_core.store.reading.differences import differences
from porteye_core.store.reading.listener_rows import process_condition
from porteye_core.store.writing.writer import Closing, Opening, Writer
from tests.kit.timelines import timeline_of
from tests.kit.values import SECOND, endpoint, owned

NODE, PYTHON = "/usr/bin/node", "/usr/bin/python3.11"
PROGRAMS = (
    Program("node", NODE, "web", "node /srv/shop/server.js --port 3000"),
    Program("python3", PYTHON, "web", "python3 manage.py runserver"),
    Program("gunicorn", PYTHON, "web", "/usr/bin/python3 /usr/bin/gunicorn -w 4 shop.wsgi"),
    Program("java", "/usr/bin/java", "web", "java -cp /a.jar com.acme.Inventory"),
    Program("api", "/tmp/go-build1/b001/exe/api", "web", "/tmp/go-build1/b001/exe/api"),
    Program("node", NODE, "web", "node '/srv/Zähler (alt)/zähler.js'"),
    Program("nginx", "/usr/sbin/nginx", "web", "nginx: master process"),
)
TITLES = (
    "server.js (node)",
    "manage.py runserver (python)",
    "gunicorn shop.wsgi",
    "Inventory (java)",
    "api (go run)",
    "zähler.js (node)",
    "nginx",
)
UNKNOWN = 99  # a port whose owner is not known


@pytest.fixture
def reader(db: Path, writer: Writer) -> Iterator[Reader]:
    """Each program listens on a port of its own, counted from 1."""
    opened = [
        owned(endpoint(port), Process(ProcessKey(port, 1), program))
        for port, program in enumerate(PROGRAMS, 1)
    ]
    seen = [*opened, owned(endpoint(UNKNOWN))]
    writer.record_changes(SECOND, [Opening(each, SECOND, Precision.KERNEL) for each in seen])
    with open_reader(db) as found:
        yield found


def test_everything_that_is_read_has_the_title(reader: Reader) -> None:
    wanted = {**dict(enumerate(TITLES, 1)), UNKNOWN: ""}
    everything, until = Filters(), 3 * SECOND
    live = reader.open_now_records(everything, until)
    assert {row["port"]: row["title"] or "" for row in live} == wanted
    past = reader.event_records(everything)
    assert {each["port"]: each["title"] for each in past} == wanted
    assert {each["process"] for each in past} == {program.name for program in PROGRAMS} | {""}
    rows = csv.DictReader("".join(reader.export_history(Form.CSV, everything)).splitlines())
    assert {int(row["port"]): row["title"] for row in rows} == wanted
    stored = json.loads("".join(reader.export_history(Form.JSON, everything)))
    assert {each["port"]: each["title"] for each in stored} == wanted
    told = {each.port: each.title for each in reader.choices(100)}
    assert told == wanted
    (held,) = reader.holders(next(iter(reader.choices(1))).id)
    assert held.process == TITLES[0]


def test_every_frame_of_the_page_shows_the_title(reader: Reader) -> None:
    everything, until = Filters(), 3 * SECOND
    drawn = timeline_of(reader, everything, 0, until)
    assert drawn is not None
    frames = (
        reader.open_now(everything, until),
        reader.events(everything),
        reader.open_at(everything, until, MomentCoverage(None)),
        drawn.lives,
    )
    for frame in frames:
        shown = dict(zip(frame["port"], frame["process"], strict=True))
        del shown[UNKNOWN]  # a reason, or nothing
        assert shown == dict(enumerate(TITLES, 1))


def test_every_part_of_a_title_finds_it_in_any_case(reader: Reader) -> None:
    for shown in TITLES:
        parts = {shown[start:end] for start in range(len(shown)) for end in range(start + 1, 30)}
        for part in {each.strip() for each in parts} - {""}:
            for text in (part, part.swapcase()):
                found = {row["port"] for row in reader.event_records(Filters(process=text))}
                matching = {
                    port
                    for port, program in enumerate(PROGRAMS, 1)
                    if any(
                        text.casefold() in each.casefold()
                        for each in (TITLES[port - 1], program.name, program.cmdline)
                    )
                }
                assert found == matching, text
                assert reader.event_count(Filters(process=text)) == len(matching)
                named = reader.of_name(text, 100)
                assert {life.port for life in named} == matching


def test_titles_of_what_cannot_match_are_not_made(db: Path, reader: Reader) -> None:
    asked = []

    def noting(name: str, exe: str, cmdline: str) -> str:
        asked.append(name)
        return title(name, exe, cmdline)

    condition = process_condition("server.js (node)")
    statement = f"SELECT id FROM program WHERE {condition.sql}"
    with open_connection(db) as connection:
        connection.create_function("title", 3, noting, deterministic=True)
        assert len(connection.execute(statement, condition.parameters).fetchall()) == 1
    assert asked == ["node"]


def test_a_program_is_the_same_by_what_it_is_and_where(db: Path, writer: Writer) -> None:
    def node(pid: int, script: str, folder: str = "/srv/a", exe: str = NODE) -> Process:
        program = Program("node", exe, "web", f"node {script} --pid {pid}")
        return Process(ProcessKey(pid, 1), program, unit="session-1.scope", cwd=folder)

    before = {1: node(1, "a.js"), 2: node(2, "a.js"), 3: node(3, "a.js"), 4: node(4, "a.js")}
    after = {
        1: node(11, "a.js"),
        2: node(12, "b.js"),
        3: node(13, "a.js", "/srv/b"),
        4: node(14, "a.js", exe=f"{NODE} (deleted)"),
    }
    born = writer.record_changes(
        SECOND,
        [
            Opening(owned(endpoint(port), each), SECOND, Precision.KERNEL)
            for port, each in before.items()
        ],
    )
    writer.record_changes(
        3 * SECOND,
        [
            Opening(owned(endpoint(port), each), 3 * SECOND, Precision.KERNEL)
            for port, each in after.items()
        ],
        [Closing(each, 2 * SECOND, Precision.KERNEL) for each in born],
    )
    with open_reader(db) as opened:
        first, second = (
            compared_rows(opened._connection, Filters(), at, MomentCoverage(None))
            for at in (SECOND, 4 * SECOND)
        )
    found = differences(first, second)
    assert {row["port"]: row["change"] for row in found} == {
        1: "restarted",
        2: "changed owner",
        3: "changed owner",
        4: "restarted",
    }
    assert {row["port"]: row["was"] for row in found}[
        1
    ] == "a.js (node), pid 1, web, session-1.scope"
