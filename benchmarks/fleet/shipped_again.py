"""Seeded hosts shipped once more from databases of their own: the same rows arrive."""

import sqlite3
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psycopg

from porteye_core.fleet.service import ship_all
from porteye_core.store.file.lock import WriterLock
from porteye_core.store.fleet.administration.enrolment import enrol
from porteye_core.store.fleet.server import connect
from porteye_core.store.fleet.shipping.shipper import Shipper
from porteye_core.store.tables.host_row import Host, machine_id
from porteye_core.store.writing.startup import open_writer

Server = psycopg.Connection[tuple[Any, ...]]

_HOST = Host("seeded", machine_id(), "Linux", 16 << 30)
# A table of the host's database, its columns, and the same of the fleet's. {0}: the host's number.
_COPIED = {
    "program": (
        "id, digest, name, exe, user, cmdline",
        'SELECT id, substr(digest, 1, 16), name, exe, "user", cmdline FROM program',
    ),
    "process": (
        "id, host_id, pid, started_at, program_id, parents, unit, container, cwd",
        """SELECT id, 1, pid, started_at, program_id, parents, unit, container, cwd FROM process
        WHERE host_id = {0}""",
    ),
    "listener": (
        """id, host_id, protocol, family, address, port, user, process_id, program_id, opened_at,
        opened_seen, closed_at, closed_seen""",
        """SELECT id, 1, protocol, family, address, port, "user", process_id, program_id, opened_at,
            opened_seen, NULL, NULL FROM open_listener WHERE host_id = {0}
        UNION ALL SELECT id, 1, protocol, family, address, port, "user", process_id, program_id,
            opened_at, opened_seen, closed_at, closed_seen FROM life WHERE host_id = {0}""",
    ),
    "event": (
        "id, host_id, at, kind, seen, listener_id, port, program_id",
        """SELECT id, 1, at, kind, seen, listener_id, port, program_id FROM event
        WHERE host_id = {0} ORDER BY id""",
    ),
}
# No event tells of what was open already when its host was enrolled.
_FURTHER = (
    "INSERT INTO holder SELECT id, process_id FROM listener",
    "INSERT INTO revised (listener_id) SELECT id FROM listener WHERE closed_at IS NULL",
)
# What a host has, without the numbers that the server gives.
_ROWS = (
    """SELECT e.id, e.at, e.kind, e.seen, e.listener_id, e.port, e.protocol, e.hidden, e.exposure,
        e.address, e.pid, g.name, g.cmdline, g.title
    FROM event e JOIN program g ON g.id = e.program_id WHERE e.host_id = {0}""",
    """SELECT l.id, l.protocol, l.family, l.address, l.port, l.opened_at, l.opened_seen, l.exposure,
        l.owner_holds, l.closed_at, l.closed_seen, l.span, p.pid, p.unit, g.cmdline
    FROM (SELECT host_id, id, protocol, family, address, port, opened_at, opened_seen, exposure,
            owner_holds, NULL::bigint AS closed_at, NULL AS closed_seen, NULL::smallint AS span,
            process_id, program_id FROM open_listener
        UNION ALL SELECT host_id, id, protocol, family, address, port, opened_at, opened_seen,
            exposure, owner_holds, closed_at, closed_seen, span, process_id, program_id FROM life) l
    JOIN process p ON p.host_id = l.host_id AND p.id = l.process_id
    JOIN program g ON g.id = l.program_id WHERE l.host_id = {0}""",
)


def ship_again(server: Server, hosts: range) -> tuple[int, int]:
    """Ship what these seeded hosts have as others; return the number of rows, and of those that
    differ."""
    rows = differing = 0
    with TemporaryDirectory(prefix="porteye-benchmark-") as folder:
        for host in hosts:
            db = Path(folder) / f"{host}.db"
            _copy(server, host, db)
            (newest,) = _one(server, "SELECT max(host_id) FROM fleet.host")
            address = enrol(server, f"shipped-{host}-after-{newest}")
            with WriterLock(db, 0), connect(address) as agent:
                ship_all(Shipper(db, agent))
            for statement in _ROWS:
                one, other = (statement.format(number) for number in (host, newest + 1))
                rows += _one(server, f"SELECT count(*) FROM ({one}) r")[0]
                for only in (f"{one} EXCEPT ALL {other}", f"{other} EXCEPT ALL {one}"):
                    differing += _one(server, f"SELECT count(*) FROM ({only}) r")[0]
    return rows, differing


def _copy(server: Server, host: int, db: Path) -> None:
    with open_writer(db, _HOST, 1):
        pass
    with closing(sqlite3.connect(db)) as own, own:
        for table, (columns, statement) in _COPIED.items():
            marks = ", ".join("?" * (columns.count(",") + 1))
            own.executemany(
                f"INSERT INTO {table} ({columns}) VALUES ({marks})",
                server.execute(statement.format(host).encode()),
            )
        for statement in _FURTHER:
            own.execute(statement)


def _one(server: Server, statement: str) -> tuple[Any, ...]:
    row = server.execute(statement.encode()).fetchone()
    assert row is not None
    return row
