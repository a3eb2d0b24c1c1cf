"""Files of what page and API show, in pieces and in constant memory; CSV and JSON alike.

Each file has the fields of its records (see json_records), in CSV a column for each. No transaction
is open while a client takes a piece, which may last an hour: it would keep the writer's WAL from
being emptied.
"""

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from porteye_core.model import Filters
from porteye_core.store import engine
from porteye_core.store.reading import changes as changes_
from porteye_core.store.reading import events, json_records, open_listeners
from porteye_core.store.reading.coverage import MomentCoverage, Watches
from porteye_core.store.reading.json_records import Field

_CHUNK = 1000
_NO_FIELDS: Mapping[str, Field] = MappingProxyType({})
# What a spreadsheet takes for the beginning of a formula (OWASP, CSV injection).
_FORMULA = ("=", "+", "-", "@", "\t", "\r")

Fields = Mapping[str, Field]
Batches = Iterator[Sequence[engine.Row]]
Told = Callable[[int, int], object]  # takes how many events were read, and the time of the last


class Form(StrEnum):
    """Format of a file."""

    CSV = "csv"  # RFC 4180
    JSON = "json"  # an array, a line for each record


def history(
    connection: engine.Connection,
    form: Form,
    filters: Filters,
    before: int | None = None,
    told: Told | None = None,
    more: Fields = _NO_FIELDS,
) -> Iterator[str]:
    """Make the file of all events that the filters let through, newest first, whatever `limit`
    says; before: the id of an event, for older ones only."""
    return file_pieces(
        form, json_records.EVENT, event_batches(connection, filters, before, told), more
    )


def listeners_now(
    connection: engine.Connection,
    form: Form,
    filters: Filters,
    now: int,
    more: Fields = _NO_FIELDS,
) -> Iterator[str]:
    """Make the file of the listeners that are open, by port."""
    rows = open_listeners.open_now_rows(connection, filters, now)
    return file_pieces(form, json_records.PORT, _batches(connection, rows), more)


def listeners_at(
    connection: engine.Connection,
    form: Form,
    filters: Filters,
    at: int,
    coverage: MomentCoverage,
    more: Fields = _NO_FIELDS,
) -> Iterator[str]:
    """Make the file of the listeners that were open at a moment, by port; coverage: of it."""
    rows = open_listeners.open_at_rows(connection, filters, at, coverage)
    return file_pieces(form, json_records.MOMENT, _batches(connection, rows), more)


def changes(
    connection: engine.Connection,
    form: Form,
    filters: Filters,
    watches: Watches,
    since: int,
    until: int,
) -> Iterator[str]:
    """Make the file of what changed between two moments, the most important first; empty if no
    event is so old."""
    found = changes_.changes(connection, watches, filters, since, until)
    rows = [] if found is None else found.described
    return file_pieces(form, json_records.CHANGE, _batches(connection, rows))


def file_pieces(
    form: Form, fields: Fields, batches: Batches, more: Fields = _NO_FIELDS
) -> Iterator[str]:
    """Make the file of these rows; more: columns at the end of one of CSV."""
    return _csv({**fields, **more}, batches) if form is Form.CSV else _json(fields, batches)


def _csv(fields: Mapping[str, Field], batches: Batches) -> Iterator[str]:
    """The lines of each batch; the first piece begins with the header."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(fields)
    columns = [field.value for field in fields.values()]
    for rows in batches:
        writer.writerows([_cell(column(row)) for column in columns] for row in rows)
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()


def _json(fields: Mapping[str, Field], batches: Batches) -> Iterator[str]:
    """The same as an array; nothing is put before a text, for no spreadsheet runs what stands in
    JSON."""
    before_line = "[\n"
    for rows in batches:
        piece = io.StringIO()
        for row in rows:
            record = json_records.record(fields, row)
            piece.write(before_line + json.dumps(record, ensure_ascii=False))
            before_line = ",\n"
        yield piece.getvalue()
    yield "[]\n" if before_line == "[\n" else "\n]\n"


def event_batches(
    connection: engine.Connection,
    filters: Filters,
    before: int | None = None,
    told: Told | None = None,
) -> Batches:
    """The events in batches, of which the first may be empty; each is a moment of its own.

    Events are never changed, and new ones come before the first.
    """
    chunk = replace(filters, limit=_CHUNK)
    count = 0
    while True:
        rows = events.newest(connection, chunk, before)
        connection.execute("ROLLBACK")
        count += len(rows)
        if told and rows:
            told(count, rows[-1]["at"])
        yield rows
        connection.execute("BEGIN")
        if len(rows) < _CHUNK:
            return
        before = rows[-1]["id"]


def _batches(connection: engine.Connection, rows: Sequence[engine.Row]) -> Batches:
    """Rows of one moment that have been read, at least one batch."""
    connection.execute("ROLLBACK")
    yield from (rows[first : first + _CHUNK] for first in range(0, max(len(rows), 1), _CHUNK))
    connection.execute("BEGIN")


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return harmless(value) if isinstance(value, str) else value


def harmless(cell: str) -> str:
    """The text as a spreadsheet shows it without running it: an apostrophe before a formula.

    >>> harmless("=1+1")
    "'=1+1"
    """
    return "'" + cell if cell.startswith(_FORMULA) else cell
