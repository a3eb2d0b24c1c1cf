"""Rows of a host's own database, as the fleet takes them: one batch from one moment of it."""

import json
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from porteye_core import programs
from porteye_core.exposure import exposure
from porteye_core.store.reading.listener_rows import bound, select_columns

Row = tuple[Any, ...]

_HOUR = 3600 * 1_000_000
# An hour of rollups is complete when the writer has folded its last five minutes.
_SETTLED = _HOUR + 10 * 60 * 1_000_000
# Rows of one batch: some megabytes, and a transaction of less than a second.
MAX_EVENTS, _MAX_REVISIONS, _MAX_TICKS, _MAX_ROLLUPS = 5_000, 5_000, 20_000, 20_000

_EVENTS = f"""
SELECT e.id, e.host_id, e.at, e.kind, e.seen, e.listener_id, e.port, e.program_id, p.pid,
    l.protocol, CASE WHEN e.program_id IS NULL THEN l.hidden END,
    l.address, l.interface, l.interface_kind, l.v6only, {select_columns("namespace")}
FROM event e JOIN listener l ON l.id = e.listener_id JOIN host h ON h.id = l.host_id
LEFT JOIN process p ON p.id = coalesce((SELECT process_id FROM former
    WHERE listener_id = l.id AND until > e.at ORDER BY until LIMIT 1), l.process_id)
WHERE e.id > ? ORDER BY e.id LIMIT ?
"""
_LISTENERS = f"""
SELECT l.id, l.host_id, l.protocol, l.family, l.address, l.port, l.netns, l.inode, l.fd, l.uid,
    l.user, l.process_id, l.program_id, l.hidden, l.opened_at, l.opened_seen, l.interface,
    l.interface_kind, l.v6only, l.cookie, l.unseen_at, l.holders_gone,
    {select_columns("namespace")}, l.closed_at,
    l.closed_seen
FROM json_each(?) j CROSS JOIN listener l ON l.id = j.value JOIN host h ON h.id = l.host_id
"""
_TICKS = """
SELECT id, at, monotonic, watch_id, listeners, clients, scan_us, hidden, lost, gap, jump, left_out,
    left_out_us, cpu, rss, size, gap > 0 OR jump != 0 OR (lost > 0 AND lost != coalesce(
        (SELECT b.lost FROM tick b WHERE b.id < t.id ORDER BY b.id DESC LIMIT 1), 0)) AS is_kept
FROM tick t WHERE id > :after AND id <= :to AND (is_kept OR id = :newest) ORDER BY id
"""


