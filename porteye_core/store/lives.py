"""Rows of listeners: a life begins, ends, or becomes better known; no transaction of its own."""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from porteye_core.model import (
    Endpoint,
    Family,
    Kind,
    Listener,
    Owned,
    ProcessKey,
    Protocol,
    Seen,
)
from porteye_core.store.identities import Identities


@dataclass(frozen=True, slots=True)
class Opening:
    """A socket that was found open, and how exact the time is."""

    owned: Owned
    at: int
    seen: Seen
    closed: tuple[int, Seen] | None = None  # when it has closed again already


@dataclass(frozen=True, slots=True)
class Closing:
    """A listener that was found closed, and how exact the time is."""

    listener: Listener
    at: int
    seen: Seen


class Event(NamedTuple):
    """What happened to a listener; `program` is the number of its row."""

    at: int
    kind: Kind
    seen: Seen
    listener: int
    port: int
    protocol: Protocol
    program: int | None


class Learnt(NamedTuple):
    """The program of an opening that was stored without one."""

    opened_at: int
    port: int
    protocol: Protocol
    program: int


class Lives:
    """Writes the rows of one host's listeners and of who holds them."""

    def __init__(self, connection: sqlite3.Connection, host: int, identities: Identities) -> None:
        self._connection = connection
        self._host = host
        self._identities = identities

    def open_ones(self) -> dict[int, Listener]:
        """The listeners without an end, by their numbers."""
        rows = self._connection.execute(
            "SELECT l.id, protocol, family, address, port, netns, inode, fd, opened_at,"
            " p.pid, p.started_at FROM listener l LEFT JOIN process p ON p.id = l.process_id"
            " WHERE closed_at IS NULL AND l.host_id = ?",
            (self._host,),
        ).fetchall()
        holders = self._holders()
        return {
            row[0]: Listener(
                row[0],
                Endpoint(Protocol(row[1]), Family(row[2]), row[3], row[4], row[5]),
                inode=row[6],
                fd=row[7],
                opened_at=row[8],
                owner=None if row[9] is None else ProcessKey(row[9], row[10]),
                holders=frozenset(holders.get(row[0], ())),
            )
            for row in rows
        }

    def _holders(self) -> dict[int, list[ProcessKey]]:
        held: dict[int, list[ProcessKey]] = {}
        for listener, pid, started in self._connection.execute(
            "SELECT h.listener_id, p.pid, p.started_at FROM listener l"
            " JOIN holder h ON h.listener_id = l.id JOIN process p ON p.id = h.process_id"
            " WHERE l.closed_at IS NULL"
        ):
            held.setdefault(listener, []).append(ProcessKey(pid, started))
        return held

    def begin(self, number: int, opening: Opening) -> list[Event]:
        """Store a life under this number; returns its events."""
        owned = opening.owned
        process, program = self._owner(owned)
        self._insert(number, opening, process, program)
        self._hold(number, owned)
        return list(_events(opening, number, program))

    def _insert(
        self, number: int, opening: Opening, process: int | None, program: int | None
    ) -> None:
        owned, endpoint = opening.owned, opening.owned.socket.endpoint
        self._connection.execute(
            "INSERT INTO listener (id, host_id, protocol, family, address, port, netns, inode, fd,"
            " uid, user, process_id, program_id, hidden, opened_at, opened_seen, closed_at,"
            " closed_seen) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                number,
                self._host,
                endpoint.protocol,
                endpoint.family,
                endpoint.address,
                endpoint.port,
                endpoint.netns,
                owned.socket.inode,
                owned.socket.fd,
                owned.socket.uid,
                owned.user,
                process,
                program,
                owned.hidden,
                opening.at,
                opening.seen,
                *(opening.closed or (None, None)),
            ),
        )

    def end(self, closing: Closing) -> Event:
        """Store the end of a life; returns the event."""
        listener = closing.listener
        # A clock that was set back must not make a life end before it began.
        at = max(closing.at, listener.opened_at)
        program = self._connection.execute(
            "UPDATE listener SET closed_at = ?, closed_seen = ? WHERE id = ? RETURNING program_id",
            (at, closing.seen, listener.id),
        ).fetchone()[0]
        endpoint = listener.endpoint
        return Event(
            at, Kind.CLOSED, closing.seen, listener.id, endpoint.port, endpoint.protocol, program
        )

    def learn(self, number: int, owned: Owned) -> Learnt | None:
        """Store what a look newly knows of an open life; returns the program that its opening is
        counted for from now on, if that changes."""
        process, program = self._owner(owned)
        learnt = None if program is None else self._learnt(number, program)
        if learnt:
            # So that one index has all events of a program: its time finds it, listeners have none.
            self._connection.execute(
                "UPDATE event SET program_id = ? WHERE at = ? AND listener_id = ?"
                " AND kind = 'opened'",
                (program, learnt.opened_at, number),
            )
        self._connection.execute(
            "UPDATE listener SET process_id = coalesce(?1, process_id),"
            " program_id = coalesce(?2, program_id), hidden = iif(?1 IS NULL, hidden, NULL),"
            " fd = coalesce(?3, fd), inode = coalesce(?4, inode), netns = coalesce(?5, netns),"
            " uid = coalesce(?6, uid), user = iif(?7 = '', user, ?7) WHERE id = ?8",
            (
                process,
                program,
                owned.socket.fd,
                owned.socket.inode,
                owned.socket.endpoint.netns,
                owned.socket.uid,
                owned.user,
                number,
            ),
        )
        self._hold(number, owned)
        return learnt

    def _learnt(self, number: int, program: int) -> Learnt | None:
        row = self._connection.execute(
            "SELECT l.opened_at, l.port, l.protocol FROM listener l"
            " JOIN event e ON e.at = l.opened_at AND e.listener_id = l.id"
            " WHERE l.id = ? AND e.kind = 'opened' AND e.program_id IS NULL",
            (number,),
        ).fetchone()
        return None if row is None else Learnt(row[0], row[1], Protocol(row[2]), program)

    def _owner(self, owned: Owned) -> tuple[int | None, int | None]:
        return self._identities.process(owned.owner) if owned.owner else (None, None)

    def _hold(self, number: int, owned: Owned) -> None:
        self._connection.executemany(
            "INSERT OR IGNORE INTO holder VALUES (?, ?)",
            [(number, self._identities.process(each)[0]) for each in owned.holders],
        )


def _events(opening: Opening, number: int, program: int | None) -> Iterator[Event]:
    endpoint = opening.owned.socket.endpoint
    of = number, endpoint.port, endpoint.protocol, program
    yield Event(opening.at, Kind.OPENED, opening.seen, *of)
    if opening.closed:
        at, seen = opening.closed
        yield Event(at, Kind.CLOSED, seen, *of)


def listener_of(number: int, owned: Owned, opened_at: int) -> Listener:
    """The listener under this number that this socket is."""
    return Listener(
        number,
        owned.socket.endpoint,
        opened_at,
        inode=owned.socket.inode,
        fd=owned.socket.fd,
        owner=owned.key,
        holders=frozenset(holder.key for holder in owned.holders),
        cookie=owned.socket.cookie,
    )
