"""The history as CSV."""

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from porteye_core.model import Filters, Interface, Precision
from porteye_core.store.reading import CHANGE, EVENT, MOMENT, PORT, Field, Form, Reader, open_reader
from porteye_core.store.reading.export import harmless
from porteye_core.store.writing.writer import Opening, Writer
from porteye_core.system.clock import timestamp
from tests.kit.seeding import Instant
from tests.kit.stored import database_of
from tests.kit.values import SECOND, endpoint, owned, process

MOST = Filters(limit=10_000)
EVERYTHING = Filters()
OF_TWO = Filters(ports=((443, 5353),))


def export(db: Path, filters: Filters) -> str:
    with open_reader(db) as reader:
        return "".join(reader.export_history(Form.CSV, filters))


def pieces_of(
    reader: Reader, what: str, form: Form, filters: Filters = EVERYTHING
) -> Iterator[str]:
    """The file of the events, of what is open at 5 s, or of what changed since 1 us."""
    now = 5 * SECOND
    match what:
        case "history":
            return reader.export_history(form, filters)
        case "now":
            return reader.export_now(form, filters, now)
        case "at":
            return reader.export_at(form, filters, now, reader.coverage_at(now, watching=True))
    return reader.export_changes(form, filters, 1, now, watching=True)


def test_an_export_has_every_event_whatever_the_limit(seeded: Instant) -> None:
    lines = list(csv.DictReader(io.StringIO(export(seeded.db, Filters(limit=1)))))
    assert len(lines) == 6
    assert list(lines[0]) == list(EVENT)
    assert [line["status"] for line in lines[:2]] == ["opened", "closed"]
    assert lines[0]["process"] == "python3"


def test_an_export_of_nothing_is_a_header(seeded: Instant) -> None:
    assert export(seeded.db, Filters(ports=((1, 1),))) == ",".join(EVENT) + "\r\n"


def test_a_long_export_comes_in_pieces(db: Path, writer: Writer) -> None:
    born = [Opening(owned(endpoint(port)), port, Precision.POLL) for port in range(1, 2202)]
    writer.record_changes(1, born)
    with open_reader(db) as reader:
        pieces = list(reader.export_history(Form.CSV, Filters()))
    assert len(pieces) == 3
    assert len("".join(pieces).splitlines()) == 2202


def test_an_export_as_json_is_the_history_of_the_api(db: Path, writer: Writer) -> None:
    born = [Opening(owned(endpoint(port)), port, Precision.POLL) for port in range(1, 2001)]
    writer.record_changes(1, born)
    with open_reader(db) as reader:
        pieces = list(reader.export_history(Form.JSON, Filters(limit=1)))
        everything = json.loads("".join(pieces))
        assert everything == reader.event_records(MOST)
        assert (
            json.loads("".join(reader.export_history(Form.JSON, Filters(process="nobody")))) == []
        )
        (one,) = json.loads("".join(reader.export_history(Form.JSON, Filters(ports=((7, 7),)))))
    assert len(pieces) > 2
    assert len(everything) == 2000
    assert one["port"] == 7


def test_a_slow_client_does_not_hold_the_writers_log(db: Path, writer: Writer) -> None:
    born = [Opening(owned(endpoint(port)), port, Precision.POLL) for port in range(1, 2002)]
    writer.record_changes(1, born)
    with open_reader(db) as reader:
        pieces = reader.export_history(Form.CSV, Filters())
        next(pieces)
        writer.record_changes(2, [Opening(owned(endpoint(9999)), 2, Precision.POLL)])
        next(pieces)
        assert reader.event_records(Filters(limit=1))[0]["port"] == 9999
        assert "9999" not in "".join(pieces)