@dataclass(frozen=True, slots=True)
class Cursors:
    """Places in a history: the server has everything up to these ids and this bucket."""

    events: int = 0
    revisions: int = 0
    ticks: int = 0
    rollups: int = 0


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows that follow cursors, and the cursors after them; mark: of the event at the new one.

    dropped: events between the two that retention has dropped. behind: events that follow them.
    is_last: nothing follows yet.
    """

    to: Cursors
    mark: bytes | None
    dropped: int
    behind: int
    is_last: bool
    events: list[Row]
    listeners: list[Row]
    processes: list[Row]
    programs: list[Row]
    rollups: list[Row]
    news: dict[str, list[dict[str, Any]]]


@dataclass(slots=True)
class Sent:
    """Rows at the server that many batches refer to, by table and id; watch: the newest one."""

    rows: dict[str, dict[int, int]] = field(default_factory=dict)
    watch: Row | None = None
    _MOST = 50_000

    def new(self, table: str, rows: Iterable[Row]) -> list[Row]:
        """Those of the rows that are not there as they are now; the first value is the id."""
        known = self.rows.setdefault(table, {})
        found = [row for row in rows if known.get(row[0]) != hash(row)]
        if len(known) + len(found) > self._MOST:
            known.clear()
        known.update((row[0], hash(row)) for row in found)
        return found


def origin(connection: sqlite3.Connection) -> str:
    """The name of this database, which a copy of it shares."""
    return str(connection.execute("SELECT uuid FROM origin").fetchone()[0])


def newest_event(connection: sqlite3.Connection) -> int:
    """The highest id that an event of this database ever had."""
    found = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'event'").fetchone()
    return int(found[0]) if found else 0


def mark_of(connection: sqlite3.Connection, event: int) -> bytes | None:
    """The digest of an event, of what never changes in it; None if it has been dropped."""
    row = connection.execute(
        "SELECT id, at, kind, seen, listener_id, port FROM event WHERE id = ?", (event,)
    ).fetchone()
    return None if row is None else _digest(tuple(row))


def _digest(event: Row) -> bytes:
    return sha256("|".join(map(str, event)).encode()).digest()


def has_news(connection: sqlite3.Connection, since: Cursors, sent: Sent, now: int) -> bool:
    """Tell whether anything follows these cursors but a watch that goes on."""
    _, _, ticks = _ticks(connection, since.ticks)
    return bool(
        newest_event(connection) > since.events
        or _newest_watch(connection) != sent.watch
        or _revised(connection, since.revisions)[1]
        or any(tick["is_kept"] for tick in ticks)
        or _rollups(connection, since.rollups, now)[1]
    )


def next_batch(connection: sqlite3.Connection, since: Cursors, sent: Sent, now: int) -> Batch:
    """The rows that follow these cursors, at most some thousands."""
    events = connection.execute(_EVENTS, (since.events, MAX_EVENTS)).fetchall()
    to_event = events[-1][0] if events else since.events
    revisions, revised = _revised(connection, since.revisions)
    to_tick, newest_tick, ticks = _ticks(connection, since.ticks)
    to_rollup, rollups = _rollups(connection, since.rollups, now)
    listeners = _of_ids(connection, _LISTENERS, {row[5] for row in events} | set(revised))
    owners = _Owners(connection, events, listeners)
    sent.watch = _newest_watch(connection)
    to = Cursors(to_event, revisions, to_tick, to_rollup)
    return Batch(
        to=to,
        mark=mark_of(connection, to_event) if events else None,
        dropped=to_event - since.events - len(events) if events else 0,
        behind=newest_event(connection) - to_event,
        is_last=len(events) < MAX_EVENTS
        and len(revised) < _MAX_REVISIONS
        and len(rollups) < _MAX_ROLLUPS
        and to_tick >= newest_tick,
        events=[_event(tuple(row)) for row in events],
        listeners=[owners.listener(tuple(row)) for row in listeners],
        processes=sent.new("process", owners.processes),
        programs=sent.new("program", owners.programs()),
        rollups=rollups,
        news={
            "machines": _named(connection, sent, "host"),
            "watches": _named(connection, sent, "watch"),
            "containers": owners.containers(sent),
            "ticks": ticks,
        },
    )


def _event(row: Row) -> Row:
    *first, address, interface, kind, v6only, namespace = row
    return (*first, exposure(bound(address, interface, kind, v6only, namespace)).value, address)


def _newest_watch(connection: sqlite3.Connection) -> Row | None:
    """The newest watch, by what changes when it begins and ends."""
    found = connection.execute("SELECT id, stopped_at FROM watch ORDER BY id DESC LIMIT 1")
    row = found.fetchone()
    return None if row is None else tuple(row)


def _revised(connection: sqlite3.Connection, after: int) -> tuple[int, list[int]]:
    """The listeners that were revised after a number, and the number after them. Every open one, if
    some of these numbers have been dropped."""
    rows = connection.execute(
        "SELECT seq, listener_id FROM revised WHERE seq > ? ORDER BY seq LIMIT ?",
        (after, _MAX_REVISIONS),
    ).fetchall()
    if rows and rows[0][0] > after + 1:
        is_open = connection.execute("SELECT id FROM listener WHERE closed_at IS NULL")
        last = connection.execute("SELECT max(seq) FROM revised").fetchone()[0]
        return int(last), [number for (number,) in is_open]
    return (rows[-1][0] if rows else after), [listener for _, listener in rows]


def _ticks(connection: sqlite3.Connection, after: int) -> tuple[int, int, list[dict[str, Any]]]:
    """The ticks that interrupt a watch up to an id, and the newest one."""
    first, newest = connection.execute(
        "SELECT coalesce(min(id), 1), coalesce(max(id), 0) FROM tick"
    ).fetchone()
    to = max(after, min(newest, max(after, first - 1) + _MAX_TICKS))
    rows = connection.execute(_TICKS, {"after": after, "to": to, "newest": newest})
    return to, newest, [{**dict(row), "is_kept": bool(row["is_kept"])} for row in rows]


def _rollups(connection: sqlite3.Connection, after: int, now: int) -> tuple[int, list[Row]]:
    """The hours of rollups that are complete, and the last of them."""
    until = now - _SETTLED
    full = connection.execute(
        "SELECT bucket FROM rollup WHERE resolution = 3600 AND bucket > ? AND bucket <= ?"
        " ORDER BY bucket LIMIT 1 OFFSET ?",
        (after, until, _MAX_ROLLUPS),
    ).fetchone()
    rows = connection.execute(
        "SELECT listener_id, bucket, beats, cpu_sum, cpu_max, rss_max, clients_max, queue_max,"
        " backlog FROM rollup WHERE resolution = 3600 AND bucket > ? AND bucket <= ?"
        " ORDER BY bucket",
        (after, min(until, full[0]) if full else until),
    ).fetchall()
    return (rows[-1][1] if rows else after), [tuple(row) for row in rows]


def _named(connection: sqlite3.Connection, sent: Sent, table: str) -> list[dict[str, Any]]:
    rows = connection.execute(f"SELECT * FROM {table} ORDER BY id").fetchall()
    names = [] if not rows else list(rows[0].keys())
    return [dict(zip(names, row, strict=True)) for row in sent.new(table, map(tuple, rows))]


def _of_ids(connection: sqlite3.Connection, statement: str, ids: Iterable[int]) -> list[Any]:
    return connection.execute(statement, (json.dumps(sorted(ids)),)).fetchall()


class _Owners:
    """The holders, former owners, processes and programs of a batch's listeners."""

    def __init__(
        self, connection: sqlite3.Connection, events: list[Any], listeners: list[Any]
    ) -> None:
        self._connection = connection
        ids = [row[0] for row in listeners]
        self._holders = self._by_listener("SELECT listener_id, process_id FROM holder", ids)
        self._former = self._by_listener(
            "SELECT listener_id, until, process_id, program_id, unit, container, cwd, folded"
            " FROM former",
            ids,
        )
        processes = {row[11] for row in listeners}
        processes.update(row[1] for rows in self._holders.values() for row in rows)
        processes.update(row[2] for rows in self._former.values() for row in rows)
        self.processes = [
            tuple(row)
            for row in _of_ids(
                connection,
                "SELECT p.id, p.host_id, p.pid, p.started_at, p.program_id, p.ppid, p.parents,"
                " p.unit, p.container, p.cwd, p.container_id FROM json_each(?) j"
                " CROSS JOIN process p ON p.id = j.value",
                processes - {None},
            )
        ]
        self._programs = {row[7] for row in events} | {row[12] for row in listeners}
        self._programs.update(row[4] for row in self.processes)
        self._programs.update(row[3] for rows in self._former.values() for row in rows)

    def _by_listener(self, statement: str, ids: list[int]) -> dict[int, list[Row]]:
        found: dict[int, list[Row]] = {}
        for row in _of_ids(
            self._connection,
            f"{statement} WHERE listener_id IN (SELECT value FROM json_each(?))",
            ids,
        ):
            found.setdefault(row[0], []).append(tuple(row))
        return found

    def listener(self, row: Row) -> Row:
        """The row of a listener with its exposure, holders and former owners."""
        *first, namespace, closed_at, closed_seen = row
        where = exposure(bound(row[4], row[16], row[17], row[18], namespace)).value
        holders = [process for _, process in self._holders.get(row[0], ())]
        names = ("until", "process_id", "program_id", "unit", "container", "cwd", "folded")
        former = [dict(zip(names, each[1:], strict=True)) for each in self._former.get(row[0], ())]
        return (*first, where, holders, json.dumps(former), closed_at, closed_seen)

    def programs(self) -> list[Row]:
        """The programs of the batch, each with its title."""
        rows = _of_ids(
            self._connection,
            "SELECT g.id, g.name, g.exe, g.user, g.cmdline FROM json_each(?) j"
            " CROSS JOIN program g ON g.id = j.value",
            self._programs - {None},
        )
        return [(*row, programs.title(row[1], row[2], row[4])) for row in rows]

    def containers(self, sent: Sent) -> list[dict[str, Any]]:
        """The containers of the batch's processes that are new or have new names."""
        rows = _of_ids(
            self._connection,
            "SELECT c.* FROM json_each(?) j CROSS JOIN container c ON c.id = j.value",
            {row[10] for row in self.processes} - {None},
        )
        names = [] if not rows else list(rows[0].keys())
        new = sent.new("container", map(tuple, rows))
        return [dict(zip(names, row, strict=True)) for row in new]
