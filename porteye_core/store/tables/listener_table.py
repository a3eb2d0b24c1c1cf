"""Rows of listeners, their holders and their former owners.

A row is one life of a listener. It is inserted at the opening, completed by later scans and ended
by the closing. The caller opens the transaction.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from porteye_core.model import (
    AttributedSocket,
    Closing,
    Endpoint,
    Family,
    Kind,
    Listener,
    Opening,
    Precision,
    ProcessKey,
    Protocol,
)
from porteye_core.reach import InterfaceKind
from porteye_core.store.tables.process_table import ProcessTable
from porteye_core.store.tables.revisions import revise

# Maximum of former owners of one listener.
_MAX_FORMER = 32


class Event(NamedTuple):
    """Opening or closing of a listener; listener, program: ids of rows."""

    at: int
    kind: Kind
    seen: Precision
    listener: int
    port: int
    protocol: Protocol
    program: int | None


class Learnt(NamedTuple):
    """Program of an opening that was stored without one; program: id of its row."""

    opened_at: int
    port: int
    protocol: Protocol
    program: int


class _Before(NamedTuple):
    """Stored owner of an open listener; process, program: ids of rows."""

    process: int | None
    program: int | None
    unit: str
    container: str
    cwd: str


class ListenerTable:
    """Writer of the rows of one host's listeners, their holders and former owners."""

    def __init__(
        self, connection: sqlite3.Connection, host: int, process_table: ProcessTable
    ) -> None:
        self._connection = connection
        self._host = host
        self._process_table = process_table
        self._released = 0

    def open_ones(self) -> Iterator[Listener]:
        """The listeners without an end, one after the other: one user can have 100,000.

        The namespace of one without inode and cookie was guessed from its record, which is not
        kept: it counts as not known until a scan shows the listener.
        """
        rows = self._connection.execute(
            "SELECT l.id, protocol, family, address, port,"
            " iif(coalesce(inode, cookie) IS NULL, NULL, netns), inode, fd, opened_at,"
            " p.pid, p.started_at, l.cookie, l.unseen_at FROM listener l"
            " LEFT JOIN process p ON p.id = l.process_id"
            " WHERE closed_at IS NULL AND l.host_id = ? ORDER BY l.id",
            (self._host,),
        )
        holders = self._holders()
        held = next(holders, None)
        for row in rows:
            found = []
            while held is not None and held[0] <= row[0]:
                found += [held[1]] if held[0] == row[0] else []
                held = next(holders, None)
            yield Listener(
                row[0],
                Endpoint(Protocol(row[1]), Family(row[2]), row[3], row[4], row[5]),
                inode=row[6],
                fd=row[7],
                opened_at=row[8],
                owner=None if row[9] is None else ProcessKey(row[9], row[10]),
                holders=frozenset(found),
                cookie=_unsigned(row[11]),
                unseen_at=row[12],
            )

    def _holders(self) -> Iterator[tuple[int, ProcessKey]]:
        """The holders of the open listeners of every host, by listener."""
        for listener, pid, started in self._connection.execute(
            "SELECT h.listener_id, p.pid, p.started_at FROM listener l"
            " JOIN holder h ON h.listener_id = l.id JOIN process p ON p.id = h.process_id"
            " WHERE l.closed_at IS NULL ORDER BY l.id"
        ):
            yield listener, ProcessKey(pid, started)

    def begin(self, listener_id: int, opening: Opening) -> list[Event]:
        """Insert a listener with this id; return its events."""
        owned = opening.owned
        process, program = self._owner(owned)
        self._insert(listener_id, opening, process, program)
        holders = {self._process_table.process(holder)[0] for holder in owned.holders}
        self._add_holders(listener_id, holders)
        return list(_events(opening, listener_id, program))

    def _insert(
        self, listener_id: int, opening: Opening, process: int | None, program: int | None
    ) -> None:
        owned, endpoint = opening.owned, opening.owned.socket.endpoint
        interface, kind = _interface(owned)
        self._connection.execute(
            "INSERT INTO listener (id, host_id, protocol, family, address, port, netns, inode, fd,"
            " uid, user, process_id, program_id, hidden, opened_at, opened_seen, closed_at,"
            " closed_seen, interface, interface_kind, v6only, cookie)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                listener_id,
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
                interface,
                kind,
                owned.socket.v6only,
                _signed(owned.socket.cookie),
            ),
        )

    def end(self, closing: Closing) -> Event:
        """Store the closing of a listener; return its event."""
        listener = closing.listener
        # After a clock was set back, a listener must not close before it opened.
        at = max(closing.at, listener.opened_at)
        program = self._connection.execute(
            # A guessed inode and cookie may belong to a listener that is still open.
            "UPDATE listener SET closed_at = ?, closed_seen = ?, inode = iif(?, NULL, inode),"
            " cookie = iif(?, NULL, cookie) WHERE id = ? RETURNING program_id",
            (at, closing.seen, listener.guessed, listener.guessed, listener.id),
        ).fetchone()[0]
        endpoint = listener.endpoint
        return Event(
            at, Kind.CLOSED, closing.seen, listener.id, endpoint.port, endpoint.protocol, program
        )

    def end_elsewhere(self, at: int) -> list[tuple[int, Event]]:
        """End the listeners that are open on other hosts; return the events, each with its host.

        A database that was moved or copied has them. Nobody watches there any more, at least into
        this database: they closed, as far as is known, at some time before `at`.
        """
        ended = self._connection.execute(
            "UPDATE listener SET closed_at = max(?, opened_at), closed_seen = 'gap'"
            " WHERE closed_at IS NULL AND host_id != ?"
            " RETURNING host_id, closed_at, id, port, protocol, program_id",
            (at, self._host),
        )
        return [
            (host, Event(at, Kind.CLOSED, Precision.GAP, *closed))
            for host, at, *closed in ended.fetchall()
        ]

    def learn(
        self, at: int, reowned: Sequence[tuple[Listener, AttributedSocket]]
    ) -> Iterator[Learnt]:
        """Store new facts about open listeners; yield the openings whose program is known now.

        Their counts belong to that program from now on.
        """
        # Read all owners before the first write: listeners share processes, whose rows it changes.
        before = [self._before(listener.id) for listener, _ in reowned]
        ownerless = {
            listener.opened_at
            for (listener, _), was in zip(reowned, before, strict=True)
            if was.program is None
        }
        nameless = {listener: event for at in ownerless for listener, event in self._nameless(at)}
        for (listener, owned), was in zip(reowned, before, strict=True):
            process, program = self._owner(owned)
            if program is not None and (event := nameless.pop(listener.id, None)):
                # One index then has all events of a program.
                self._connection.execute(
                    "UPDATE event SET program_id = ? WHERE id = ?", (program, event)
                )
                endpoint = listener.endpoint
                yield Learnt(listener.opened_at, endpoint.port, endpoint.protocol, program)
            self._learn(at, listener, owned, was, process, program)
        revise(self._connection, (listener.id for listener, _ in reowned))

    def _nameless(self, at: int) -> Iterator[tuple[int, int]]:
        """Listeners whose opening at this time has no program, each with the id of its event.

        One scan can find 20,000: the index of times is read once for all of them.
        """
        return iter(
            self._connection.execute(
                "SELECT listener_id, id FROM event"
                " WHERE at = ? AND kind = 'opened' AND program_id IS NULL",
                (at,),
            ).fetchall()
        )

    def lose_sight(self, unseen: Iterable[Listener]) -> None:
        """Store the time since which listeners could not be scanned, and their namespace then; of
        one that had the numbers of a twin that it has none."""
        lost = list(unseen)
        self._connection.executemany(
            "UPDATE listener SET unseen_at = ?, netns = ?, inode = ?, cookie = ? WHERE id = ?",
            [
                (each.unseen_at, each.endpoint.netns, each.inode, _signed(each.cookie), each.id)
                for each in lost
            ],
        )
        revise(self._connection, (each.id for each in lost))

    def place(self, placed: Iterable[tuple[int, int]]) -> None:
        """Store namespaces, by listener id, of listeners whose namespace was not known."""
        found = list(placed)
        self._connection.executemany(
            "UPDATE listener SET netns = ? WHERE id = ? AND netns IS NULL",
            [(netns, listener_id) for listener_id, netns in found],
        )
        revise(self._connection, (listener_id for listener_id, _ in found))

    def take_released(self) -> int:
        """Number of holders dropped since the last call; their processes may be orphans now."""
        released, self._released = self._released, 0
        return released

    def _learn(
        self,
        at: int,
        listener: Listener,
        owned: AttributedSocket,
        was: _Before,
        process: int | None,
        program: int | None,
    ) -> None:
        socket = owned.socket
        interface, kind = _interface(owned)
        if owned.owner is not None and was.process is not None:
            now = process, program, owned.owner.unit, owned.owner.container, owned.owner.cwd
            if was != now:
                self._retire(max(at, listener.opened_at), listener.id, was)
        self._connection.execute(
            "UPDATE listener SET process_id = coalesce(:process, process_id),"
            " program_id = coalesce(:program, program_id),"
            " hidden = iif(:process IS NULL, hidden, NULL),"
            " fd = coalesce(:fd, fd), inode = coalesce(:inode, inode),"
            " netns = coalesce(:netns, netns), uid = coalesce(:uid, uid),"
            " user = iif(:user = '', user, :user), address = :address,"
            " cookie = coalesce(:cookie, cookie), unseen_at = NULL,"
            " interface = coalesce(:interface, interface),"
            " interface_kind = iif(:interface IS NULL, interface_kind, :kind),"
            " v6only = coalesce(:v6only, v6only) WHERE id = :id",
            {
                "process": process,
                "program": program,
                "fd": socket.fd,
                "inode": socket.inode,
                "netns": socket.endpoint.netns,
                "uid": socket.uid,
                "user": owned.user,
                "address": listener.endpoint.address,
                "cookie": _signed(socket.cookie),
                "id": listener.id,
                "interface": interface,
                "kind": kind,
                "v6only": socket.v6only,
            },
        )
        self._hold(listener.id, owned)

    def _before(self, listener_id: int) -> _Before:
        row = self._connection.execute(
            "SELECT l.process_id, l.program_id, p.unit, p.container, p.cwd FROM listener l"
            " LEFT JOIN process p ON p.id = l.process_id WHERE l.id = ?",
            (listener_id,),
        ).fetchone()
        return _Before(*row)

    def _retire(self, at: int, listener_id: int, was: _Before) -> None:
        """Store a former owner; above the maximum merge the oldest two."""
        self._connection.execute(
            "INSERT OR IGNORE INTO former VALUES (?, ?, ?, ?, ?, ?, ?, 0)", (listener_id, at, *was)
        )
        oldest = self._connection.execute(
            "SELECT until, folded FROM former WHERE listener_id = ? ORDER BY until", (listener_id,)
        ).fetchall()
        if len(oldest) > _MAX_FORMER:
            (first, folded), (second, _) = oldest[:2]
            self._connection.execute(
                "DELETE FROM former WHERE listener_id = ? AND until = ?", (listener_id, first)
            )
            self._connection.execute(
                "UPDATE former SET folded = folded + ? WHERE listener_id = ? AND until = ?",
                (folded + 1, listener_id, second),
            )

    def _owner(self, owned: AttributedSocket) -> tuple[int | None, int | None]:
        return self._process_table.process(owned.owner) if owned.owner else (None, None)

    def _hold(self, listener_id: int, owned: AttributedSocket) -> None:
        """Store the present holders; count and delete those that are gone.

        A pre-fork server can have any number of workers in a year.
        """
        if not owned.holders:
            return
        now = {self._process_table.process(holder)[0] for holder in owned.holders}
        stored = self._connection.execute(
            "SELECT process_id FROM holder WHERE listener_id = ?", (listener_id,)
        )
        before = {process for (process,) in stored}
        self._add_holders(listener_id, now - before)
        gone = before - now
        if gone:
            self._connection.executemany(
                "DELETE FROM holder WHERE listener_id = ? AND process_id = ?",
                [(listener_id, process) for process in gone],
            )
            self._connection.execute(
                "UPDATE listener SET holders_gone = holders_gone + ? WHERE id = ?",
                (len(gone), listener_id),
            )
            self._released += len(gone)

    def _add_holders(self, listener_id: int, processes: Iterable[int]) -> None:
        self._connection.executemany(
            "INSERT INTO holder VALUES (?, ?)", [(listener_id, process) for process in processes]
        )


