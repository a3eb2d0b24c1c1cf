"""The listeners of a port, a pid or a name: those that are open, else the last ones."""

from collections.abc import Sequence

from porteye_core.store import engine
from porteye_core.store.reading.listener import LIVES, Life, life_of
from porteye_core.store.reading.listener_rows import process_condition
from porteye_core.store.tables.event_ids import EventIds

# More programs than that match a word that says nothing; the newest of them are asked.
_MAX_PROGRAMS = 200
# With the host, so that the index of processes is used.
_PROCESSES = "FROM process WHERE host_id IN (SELECT id FROM host) AND pid = ?"
_LAST_OF_PROCESS = (
    "SELECT max(id) FROM (SELECT e.id FROM event e CROSS JOIN listener l"
    " WHERE l.id = e.listener_id AND e.program_id = ? AND e.id BETWEEN ? AND ?"
    " AND l.process_id = ? ORDER BY e.id DESC LIMIT 1) AS latest"
)


def on_port(connection: engine.Connection, port: int, limit: int) -> list[Life]:
    """The open listeners of a port, else its last one."""
    found = _open(connection, "l.port = ?", (port,), limit)
    return found or _last(connection, "SELECT max(id) FROM event WHERE port = ?", [(port,)], 1)


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
    newest = "SELECT max(id) FROM event WHERE program_id = ?"
    return _last(connection, newest, [tuple(row) for row in programs], limit)


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
    events = [connection.execute(newest, each).fetchone()[0] for each in values]
    latest = sorted((event for event in events if event is not None), reverse=True)[:limit]
    return [
        life_of(
            connection.execute(
                f"{LIVES} WHERE l.id = (SELECT listener_id FROM event WHERE id = ?)",
                (event,),
            ).fetchone()
        )
        for event in latest
    ]
