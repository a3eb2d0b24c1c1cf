"""The whole history as a file, in constant memory, for the page and the API alike."""

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from porteye_core.exposure import exposure
from porteye_core.filters import parameters
from porteye_core.model import Filters
from porteye_core.store import engine
from porteye_core.store.reading import events, json_records
from porteye_core.store.reading.listener_rows import bound_of
from porteye_core.system.clock import timestamp

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
    "interface",
    "v6only",
    "exposure",
    "title",
    "cmdline",
)
_CHUNK = 1000
_LONGEST_PART = 40  # characters of a file's name: file systems take 255
# What a spreadsheet takes for the beginning of a formula (OWASP, CSV injection).
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def history_csv(
    connection: engine.Connection, filters: Filters, before: int | None = None
) -> Iterator[str]:
    """The whole history that the filters let through, newest first, in pieces of at most a
    thousand lines; the first begins with the header. RFC 4180. `before` is the id of an event: only
    older ones."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(COLUMNS)
    for rows in _chunks(connection, filters, before):
        writer.writerows(map(_cells, rows))
        yield _taken(buffer)


def history_json(
    connection: engine.Connection, filters: Filters, before: int | None = None
) -> Iterator[str]:
    """The same as a JSON array of what /api/history answers, a line for each; nothing is put before
    a text, for no spreadsheet runs what stands in JSON."""
    before_line = "[\n"
    for rows in _chunks(connection, filters, before):
        piece = io.StringIO()
        for row in rows:
            piece.write(before_line + json.dumps(json_records.event(row), ensure_ascii=False))
            before_line = ",\n"
        yield piece.getvalue()
    yield "[]\n" if before_line == "[\n" else "\n]\n"


def file_name(filters: Filters, ending: str, now: int) -> str:
    """Return the name of an export made at `now`: the filters and the range, in ASCII.

    >>> file_name(Filters(ports=((80, 80),), process="nginx -g", since=0), "csv", 1_000_000)
    'porteye-history_port-80_process-nginx-g_from-19700101T000000Z_to-19700101T000001Z.csv'
    """
    ports = parameters(filters).get("port", "")
    if len(ports) > _LONGEST_PART:
        ports = f"{len(filters.ports)}-ranges"
    parts = (
        "porteye-history",
        ports and f"port-{ports}",
        filters.process and f"process-{_plain(filters.process)}".rstrip("-"),
        filters.protocol or "",
        "" if filters.since is None else f"from-{_stamp(filters.since)}",
        f"to-{_stamp(now if filters.until is None else filters.until)}",
    )
    return f"{'_'.join(filter(None, parts))}.{ending}"


def _plain(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9.]+", "-", text).strip("-.")[:_LONGEST_PART]


def _stamp(micros: int) -> str:
    return f"{datetime.fromtimestamp(micros // 1_000_000, UTC):%Y%m%dT%H%M%SZ}"


def _chunks(
    connection: engine.Connection, filters: Filters, before: int | None
) -> Iterator[list[engine.Row]]:
    """The events in lists, of which the first may be empty; each is a moment of its own.

    No transaction is open while a client takes a piece, which may last an hour: it would keep the
    writer's WAL from being emptied. Events are never changed, and new ones come before the first.
    """
    chunk = replace(filters, limit=_CHUNK)
    while True:
        rows = events.newest(connection, chunk, before)
        connection.execute("ROLLBACK")
        yield rows
        connection.execute("BEGIN")
        if len(rows) < _CHUNK:
            return
        before = rows[-1]["id"]


def _cells(row: engine.Row) -> Iterable[Any]:
    bound = bound_of(row)
    yield row["id"]
    yield timestamp(row["at"])
    yield row["kind"]
    yield row["seen"]
    yield row["protocol"]
    yield bound.address
    yield row["port"]
    yield harmless(row["process"] or "")
    yield row["pid"]
    yield harmless(row["user"] or "")
    yield harmless(bound.interface or "")
    yield "" if bound.v6only is None else str(bound.v6only).lower()
    yield exposure(bound).value
    yield harmless(row["title"] or "")
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
