"""The history as CSV."""

import csv
import io
from pathlib import Path

import pandas as pd
import pytest

from porteye_core.model import Filters, Seen
from porteye_core.store.export import COLUMNS, harmless, history_csv, timestamp
from porteye_core.store.reader import open_reader
from porteye_core.store.writer import Opening, Writer
from tests.kit.seeding import Instant
from tests.kit.values import endpoint, owned, process


def export(db: Path, filters: Filters) -> str:
    with open_reader(db) as reader:
        return "".join(history_csv(reader, filters))


def test_an_export_has_every_event_whatever_the_limit(seeded: Instant) -> None:
    lines = list(csv.DictReader(io.StringIO(export(seeded.db, Filters(limit=1)))))
    assert len(lines) == 6
    assert list(lines[0]) == list(COLUMNS)
    assert [line["status"] for line in lines[:2]] == ["opened", "closed"]
    assert lines[0]["process"] == "python3"


def test_an_export_of_nothing_is_a_header(seeded: Instant) -> None:
    assert export(seeded.db, Filters(ports=((1, 1),))) == ",".join(COLUMNS) + "\r\n"


def test_a_long_export_comes_in_pieces(db: Path, writer: Writer) -> None:
    born = [Opening(owned(endpoint(port)), port, Seen.POLL) for port in range(1, 1202)]
    writer.record_changes(1, born)
    with open_reader(db) as reader:
        pieces = list(history_csv(reader, Filters()))
    assert len(pieces) == 3
    assert len("".join(pieces).splitlines()) == 1202


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_a_cell_that_a_spreadsheet_would_run_is_made_harmless(cell: str) -> None:
    assert harmless(cell) == "'" + cell
    assert harmless("nginx") == "nginx"


def test_names_with_quotes_commas_and_lines_survive(db: Path, writer: Writer) -> None:
    odd = 'a "b", c\nd'
    writer.record_changes(5, [Opening(owned(owner=process(name=odd, cmdline="=x")), 5, Seen.POLL)])
    table = pd.read_csv(io.StringIO(export(db, Filters())))
    assert table["process"][0] == odd
    assert table["cmdline"][0] == "'=x"


def test_a_timestamp_keeps_its_microseconds() -> None:
    assert timestamp(1_795_417_385_676_073) == "2026-11-23T07:03:05.676073+00:00"


def test_the_command_line_is_the_last_column(seeded: Instant) -> None:
    with open_reader(seeded.db) as reader:
        first = next(history_csv(reader, Filters()))
    assert first.splitlines()[1].endswith("python3 -m http.server 8765")
