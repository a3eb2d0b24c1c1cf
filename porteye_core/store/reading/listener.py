"""One listener: its life, holders, former owners, and others of its port and of its program."""

import json
from dataclasses import dataclass, replace

from porteye_core.containers import Container, short_container
from porteye_core.exposure import Bound
from porteye_core.model import Ancestor, Hidden, Precision, Protocol
from porteye_core.store import engine
from porteye_core.store.reading.listener_rows import (
    ENDS,
    NAMES,
    bound_of,
    from_tables,
    select_columns,
)
from porteye_core.store.tables.event_ids import LATE_US, EventIds
from porteye_core.store.tables.host_row import boot_id, machine_id

LIVES = f"SELECT {select_columns()} FROM {from_tables()}"
_PORT_LIVES = (
    "SELECT l.id, l.opened_at, l.closed_at, l.program_id,"
    " coalesce(title(g.name, g.exe, g.cmdline), '')"
    " FROM listener l LEFT JOIN program g ON g.id = l.program_id"
)
_NEAR = 40  # openings of a port among which one of its other protocol is passed over


@dataclass(frozen=True, slots=True)
class Life:
    """A listener from when it opened to when it closed; what is not known is None or empty.

    process: the owner's name; title: what people know it by (see programs.title); named: its
    container with what its runtime tells; unseen_at: from when on it could not be looked for;
    holders_gone: processes that held it and have ended; started_at: when the owner started.
    """

    id: int
    protocol: Protocol
    bound: Bound
    port: int
    opened_at: int
    closed_at: int | None
    opened_seen: Precision
    closed_seen: Precision | None
    unseen_at: int | None
    holders_gone: int
    inode: int | None  # of the socket
    hidden: Hidden | None
    pid: int | None
    process: str
    title: str
    user: str
    socket_user: str  # who made the socket, empty if the source does not tell
    cmdline: str
    exe: str
    parents: tuple[Ancestor, ...]  # nearest first
    unit: str
    container: str
    named: Container | None
    cwd: str
    program: int | None
    started_at: int | None

    @property
    def shown_container(self) -> str:
        """The container as lists show it; empty if it is in none."""
        return self.named.shown if self.named else short_container(self.container)


@dataclass(frozen=True, slots=True)
class Held:
    """A process that has the socket open; `process` is its title."""

    pid: int
    process: str
    user: str
    cmdline: str
    started_at: int


@dataclass(frozen=True, slots=True)
class Former:
    """An owner that a listener had until a time; `process` is its title.

    folded: the number of still earlier owners that are not kept one by one.
    """

    until: int
    pid: int | None
    process: str
    user: str
    cmdline: str
    cwd: str
    folded: int


@dataclass(frozen=True, slots=True)
class Boot:
    """The boot of a machine, from which the start times of its processes count.

    is_present: it is the one that this machine, and no other, runs in now.
    """

    at: int
    is_present: bool


@dataclass(frozen=True, slots=True)
class PortLife:
    """A life of a port in short; `process` is its title, `program` the program's id."""

    id: int
    opened_at: int
    closed_at: int | None
    program: int | None
    process: str


@dataclass(frozen=True, slots=True)
class PortLives:
    """The lives of a port in a range, the earliest first.

    is_cut: there are more events than were read, so that earlier lives are left out.
    """

    lives: tuple[PortLife, ...]
    is_cut: bool


def life(connection: engine.Connection, listener_id: int) -> Life | None:
    """The listener of this number, None if there is none."""
    row = connection.execute(f"{LIVES} WHERE l.id = ?", (listener_id,)).fetchone()
    return None if row is None else life_of(row)


def holders(connection: engine.Connection, listener_id: int) -> list[Held]:
    """The processes that hold the listener, or held it when it closed, the oldest first."""
    rows = connection.execute(
        "SELECT p.pid, title(g.name, g.exe, g.cmdline), g.user, g.cmdline, p.started_at"
        " FROM holder h"
        " JOIN process p ON p.id = h.process_id JOIN program g ON g.id = p.program_id"
        " WHERE h.listener_id = ? ORDER BY p.started_at, p.pid",
        (listener_id,),
    )
    return [Held(*row) for row in rows]


def boot(connection: engine.Connection, listener_id: int) -> Boot:
    """The last known boot of the machine that a listener is of."""
    row = connection.execute(
        "SELECT booted_at, boot_id, machine_id FROM host"
        " WHERE id = (SELECT host_id FROM listener WHERE id = ?)",
        (listener_id,),
    ).fetchone()
    here = bool(row["boot_id"]) and (row["machine_id"], row["boot_id"]) == (machine_id(), boot_id())
    return Boot(row["booted_at"], here)


def former_owners(connection: engine.Connection, listener_id: int) -> list[Former]:
    """The owners that a listener had before, the earliest first: it was handed on, its owner became
    another program, gave up rights or changed its folder."""
    rows = connection.execute(
        "SELECT f.until, p.pid, coalesce(title(g.name, g.exe, g.cmdline), ''),"
        " coalesce(g.user, ''), coalesce(g.cmdline, ''), f.cwd, f.folded FROM former f"
        " LEFT JOIN process p ON p.id = f.process_id LEFT JOIN program g ON g.id = f.program_id"
        " WHERE f.listener_id = ? ORDER BY f.until",
        (listener_id,),
    )
    return [Former(*row) for row in rows]


