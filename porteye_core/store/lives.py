"""Rows of listeners: a life begins, ends, or becomes better known; no transaction of its own."""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from porteye_core.model import (
    Closing,
    Endpoint,
    Family,
    InterfaceKind,
    Kind,
    Listener,
    Opening,
    Owned,
    ProcessKey,
    Protocol,
    Seen,
)
from porteye_core.store.identities import Identities

# Former owners that are kept of one listener.
_MOST_FORMER = 32


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


class _Before(NamedTuple):
    """The owner of an open life as it is stored."""

    process: int | None
    program: int | None
    unit: str
    container: str
    cwd: str


class Lives:
    """Writes the rows of one host's listeners and of who holds them."""

    def __init__(self, connection: sqlite3.Connection, host: int, identities: Identities) -> None:
        self._connection = connection
        self._host = host
        self._identities = identities
        self._released = 0

    def open_ones(self) -> dict[int, Listener]:
        """The listeners without an end, by their numbers.

        The namespace of one without inode and cookie was guessed from its record, which is not
        kept: it counts as not known until a scan shows the listener.
        """
        rows = self._connection.execute(
            "SELECT l.id, protocol, family, address, port,"
            " iif(coalesce(inode, cookie) IS NULL, NULL, netns), inode, fd, opened_at,"
            " p.pid, p.started_at, l.cookie, l.unseen_at FROM listener l"
            " LEFT JOIN process p ON p.id = l.process_id"
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
                cookie=_unsigned(row[11]),
                unseen_at=row[12],
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
        holders = {self._identities.process(each)[0] for each in owned.holders}
        self._add_holders(number, holders)
        return list(_events(opening, number, program))

    def _insert(
        self, number: int, opening: Opening, process: int | None, program: int | None
    ) -> None:
        owned, endpoint = opening.owned, opening.owned.socket.endpoint
        interface, kind = _interface(owned)
        self._connection.execute(
            "INSERT INTO listener (id, host_id, protocol, family, address, port, netns, inode, fd,"
            " uid, user, process_id, program_id, hidden, opened_at, opened_seen, closed_at,"
            " closed_seen, interface, interface_kind, v6only, cookie)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
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
                interface,
                kind,
                owned.socket.v6only,
                _signed(owned.socket.cookie),
            ),
        )

    def end(self, closing: Closing) -> Event:
        """Store the end of a life; returns the event."""
        listener = closing.listener
        # A clock that was set back must not make a life end before it began.
        at = max(closing.at, listener.opened_at)
        program = self._connection.execute(
            # Guessed numbers may belong to a listener that is still open.
            "UPDATE listener SET closed_at = ?, closed_seen = ?, inode = iif(?, NULL, inode),"
            " cookie = iif(?, NULL, cookie) WHERE id = ? RETURNING program_id",
            (at, closing.seen, listener.guessed, listener.guessed, listener.id),
        ).fetchone()[0]
        endpoint = listener.endpoint
        return Event(
            at, Kind.CLOSED, closing.seen, listener.id, endpoint.port, endpoint.protocol, program
        )

    def learn(self, at: int, reowned: Sequence[tuple[Listener, Owned]]) -> Iterator[Learnt]:
        """Store what a scan newly shows of open lives; yields the program of each opening that is
        counted for another from now on."""
        # All before any: listeners share processes, whose rows change with the first of them.
        before = [self._before(listener.id) for listener, _ in reowned]
        ownerless = {
            listener.opened_at
            for (listener, _), was in zip(reowned, before, strict=True)
            if was.program is None
        }
        nameless = {number: event for at in ownerless for number, event in self._nameless(at)}
        for (listener, owned), was in zip(reowned, before, strict=True):
            process, program = self._owner(owned)
            if program is not None and (event := nameless.pop(listener.id, None)):
                # So that one index has all events of a program.
                self._connection.execute(
                    "UPDATE event SET program_id = ? WHERE id = ?", (program, event)
                )
                endpoint = listener.endpoint
                yield Learnt(listener.opened_at, endpoint.port, endpoint.protocol, program)
            self._learn(at, listener, owned, was, process, program)

    def _nameless(self, at: int) -> Iterator[tuple[int, int]]:
        """The listeners whose opening at this time was stored without a program, and the events.

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
        """Store from when on listeners could not be looked for, and what is no longer known."""
        self._connection.executemany(
            "UPDATE listener SET unseen_at = ?, netns = ? WHERE id = ?",
            [(each.unseen_at, each.endpoint.netns, each.id) for each in unseen],
        )

    def place(self, placed: Iterable[tuple[int, int]]) -> None:
        """Store the namespaces of listeners, by id, whose namespace was not known."""
        self._connection.executemany(
            "UPDATE listener SET netns = ? WHERE id = ? AND netns IS NULL",
            [(netns, number) for number, netns in placed],
        )

    def take_released(self) -> int:
        """The number of holders forgotten since the last call, whose rows nothing may need now."""
        released, self._released = self._released, 0
        return released

    def _learn(
        self,
        at: int,
        listener: Listener,
        owned: Owned,
        was: _Before,
        process: int | None,
        program: int | None,
    ) -> None:
        number, socket = listener.id, owned.socket
        interface, kind = _interface(owned)
        if owned.owner is not None and was.process is not None:
            home = owned.owner.unit, owned.owner.container, owned.owner.cwd
            if was != (process, program, *home):
                self._retire(max(at, listener.opened_at), number, was)
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
                "id": number,
                "interface": interface,
                "kind": kind,
                "v6only": socket.v6only,
            },
        )
        self._hold(number, owned)

    def _before(self, number: int) -> _Before:
        row = self._connection.execute(
            "SELECT l.process_id, l.program_id, p.unit, p.container, p.cwd FROM listener l"
            " LEFT JOIN process p ON p.id = l.process_id WHERE l.id = ?",
            (number,),
        ).fetchone()
        return _Before(*row)

    def _retire(self, at: int, number: int, was: _Before) -> None:
        """Store whose a listener was until now; of too many the oldest two become one."""
        self._connection.execute(
            "INSERT OR IGNORE INTO former VALUES (?, ?, ?, ?, ?, ?, ?, 0)", (number, at, *was)
        )
        oldest = self._connection.execute(
            "SELECT until, folded FROM former WHERE listener_id = ? ORDER BY until", (number,)
        ).fetchall()
        if len(oldest) > _MOST_FORMER:
            (first, folded), (second, _) = oldest[:2]
            self._connection.execute(
                "DELETE FROM former WHERE listener_id = ? AND until = ?", (number, first)
            )
            self._connection.execute(
                "UPDATE former SET folded = folded + ? WHERE listener_id = ? AND until = ?",
                (folded + 1, number, second),
            )

    def _owner(self, owned: Owned) -> tuple[int | None, int | None]:
        return self._identities.process(owned.owner) if owned.owner else (None, None)

    def _hold(self, number: int, owned: Owned) -> None:
        """Store the holders that there are; those that have gone are counted and forgotten.

        A pre-fork server has as many workers as it likes in a year.
        """
        if not owned.holders:
            return
        now = {self._identities.process(each)[0] for each in owned.holders}
        stored = self._connection.execute(
            "SELECT process_id FROM holder WHERE listener_id = ?", (number,)
        )
        before = {process for (process,) in stored}
        self._add_holders(number, now - before)
        gone = before - now
        if gone:
            self._connection.executemany(
                "DELETE FROM holder WHERE listener_id = ? AND process_id = ?",
                [(number, each) for each in gone],
            )
            self._connection.execute(
                "UPDATE listener SET holders_gone = holders_gone + ? WHERE id = ?",
                (len(gone), number),
            )
            self._released += len(gone)

    def _add_holders(self, number: int, processes: Iterable[int]) -> None:
        self._connection.executemany(
            "INSERT INTO holder VALUES (?, ?)", [(number, each) for each in processes]
        )


def _signed(cookie: int | None) -> int | None:
    """A cookie as SQLite stores integers: it has 64 bits, and SQLite's a sign."""
    return cookie if cookie is None or cookie < 1 << 63 else cookie - (1 << 64)


def _unsigned(cookie: int | None) -> int | None:
    return cookie if cookie is None or cookie >= 0 else cookie + (1 << 64)


def _interface(owned: Owned) -> tuple[str | None, InterfaceKind | None]:
    found = owned.socket.interface
    return (None, None) if found is None else (found.name, found.kind)


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
        interface=owned.socket.interface,
    )
