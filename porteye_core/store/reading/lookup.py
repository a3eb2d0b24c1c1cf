"""The listeners of ports, a pid, a name, a user, a unit or container, or an address: those that are
open, else the last ones."""

import json
from collections.abc import Iterable, Sequence

from porteye_core.model import Filters, Protocol
from porteye_core.pasted_text import Ranges
from porteye_core.store import engine
from porteye_core.store.reading import events
from porteye_core.store.reading.listener import LIVES, Life, life_of
from porteye_core.store.reading.listener_rows import (
    home_condition,
    matching,
    names_of,
    process_condition,
)
from porteye_core.store.tables.event_ids import EventIds

# More programs than that match a word that says nothing; the newest of them are asked.
_MAX_PROGRAMS = 200
# With the host, so that the index of processes is used.
_PROCESSES = "FROM process WHERE host_id IN (SELECT id FROM host) AND pid = ?"
# No index has homes and addresses: of so many of the newest processes or listeners they are read,
# which takes a twentieth of a second. The history of a few processes that match is searched.
_NEWEST_ROWS, _MAX_PROCESSES = 50_000, 20
_NEWEST = "SELECT max(id) FROM event WHERE program_id = ?"
_LAST_OF_PROCESS = (
    "SELECT max(id) FROM (SELECT e.id FROM event e CROSS JOIN listener l"
    " WHERE l.id = e.listener_id AND e.program_id = ? AND e.id BETWEEN ? AND ?"
    " AND l.process_id = ? ORDER BY e.id DESC LIMIT 1) AS latest"
)


def on_port(connection: engine.Connection, port: int, limit: int) -> list[Life]:
    """The open listeners of a port, else its last one."""
    found = _open(connection, "l.port = ?", (port,), limit)
    return found or _last(connection, "SELECT max(id) FROM event WHERE port = ?", [(port,)], 1)


def on_ports(
    connection: engine.Connection, ports: Ranges, protocol: Protocol | None, limit: int
) -> list[Life]:
    """The open listeners of these ports, else the last one of each."""
    filters = Filters(ports=ports, protocol=protocol, limit=8 * limit)
    where = matching(filters)
    found = _open(connection, where.sql, where.parameters, limit)
    if found:
        return found
    latest = dict[int, int]()
    for row in events.newest(connection, filters):
        latest.setdefault(row["port"], row["id"])
    return _lives(connection, latest.values(), limit)


def of_pid(connection: engine.Connection, pid: int, limit: int) -> list[Life]:
    """The listeners that processes of this pid hold, else the last one of the newest of them."""
    numbers = f"(SELECT id {_PROCESSES})"
    # Asked of each open listener: to find all that these processes ever held is a scan.
    held = f"EXISTS (SELECT 1 FROM holder WHERE listener_id = l.id AND process_id IN {numbers})"
    found = _open(connection, f"(l.process_id IN {numbers} OR {held})", (pid, pid), limit)
    return found or _last_of_pid(connection, pid)


def _last_of_pid(connection: engine.Connection, pid: int) -> list[Life]:
    """The last life of the newest process that had any.

    No index leads from a process to its listeners: they are sought in its program's events since
    it started. A pid comes again after hours or days, so that these are few of ten millions.
    """
    event_ids = EventIds(connection)
    for process, started, program in connection.execute(
        f"SELECT id, started_at, program_id {_PROCESSES} ORDER BY started_at DESC", (pid,)
    ).fetchall():
        values = (program, *event_ids.between(started, None), process)
        if found := _last(connection, _LAST_OF_PROCESS, [values], 1):
            return found
    return []


def of_name(connection: engine.Connection, name: str, limit: int) -> list[Life]:
    """The open listeners of programs with this in name, title or command line, else their last
    ones."""
    matches = process_condition(name, "g")
    found = _open(connection, matches.sql, matches.parameters, limit)
    if found:
        return found
    programs = connection.execute(
        f"SELECT g.id FROM program g WHERE {matches.sql} ORDER BY g.id DESC LIMIT ?",
        (*matches.parameters, _MAX_PROGRAMS),
    ).fetchall()
    return _last(connection, _NEWEST, [tuple(row) for row in programs], limit)


def of_user(connection: engine.Connection, user: str, limit: int) -> list[Life]:
    """The open listeners of a user, else the last ones of the user's programs."""
    where = matching(Filters(user=user))
    found = _open(connection, where.sql, where.parameters, limit)
    if found:
        return found
    programs = connection.execute(
        "SELECT id FROM program WHERE user = ? ORDER BY id DESC LIMIT ?", (user, _MAX_PROGRAMS)
    ).fetchall()
    return _last(connection, _NEWEST, [tuple(row) for row in programs], limit)


def of_home(connection: engine.Connection, home: str, limit: int) -> list[Life]:
    """The open listeners of units and containers with this in their name, else the last ones of
    their newest processes."""
    where = matching(Filters(home=home))
    found = _open(connection, where.sql, where.parameters, limit)
    if found:
        return found
    named = home_condition(home, ("unit", "container", names_of("process.container_id")))
    processes = connection.execute(
        "SELECT id, started_at, program_id FROM process"
        f" WHERE id > (SELECT max(id) FROM process) - ? AND {named.sql} ORDER BY id DESC LIMIT ?",
        (_NEWEST_ROWS, *named.parameters, _MAX_PROCESSES),
    ).fetchall()
    event_ids = EventIds(connection)
    asked = [
        (program, *event_ids.between(started, None), process)
        for process, started, program in processes
    ]
    return _last(connection, _LAST_OF_PROCESS, asked, limit)


def on_address(connection: engine.Connection, address: str, limit: int) -> list[Life]:
    """The open listeners that are bound to an address, else the last one."""
    where = matching(Filters(address=address))
    found = _open(connection, where.sql, where.parameters, limit)
    if found:
        return found
    rows = connection.execute(
        f"{LIVES} WHERE l.id = (SELECT max(l.id) FROM listener l"
        f" WHERE l.id > (SELECT max(id) FROM listener) - ? AND {where.sql})",
        (_NEWEST_ROWS, *where.parameters),
    )
    return [life_of(row) for row in rows]


def _open(
    connection: engine.Connection, condition: str, values: tuple[object, ...], limit: int
) -> list[Life]:
    rows = connection.execute(
        f"{LIVES} WHERE l.closed_at IS NULL AND {condition} ORDER BY l.port, l.id LIMIT ?",
        (*values, limit),
    )
    return [life_of(row) for row in rows]


def _last(
    connection: engine.Connection, newest: str, values: Sequence[tuple[object, ...]], limit: int
) -> list[Life]:
    """The lives of the newest events that a question finds for each of these values."""
    found = [connection.execute(newest, each).fetchone()[0] for each in values]
    return _lives(connection, (each for each in found if each is not None), limit)


def _lives(connection: engine.Connection, of: Iterable[int], limit: int) -> list[Life]:
    """The lives of these events, the latest first."""
    ids = json.dumps(sorted(of, reverse=True))
    listeners = connection.execute(
        "SELECT listener_id FROM event WHERE id IN (SELECT value FROM json_each(?))"
        " GROUP BY listener_id ORDER BY max(id) DESC LIMIT ?",
        (ids, limit),
    ).fetchall()
    return [
        life_of(connection.execute(f"{LIVES} WHERE l.id = ?", (number,)).fetchone())
        for (number,) in listeners
    ]