@pytest.mark.parametrize("form", Form)
@pytest.mark.parametrize("what", ["history", "now", "at", "changes"])
def test_while_a_client_takes_a_piece_no_transaction_is_open(
    db: Path, writer: Writer, what: str, form: Form
) -> None:
    born = [Opening(owned(endpoint(port)), port, Precision.POLL) for port in range(1, 2002)]
    writer.record_changes(1, born)
    with open_reader(db) as reader:
        for number, _ in enumerate(pieces_of(reader, what, form)):
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
        first = next(reader.export_history(Form.CSV, Filters()))
    assert first.splitlines()[1].endswith("python3 -m http.server 8765")


@pytest.mark.parametrize(
    ("what", "fields"),
    [("history", EVENT), ("now", PORT), ("at", MOMENT), ("changes", CHANGE)],
)
def test_csv_and_json_have_the_same_columns_and_rows(
    db: Path, writer: Writer, what: str, fields: dict[str, object]
) -> None:
    record_two(writer)
    with open_reader(db) as reader:
        lines = list(
            csv.DictReader(io.StringIO("".join(pieces_of(reader, what, Form.CSV, OF_TWO))))
        )
        records = json.loads("".join(pieces_of(reader, what, Form.JSON, OF_TWO)))
    assert len(lines) == len(records) == 2
    assert {tuple(each) for each in (*lines, *records)} == {tuple(fields)}
    for line, record in zip(lines, records, strict=True):
        said = {name: "" if value is None else value for name, value in record.items()}
        assert line == {
            name: str(value).lower() if isinstance(value, bool) else str(value)
            for name, value in said.items()
        }


DTYPES = {
    str: "string",
    int: "Int64",
    int | None: "Int64",
    float | None: "Float64",
    str | None: "string",
    bool: "boolean",
    bool | None: "boolean",
}
TIMES = ("timestamp", "at", "versus", "since", "unseen_since")


@pytest.mark.parametrize(
    ("what", "fields"), [("history", EVENT), ("now", PORT), ("at", MOMENT), ("changes", CHANGE)]
)
def test_pandas_reads_the_types_and_values_of_an_export_back(
    db: Path, writer: Writer, what: str, fields: dict[str, Field]
) -> None:
    record_two(writer)
    with open_reader(db) as reader:
        text = "".join(pieces_of(reader, what, Form.CSV, OF_TWO))
        records = json.loads("".join(pieces_of(reader, what, Form.JSON, OF_TWO)))
    times = [name for name in TIMES if name in fields]
    dtypes = {name: DTYPES[field.type] for name, field in fields.items() if name not in times}
    table = pd.read_csv(
        io.StringIO(text), dtype=dtypes, parse_dates=times, keep_default_na=False, na_values=[""]
    )
    assert {name: str(table[name].dtype) for name in dtypes} == dtypes
    assert {str(table[name].dtype) for name in times if name != "unseen_since"} == {
        "datetime64[us, UTC]"
    }
    for name in fields:
        read = [None if pd.isna(value) else value for value in table[name].tolist()]
        if name in times:
            read = [value and value.isoformat(timespec="microseconds") for value in read]
        assert read == [None if each[name] == "" else each[name] for each in records], name
    (web,) = (each for each in records if each["port"] == 443)
    assert web["process"] == "NA"
    assert (web["unit"], web["container"]) == ("web.service", "docker:ab")
    assert (web.get("exposure") or web["exposure_is"], web["v6only"]) == ("every interface", False)
    assert (web["service"], web["family"], web["interface"]) == ("https", "ipv6", "")


def record_two(writer: Writer) -> None:
    """Open a server that is known in full, and one of which nobody knows the owner; before them
    another one, since changes are told from the first event on."""
    web = process(443, name="NA")
    known = replace(
        owned(endpoint(443, address="::"), replace(web, unit="web.service", container="docker:ab")),
        socket=replace(
            owned(endpoint(443, address="::")).socket,
            pid=443,
            interface=Interface("", None),
            v6only=False,
        ),
    )
    hidden = owned(endpoint(5353, "udp"))
    writer.record_changes(2, [Opening(owned(endpoint(1)), 2, Precision.POLL)])
    writer.record_changes(
        3 * SECOND, [Opening(each, 3 * SECOND, Precision.POLL) for each in (known, hidden)]
    )
