"""The history as CSV."""

import csv
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest

from porteye_core.model import Filters, Precision, Protocol
from porteye_core.store.reading import Reader, export_name, open_reader
from porteye_core.store.reading.export import COLUMNS, harmless
from porteye_core.store.writing.writer import Opening, Writer
from porteye_core.system.clock import timestamp
from tests.kit.seeding import Instant
from tests.kit.stored import database_of
from tests.kit.values import SECOND, endpoint, owned, process

MOST = Filters(limit=10_000)


def export(db: Path, filters: Filters) -> str:
    with open_reader(db) as reader:
        return "".join(reader.export_csv(filters))


def test_an_export_has_every_event_whatever_the_limit(seeded: Instant) -> None:
    lines = list(csv.DictReader(io.StringIO(export(seeded.db, Filters(limit=1)))))
    assert len(lines) == 6
    assert list(lines[0]) == list(COLUMNS)
    assert [line["status"] for line in lines[:2]] == ["opened", "closed"]
    assert lines[0]["process"] == "python3"


def test_an_export_of_nothing_is_a_header(seeded: Instant) -> None:
    assert export(seeded.db, Filters(ports=((1, 1),))) == ",".join(COLUMNS) + "\r\n"


def test_a_long_export_comes_in_pieces(db: Path, writer: Writer) -> None:
    born = [Opening(owned(endpoint(port)), port, Precision.POLL) for port in range(1, 2202)]
    writer.record_changes(1, born)
    with open_reader(db) as reader:
        pieces = list(reader.export_csv(Filters()))
    assert len(pieces) == 3
    assert len("".join(pieces).splitlines()) == 2202


def test_an_export_as_json_is_the_history_of_the_api(db: Path, writer: Writer) -> None:
    born = [Opening(owned(endpoint(port)), port, Precision.POLL) for port in range(1, 2001)]
    writer.record_changes(1, born)
    with open_reader(db) as reader:
        pieces = list(reader.export_json(Filters(limit=1)))
        everything = json.loads("".join(pieces))
        assert everything == reader.event_records(MOST)
        assert json.loads("".join(reader.export_json(Filters(process="nobody")))) == []
        (one,) = json.loads("".join(reader.export_json(Filters(ports=((7, 7),)))))
    assert len(pieces) > 2
    assert len(everything) == 2000
    assert one["port"] == 7


def test_a_slow_client_does_not_hold_the_writers_log(db: Path, writer: Writer) -> None:
    born = [Opening(owned(endpoint(port)), port, Precision.POLL) for port in range(1, 2002)]
    writer.record_changes(1, born)
    with open_reader(db) as reader:
        pieces = reader.export_csv(Filters())
        next(pieces)
        writer.record_changes(2, [Opening(owned(endpoint(9999)), 2, Precision.POLL)])
        next(pieces)
        assert reader.event_records(Filters(limit=1))[0]["port"] == 9999
        assert "9999" not in "".join(pieces)


@pytest.mark.parametrize("export", [Reader.export_csv, Reader.export_json])
def test_while_a_client_takes_a_piece_no_transaction_is_open(
    db: Path, writer: Writer, export: Callable[[Reader, Filters], Iterator[str]]
) -> None:
    born = [Opening(owned(endpoint(port)), port, Precision.POLL) for port in range(1, 2002)]
    writer.record_changes(1, born)
    with open_reader(db) as reader:
        for number, _ in enumerate(export(reader, Filters())):
            writer.record_changes(2 + number, [Opening(owned(endpoint(9999)), 2, Precision.POLL)])
            emptied = database_of(writer)._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            assert emptied.fetchone() == (0, 0, 0)


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_a_cell_that_a_spreadsheet_would_run_is_made_harmless(cell: str) -> None:
    assert harmless(cell) == "'" + cell
    assert harmless("nginx") == "nginx"


def test_names_with_quotes_commas_and_lines_survive(db: Path, writer: Writer) -> None:
    odd = 'a "b", c\nd'
    writer.record_changes(
        5, [Opening(owned(owner=process(name=odd, cmdline="=x")), 5, Precision.POLL)]
    )
    table = pd.read_csv(io.StringIO(export(db, Filters())))
    assert table["process"][0] == odd
    assert table["cmdline"][0] == "'=x"


def test_a_timestamp_keeps_its_microseconds() -> None:
    assert timestamp(1_795_417_385_676_073) == "2026-11-23T07:03:05.676073+00:00"


def test_the_command_line_is_the_last_column(seeded: Instant) -> None:
    with open_reader(seeded.db) as reader:
        first = next(reader.export_csv(Filters()))
    assert first.splitlines()[1].endswith("python3 -m http.server 8765")


@pytest.mark.parametrize(
    ("filters", "name"),
    [
        (Filters(), "porteye-history_to-19700101T000007Z.csv"),
        (
            Filters(((80, 80), (8000, 8999)), protocol=Protocol.UDP, until=SECOND),
            "porteye-history_port-80,8000-8999_udp_to-19700101T000001Z.csv",
        ),
        (
            Filters(process='../é\r\n"x;y" .', since=SECOND),
            "porteye-history_process-x-y_from-19700101T000001Z_to-19700101T000007Z.csv",
        ),
        (Filters(process="プロセス"), "porteye-history_process_to-19700101T000007Z.csv"),
    ],
)
def test_the_name_of_a_file_says_filters_and_range(filters: Filters, name: str) -> None:
    assert export_name(filters, "csv", 7 * SECOND) == name


def test_the_name_of_a_file_is_short_however_long_the_filters_are() -> None:
    filters = Filters(tuple((port, port) for port in range(60_000, 60_100)), "x" * 256)
    name = export_name(filters, "json", 0)
    assert "_port-100-ranges_process-xxx" in name
    assert len(name) < 200