def before_and_after(
    connection: engine.Connection, of: Life
) -> tuple[PortLife | None, PortLife | None]:
    """The lives of the same port and protocol that were recorded just before and just after."""
    found = []
    # A busy port has a million events: those on the other side of this life are passed over.
    ids = EventIds(connection)
    first = ids.between(of.opened_at - LATE_US, None).low
    last = ids.between(None, of.opened_at + LATE_US).high
    for older, bound, newest_first in (("<", f"id <= {last}", "DESC"), (">", f"id >= {first}", "")):
        row = connection.execute(
            f"{_PORT_LIVES} WHERE l.protocol = ? AND l.id IN (SELECT listener_id FROM event"
            f" WHERE port = ? AND {bound} AND kind = 'opened' AND listener_id {older} ?"
            f" ORDER BY id {newest_first} LIMIT ?) ORDER BY +l.id {newest_first} LIMIT 1",
            # Of both protocols: the index knows the port alone.
            (of.protocol, of.port, of.id, _NEAR),
        ).fetchone()
        found.append(None if row is None else PortLife(*row))
    return found[0], found[1]


def port_lives(
    connection: engine.Connection, of: Life, since: int, until: int, limit: int
) -> PortLives:
    """The lives of the port and protocol of a listener in since..until; limit: of events."""
    low, high = EventIds(connection).between(since, until)
    events = connection.execute(
        "SELECT listener_id FROM event WHERE port = ? AND id BETWEEN ? AND ?"
        " ORDER BY id DESC LIMIT ?",
        (of.port, low, high, limit),
    ).fetchall()
    still_open = connection.execute(
        "SELECT id FROM listener WHERE port = ? AND closed_at IS NULL", (of.port,)
    ).fetchall()
    ids = json.dumps(sorted({of.id, *(listener_id for (listener_id,) in (*events, *still_open))}))
    rows = connection.execute(
        f"{_PORT_LIVES} WHERE l.protocol = ? AND l.opened_at <= ?"
        " AND (l.closed_at IS NULL OR l.closed_at >= ?)"
        " AND l.id IN (SELECT value FROM json_each(?)) ORDER BY l.opened_at, l.id",
        (of.protocol, until, since, ids),
    )
    return PortLives(tuple(PortLife(*row) for row in rows), len(events) == limit)


def siblings(connection: engine.Connection, of: Life) -> list[Life]:
    """The other open listeners of the same program, by port."""
    if of.program is None:
        return []
    rows = connection.execute(
        f"{LIVES} WHERE l.closed_at IS NULL AND l.program_id = ? AND l.id != ?"
        " ORDER BY l.port, l.address",
        (of.program, of.id),
    )
    return [life_of(row) for row in rows]


def life_of(row: engine.Row) -> Life:
    """The life that a row of these columns tells."""
    return Life(
        id=row["id"],
        protocol=Protocol(row["protocol"]),
        bound=bound_of(row),
        port=row["port"],
        opened_at=row["opened_at"],
        closed_at=row["closed_at"],
        opened_seen=Precision(row["opened_seen"]),
        closed_seen=Precision(row["closed_seen"]) if row["closed_seen"] else None,
        unseen_at=row["unseen_at"],
        holders_gone=row["holders_gone"],
        inode=row["inode"],
        hidden=Hidden(row["hidden"]) if row["hidden"] else None,
        pid=row["pid"],
        process=row["process"] or "",
        title=row["title"] or "",
        user=row["user"] or "",
        socket_user=row["socket_user"],
        cmdline=row["cmdline"] or "",
        exe=row["exe"] or "",
        parents=tuple(Ancestor(up["pid"], up["name"]) for up in json.loads(row["parents"] or "[]")),
        unit=row["unit"] or "",
        container=row["container"] or "",
        named=_named(row),
        cwd=row["cwd"] or "",
        program=row["program_id"],
        started_at=row["started_at"],
    )


def _named(row: engine.Row) -> Container | None:
    """The container of a row; None if it has none."""
    if not row["container"]:
        return None
    of = Container.of(row["container"])
    return replace(of, **{name: row[name] for name in (*NAMES, *ENDS) if row[name]})


def candidates(connection: engine.Connection, limit: int) -> list[Life]:
    """The listeners that are open, by port, to choose one from."""
    rows = connection.execute(
        f"{LIVES} WHERE l.closed_at IS NULL ORDER BY l.port, l.address, l.id LIMIT ?",
        (limit,),
    )
    return [life_of(row) for row in rows]


def closed_between(connection: engine.Connection, since: int, until: int) -> list[Life]:
    """The listeners that closed after `since`, until `until`."""
    rows = connection.execute(
        f"{LIVES} WHERE l.span IN (0, 1, 2) AND l.closed_at > ? AND l.closed_at <= ?"
        " ORDER BY l.closed_at, l.id",
        (since, until),
    )
    return [life_of(row) for row in rows]
