"""The history as CSV (RFC 4180), for the page's button and the API alike."""

import csv
import io
import json
import sqlite3
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from porteye_core.model import Filters
from porteye_core.store import queries
from porteye_core.store.bounds import renew

COLUMNS = (
    "id",
    "timestamp",
    "status",
    "seen",
    "protocol",
    "address",
    "port",
    "process",
    "pid",
    "user",
    "cmdline",
)
_CHUNK = 500
# What a spreadsheet takes for the beginning of a formula (OWASP, CSV injection).
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def timestamp(at: int) -> str:
    """ISO 8601 in UTC with microseconds and offset.

    >>> timestamp(1_000_000)
    '1970-01-01T00:00:01.000000+00:00'
    """
    seconds, micros = divmod(at, 1_000_000)
    moment = datetime.fromtimestamp(seconds, UTC).replace(microsecond=micros)
    return moment.isoformat(timespec="microseconds")


def history_csv(connection: sqlite3.Connection, filters: Filters) -> Iterator[str]:
    """The whole history that the filters let through, newest first, in pieces of some hundred
    lines; the first has the header."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(COLUMNS)
    for number, row in enumerate(queries.rows(connection, queries.history(filters, whole=True))):
        writer.writerow(_cells(row))
        if number % _CHUNK == _CHUNK - 1:
            yield _taken(buffer)
            renew(connection)
    yield _taken(buffer)


def history_json(connection: sqlite3.Connection, filters: Filters) -> Iterator[str]:
    """The same as a JSON array, in pieces of some hundred objects; nothing is put before a text,
    for no spreadsheet runs what stands in JSON."""
    found: list[str] = []
    start = "["
    for number, row in enumerate(queries.rows(connection, queries.history(filters, whole=True))):
        found.append(json.dumps({**dict(row), "at": timestamp(row["at"])}, ensure_ascii=False))
        if number % _CHUNK == _CHUNK - 1:
            yield start + ",\n".join(found)
            found.clear()
            start = ",\n"
            renew(connection)
    yield (start if found or start == "[" else "") + ",\n".join(found) + "]\n"


def _cells(row: sqlite3.Row) -> Iterable[Any]:
    yield row["id"]
    yield timestamp(row["at"])
    yield row["kind"]
    yield row["seen"]
    yield row["protocol"]
    yield row["address"]
    yield row["port"]
    yield harmless(row["process"] or "")
    yield row["pid"]
    yield harmless(row["user"] or "")
    yield harmless(row["cmdline"] or "")


def harmless(cell: str) -> str:
    """The text as a spreadsheet shows it without running it: an apostrophe before a formula.

    >>> harmless("=1+1")
    "'=1+1"
    """
    return "'" + cell if cell.startswith(_FORMULA) else cell


def _taken(buffer: io.StringIO) -> str:
    text = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return text
