"""Answers of the lookup, and what it says of what is not recorded."""

from dataclasses import replace
from pathlib import Path

import pytest

from porteye_core.model import Precision
from porteye_core.pasted_text import meaning
from porteye_core.store.reading import answers, open_reader
from porteye_core.store.writing.writer import Closing, Opening, Writer
from tests.kit.seeding import MINUTE, Instant, seed
from tests.kit.values import SECOND, by_id, endpoint, owned, process


def found(db: Path, text: str) -> list[tuple[str, list[int], bool]]:
    """Sentence, ports and whether open, of each answer."""
    with open_reader(db) as reader:
        return [
            (each.nothing, [life.port for life in each.lives], each.is_open)
            for each in answers(reader, meaning(text), 8)
        ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("80", [("Nothing listens on 80", [80], True), ("No process 80 listens", [], False)]),
        ("200", [("Nothing listens on 200", [], False), ("No process 200 listens", [5432], True)]),
        ("80-6000", [("Nothing listens on 80-6000", [80, 5432], True)]),
        ("80 443", [("Nothing listens on 80, 443", [80], True)]),
        ("53/udp", [("Nothing listens on 53 over UDP", [53], True)]),
        ("53/tcp", [("Nothing listens on 53 over TCP", [], False)]),
        ("pid 300", [("No process 300 listens", [8765], True)]),
        ("user:www", [("Nothing of user www listens", [80, 5432, 8765], True)]),
        ("user:nobody", [("Nothing of user nobody listens", [], False)]),
        ("nginx.service", [("Nothing in nginx.service listens", [], False)]),
        ("0.0.0.0", [("Nothing listens on 0.0.0.0", [80], True)]),
        ("[::1]", [("Nothing listens on ::1", [53], True)]),
        ("NGINX", [("No program “NGINX” listens", [80], True)]),
        ("http://localhost:5432/x", [("Nothing listens on 5432", [5432], True)]),
        (
            "Error: listen EADDRINUSE: address already in use :::8765",
            [("Nothing listens on 8765", [8765], True)],
        ),
        ("", []),
    ],
)
def test_a_text_finds_its_listeners(
    seeded: Instant, text: str, expected: list[tuple[str, list[int], bool]]
) -> None:
    assert found(seeded.db, text) == expected


@pytest.fixture
def ended(db: Path, writer: Writer) -> Path:
    """The seeded history, in which everything has closed."""
    now = 100_000 * MINUTE
    seed(writer, now)
    at = now + MINUTE
    closed = [Closing(each, at, Precision.POLL) for each in writer.open_listeners(by_id).values()]
    writer.record_changes(at, closed=closed)
    return db


@pytest.mark.parametrize(
    ("text", "ports"),
    [
        ("8765", [8765]),
        ("80-6000", [5432, 80]),
        ("53/udp", [53]),
        ("53/tcp", []),
        ("pid 200", [5432]),
        ("user:www", [8765, 5432, 80]),
        ("address:0.0.0.0", [80]),
        ("nginx", [80]),
    ],
)
def test_what_has_closed_is_the_answer_where_nothing_is_open(
    ended: Path, text: str, ports: list[int]
) -> None:
    (first, *_) = found(ended, text)
    assert sorted(first[1]) == sorted(ports)
    assert not first[2]


def test_a_unit_is_found_by_part_of_its_name_now_and_before(db: Path, writer: Writer) -> None:
    owner = replace(process(100), unit="nginx.service")
    (life,) = writer.record_changes(
        SECOND, [Opening(owned(endpoint(), owner), SECOND, Precision.POLL)]
    )
    for text in ("NGINX.service", "unit:nginx"):
        assert [ports for _, ports, _ in found(db, text)] == [[80]]
    writer.record_changes(2 * SECOND, closed=[Closing(life, 2 * SECOND, Precision.POLL)])
    ((_, ports, is_open),) = found(db, "systemctl status nginx")
    assert (ports, is_open) == ([80], False)
