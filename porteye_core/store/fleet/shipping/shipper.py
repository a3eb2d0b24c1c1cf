"""The shipper: moves a host's history to the fleet's server, each row exactly once.

It keeps no state. The server has the cursors, moves them in the transaction of the rows, and has a
mark: the digest of the event at the cursor. The host compares it with its own event of that id.
"""

import json
import sqlite3
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from porteye_core import __version__
from porteye_core.errors import FleetRefused
from porteye_core.store.file.connection import open_connection
from porteye_core.store.fleet.server import Server, told
from porteye_core.store.fleet.shipping.local_rows import (
    Batch,
    Cursors,
    Row,
    Sent,
    has_news,
    mark_of,
    newest_event,
    next_batch,
    origin,
)

PROTOCOL = 1
_INBOXES = {
    "inbox_program": 'local, name, exe, "user", cmdline, title',
    "inbox_process": "local, machine, pid, started_at, program, ppid, parents, unit, container,"
    " cwd, container_id",
    "inbox_listener": "local, machine, protocol, family, address, port, netns, inode, fd, uid,"
    ' "user",'
    " process, program, hidden, opened_at, opened_seen, interface, interface_kind, v6only, cookie,"
    " unseen_at, holders_gone, exposure, holders, former, closed_at, closed_seen",
    "inbox_event": "local, machine, at, kind, seen, listener, port, program, pid, protocol, hidden,"
    " exposure, address",
    "inbox_rollup": "listener, bucket, beats, cpu_sum, cpu_max, rss_max, clients_max, queue_max,"
    " backlog",
}


@dataclass(frozen=True, slots=True)
class Shipped:
    """One batch that was moved; is_last: nothing follows yet; is_sent: False if it had no news."""

    events: int
    dropped: int
    is_last: bool
    is_sent: bool = True


class Shipper:
    """Ships one database; after an error the next batch begins with what the server has."""

    def __init__(self, db: Path, server: Server, beat: float = 60.0) -> None:
        """beat: the most seconds between two batches, after which a host counts as silent."""
        self._db = db
        self._beat = round(beat * 1_000_000)
        self._server = server
        self._sent = Sent()
        self._expected: tuple[str, Cursors] | None = None

    def ship(self, *, even_nothing: bool = True) -> Shipped:
        """Ship one batch in one transaction; even_nothing: a batch without news shows that this
        host is alive.

        Raises FleetRefused if the server has the history of another writer, FleetError, StoreError.
        """
        with open_connection(self._db) as connection:
            name = origin(connection)
            try:
                with told("The history could not be shipped"), self._server.transaction():
                    return self._ship(connection, name, even_nothing=even_nothing)
            except BaseException:
                self._expected = None  # what of it arrived is not known
                raise

    def _ship(self, connection: sqlite3.Connection, name: str, *, even_nothing: bool) -> Shipped:
        since, mark = self._hello(name)
        if self._expected != (name, since):
            self._sent = Sent()
        self._expected = None
        knows = _same_history(connection, since, mark)
        now = time.time_ns() // 1000
        if not even_nothing and not has_news(connection, since, self._sent, now):
            self._expected = name, since
            return Shipped(0, 0, is_last=True, is_sent=False)
        batch = next_batch(connection, since, self._sent, now)
        self._copy(batch)
        self._apply(name, knows, batch, now)
        self._expected = name, batch.to
        return Shipped(len(batch.events), batch.dropped, batch.is_last)

    def _hello(self, name: str) -> tuple[Cursors, bytes | None]:
        row = self._server.execute(
            "SELECT events, revisions, ticks, rollups, mark, protocols @> %s::integer"
            " FROM fleet.hello(%s::uuid)",
            (PROTOCOL, name),
        ).fetchone()
        assert row is not None
        *cursors, mark, speaks_it = row
        if not speaks_it:
            raise FleetRefused(
                f"The fleet's server does not speak version {PROTOCOL} of shipping.",
                "Update the older of the two: the server by porteye fleet init.",
            )
        return Cursors(*cursors), mark

    def _copy(self, batch: Batch) -> None:
        rows = dict(
            zip(
                _INBOXES,
                (batch.programs, batch.processes, batch.listeners, batch.events, batch.rollups),
                strict=True,
            )
        )
        for inbox, columns in _INBOXES.items():
            if rows[inbox]:
                self._fill(inbox, columns, rows[inbox])

    def _fill(self, inbox: str, columns: str, rows: Iterable[Row]) -> None:
        with (
            self._server.cursor() as cursor,
            cursor.copy(f"COPY fleet.{inbox} ({columns}) FROM STDIN") as copy,
        ):
            for row in rows:
                copy.write_row([_text(value) for value in row])

    def _apply(self, name: str, knows: bytes | None, batch: Batch, now: int) -> None:
        news: dict[str, Any] = {
            **batch.news,
            "version": __version__,
            "dropped": batch.dropped,
            "behind": batch.behind,
            "beat": self._beat,
        }
        to = batch.to
        self._server.execute(
            "SELECT fleet.apply(%s::uuid, %s, %s, %s, %s, %s, %s, %s, %s)",
            (
                *(name, knows, batch.mark, to.events, to.revisions, to.ticks, to.rollups),
                *(now, _text(json.dumps(news))),
            ),
        )


def _same_history(
    connection: sqlite3.Connection, since: Cursors, mark: bytes | None
) -> bytes | None:
    """The mark of the event at the cursor in this database, None if retention has dropped it.

    Raises FleetRefused if the server has events that this history has not.
    """
    newest = newest_event(connection)
    if since.events > newest:
        raise FleetRefused(
            f"The server has {since.events:,} events of this database, which itself has"
            f" {newest:,}: it was restored from a backup, or its clone has shipped.",
            "Retire this host and enrol it anew: docs/fleet.md.",
        )
    own = mark_of(connection, since.events)
    if mark is not None and own is not None and own != mark:
        raise FleetRefused(
            f"Event {since.events:,} of this database is another one at the server: a clone of it"
            " ships, too, or it was restored from a backup.",
            "Enrol the clone as a host of its own, with a database of its own: docs/fleet.md.",
        )
    return own


def _text(value: Any) -> Any:
    """A value that PostgreSQL takes: its texts have no NUL."""
    return value.replace("\0", "\ufffd") if isinstance(value, str) and "\0" in value else value