def _signed(cookie: int | None) -> int | None:
    """Cookie as a signed integer: a cookie has 64 bits without a sign, SQLite's 64 with one."""
    return cookie if cookie is None or cookie < 1 << 63 else cookie - (1 << 64)


def _unsigned(cookie: int | None) -> int | None:
    return cookie if cookie is None or cookie >= 0 else cookie + (1 << 64)


def _interface(owned: AttributedSocket) -> tuple[str | None, InterfaceKind | None]:
    interface = owned.socket.interface
    return (None, None) if interface is None else (interface.name, interface.kind)


def _events(opening: Opening, listener_id: int, program: int | None) -> Iterator[Event]:
    endpoint = opening.owned.socket.endpoint
    listener = listener_id, endpoint.port, endpoint.protocol, program
    yield Event(opening.at, Kind.OPENED, opening.seen, *listener)
    if opening.closed:
        at, seen = opening.closed
        yield Event(at, Kind.CLOSED, seen, *listener)


def listener_of(listener_id: int, owned: AttributedSocket, opened_at: int) -> Listener:
    """Make the listener with this id of a socket."""
    return Listener(
        listener_id,
        owned.socket.endpoint,
        opened_at,
        inode=owned.socket.inode,
        fd=owned.socket.fd,
        owner=owned.key,
        holders=frozenset(holder.key for holder in owned.holders),
        cookie=owned.socket.cookie,
        interface=owned.socket.interface,
    )
