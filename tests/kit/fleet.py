"""A fleet for tests: its server, hosts with databases of their own, and what arrived of each."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg

from porteye_core.fleet.service import ship_all
from porteye_core.store.fleet.administration.enrolment import enrol
from porteye_core.store.fleet.administration.migrations import migrate
from porteye_core.store.fleet.server import connect
from porteye_core.store.fleet.shipping.shipper import Shipper
from tests.kit.postgres import cluster

_KEEP_ALL = "UPDATE fleet.setting SET kept_from = 0, keep = 20 * 365 * 86400000000"


@dataclass(frozen=True, slots=True)
class Fleet:
    """The address of the server's administrator."""

    address: str

    def ask(self, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """The answer to the administrator."""
        with psycopg.connect(self.address, autocommit=True) as server:
            server.execute("SET search_path = fleet")
            found = server.execute(statement, parameters or None)
            return found.fetchall() if found.description else []

    def enrol(self, name: str) -> str:
        """Enrol a host; return the address with which it ships."""
        with connect(self.address) as server:
            return enrol(server, name)


@contextmanager
def fleet(binaries: Path | None = None) -> Iterator[Fleet]:
    """An empty fleet that keeps everything, for histories in tests are of any time."""
    with cluster(binaries) as running:
        with connect(running.address) as server:
            migrate(server)
            server.execute(_KEEP_ALL)
        yield Fleet(running.address)


def ship(db: Path, address: str) -> None:
    """Ship all that a database has, as the host of this address."""
    with connect(address) as server:
        ship_all(Shipper(db, server))


def local(db: Path, statement: str) -> list[tuple[Any, ...]]:
    """The answer of a host's own database."""
    with closing(sqlite3.connect(db)) as connection:
        return [tuple(row) for row in connection.execute(statement)]


_EVENTS = """SELECT e.id, e.at, e.kind, e.seen, e.listener_id, e.port, l.protocol, l.address,
    g.name, g.cmdline
FROM {event} e JOIN {listener} l ON l.id = e.listener_id
LEFT JOIN {program} g ON g.id = e.program_id ORDER BY e.id"""
_LIVES = """SELECT l.id, l.opened_at, l.closed_at, l.closed_seen, l.port, l.hidden, l.unseen_at,
    l.netns, l.holders_gone, p.pid, p.unit, g.cmdline
FROM {listener} l LEFT JOIN {process} p ON p.id = l.process_id
LEFT JOIN {program} g ON g.id = l.program_id ORDER BY l.id"""
_HOLDERS = """SELECT h.listener_id, p.pid, p.started_at FROM {holder} h
JOIN {process} p ON p.id = h.process_id ORDER BY h.listener_id, p.pid, p.started_at"""
_FORMER = """SELECT listener_id, until, unit, container, cwd, folded FROM {former}
ORDER BY listener_id, until"""
_TURNOVER = "SELECT resolution, bucket, opened, closed FROM {turnover} ORDER BY resolution, bucket"
_ACTIVITY = """SELECT a.resolution, a.bucket, a.port, a.protocol, coalesce(g.cmdline, ''),
    sum(a.opened), sum(a.closed) FROM {activity} a LEFT JOIN {program} g ON g.id = a.program_id
GROUP BY 1, 2, 3, 4, 5 HAVING sum(a.opened) + sum(a.closed) > 0 ORDER BY 1, 2, 3, 4, 5"""
_WATCHES = """SELECT id, started_at, seen_at, stopped_at, source, limits, why, unwatched
FROM {watch} ORDER BY id"""
_QUESTIONS = (_EVENTS, _LIVES, _HOLDERS, _FORMER, _TURNOVER, _ACTIVITY, _WATCHES)
_TABLES = (
    "event",
    "listener",
    "program",
    "process",
    "holder",
    "former",
    "turnover",
    "activity",
    "watch",
)


def rows_at_home(db: Path) -> list[list[tuple[Any, ...]]]:
    """The history of a host's own database, row by row."""
    return [
        local(db, each.format(**dict(zip(_TABLES, _TABLES, strict=True)))) for each in _QUESTIONS
    ]


def rows_that_arrived(of: Fleet, host: int = 1) -> list[list[tuple[Any, ...]]]:
    """The history of a host at the server, row by row."""
    views = {table: f"one_host.{table}" for table in _TABLES}
    found = []
    for question in _QUESTIONS:
        with psycopg.connect(of.address, autocommit=True) as server:
            server.execute("SELECT set_config('porteye.host', %s, FALSE)", (str(host),))
            rows = server.execute(question.format(**views)).fetchall()
            found.append([tuple(int(v) if type(v) is Decimal else v for v in row) for row in rows])
    return found
