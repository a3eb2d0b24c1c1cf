"""The only writes: what a beat saw goes into the database in one transaction."""

import json
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

from porteye_core import __version__
from porteye_core.errors import StoreError
from porteye_core.model import (
    Endpoint,
    Family,
    Kind,
    Listener,
    Owned,
    ProcessKey,
    Protocol,
    Sample,
    Seen,
    Tick,
    WatchPlan,
)
from porteye_core.store import rollups
from porteye_core.store.dead_band import DeadBand
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


class _Event(NamedTuple):
    """A row of the event table, from `at` to `program_id`, and the protocol."""

    at: int
    kind: Kind
    seen: Seen
    listener: int
    port: int
    program: int | None
    protocol: Protocol

    @property
    def happened(self) -> rollups.Happened:
        """The event as the rollups count it."""
        return rollups.Happened(self.at, self.kind, self.port, self.protocol, self.program)


def _events(opening: Opening, listener: Listener, program: int | None) -> Iterator[_Event]:
    port, protocol = listener.endpoint.port, listener.endpoint.protocol
    yield _Event(opening.at, Kind.OPENED, opening.seen, listener.id, port, program, protocol)
    if opening.closed:
        at, seen = opening.closed
        yield _Event(at, Kind.CLOSED, seen, listener.id, port, program, protocol)


class Writer:
    """Writes watches, beats and what changed; every method is one transaction.

    Raises StoreError when the database does not take it, and then nothing of it is stored.
    """

    def __init__(
        self, connection: sqlite3.Connection, host_id: int, db: Path, *, rebooted: bool = False
    ) -> None:
        """`rebooted`: what was open when a monitor last looked ended with the boot before."""
        self.rebooted = rebooted
        self._connection = connection
        self._db, self._file = db, _file(db)
        self._host = host_id
        self.booted_at: int = connection.execute(
            "SELECT booted_at FROM host WHERE id = ?", (host_id,)
        ).fetchone()[0]
        self._identities = Identities(connection, host_id)
        self._watch = 0
        self._band = DeadBand()

    def open_listeners(self) -> dict[int, Listener]:
        """The listeners that were open when a monitor last looked."""
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

    def begin_watch(self, at: int, plan: WatchPlan) -> None:
        """Start a watch; what is recorded from now on belongs to it."""
        with self._transaction():
            cursor = self._connection.execute(
                "INSERT INTO watch (host_id, started_at, seen_at, source, limits, interval,"
                " sample_interval, pid, version, why) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    self._host,
                    at,
                    at,
                    plan.source,
                    json.dumps([asdict(limit) for limit in plan.limits]),
                    plan.interval_us,
                    plan.sample_interval_us,
                    os.getpid(),
                    __version__,
                    plan.why,
                ),
            )
            self._watch = cursor.lastrowid or 0

    def end_watch(self, at: int) -> None:
        """End the watch cleanly."""
        with self._transaction():
            self._connection.execute(
                "UPDATE watch SET seen_at = max(seen_at, ?), stopped_at = ? WHERE id = ?",
                (at, at, self._watch),
            )

    def record_changes(
        self,
        at: int,
        opened: Sequence[Opening] = (),
        closed: Sequence[Closing] = (),
        reowned: Sequence[tuple[Listener, Owned]] = (),
    ) -> tuple[Listener, ...]:
        """Store what one look changed, with an event for each; returns the opened listeners."""
        with self._transaction():
            events = [self._close(closing) for closing in closed]
            for listener, owned in reowned:
                self._reown(listener, owned)
            born = []
            for opening in opened:
                listener, program = self._open(opening)
                born.append(listener)
                events += _events(opening, listener, program)
            events.sort(key=lambda event: event.at)
            self._connection.executemany(
                "INSERT INTO event (host_id, at, kind, seen, listener_id, port, program_id)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                [(self._host, *event[:-1]) for event in events],
            )
            rollups.count_events(self._connection, [event.happened for event in events])
            self._seen(at)
        return tuple(born)

    def record_tick(self, tick: Tick, samples: Sequence[Sample]) -> None:
        """Store one sampling beat, and of its samples those that say something new."""
        moved = self._band.moved(samples, tick.monotonic)
        if _file(self._db) != self._file:
            raise StoreError(
                f"The database {self._db} was deleted or replaced while it was in use.",
                "Start the monitor again: it makes a new one.",
            )
        with self._transaction():
            number = self._connection.execute(
                "INSERT INTO tick (at, monotonic, watch_id, listeners, clients, scan_us, hidden,"
                " lost, gap, jump, left_out, cpu, rss, size)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    tick.at,
                    tick.monotonic,
                    self._watch,
                    tick.listeners,
                    tick.clients,
                    tick.scan_us,
                    tick.hidden,
                    tick.lost,
                    tick.gap,
                    tick.jump,
                    tick.left_out,
                    *(tick.cpu, tick.rss, tick.size),
                ),
            ).lastrowid
            self._connection.executemany(
                "INSERT INTO sample VALUES (?, ?, ?, ?, ?, ?, ?)",
                [
                    (number, s.listener_id, s.cpu, s.rss, s.clients, s.queue, s.backlog)
                    for s in moved
                ],
            )
            rollups.sum_usage(self._connection, tick.at, samples)
            self._seen(tick.at)
        self._band.keep(moved, tick.monotonic)

    def _seen(self, at: int) -> None:
        self._connection.execute(
            "UPDATE watch SET seen_at = max(seen_at, ?) WHERE id = ?", (at, self._watch)
        )

    def _open(self, opening: Opening) -> tuple[Listener, int | None]:
        owned, endpoint = opening.owned, opening.owned.socket.endpoint
        process, program = self._owner(owned)
        number = self._connection.execute(
            "INSERT INTO listener (host_id, protocol, family, address, port, netns, inode, fd,"
            " uid, user, process_id, program_id, hidden, opened_at, opened_seen, closed_at,"
            " closed_seen) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
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
        ).lastrowid
        assert number is not None  # an INSERT that succeeded has a rowid
        self._hold(number, owned)
        return listener_of(number, owned, opening.at), program

    def _close(self, closing: Closing) -> _Event:
        listener = closing.listener
        # A clock that was set back must not make a life end before it began.
        at = max(closing.at, listener.opened_at)
        program = self._connection.execute(
            "UPDATE listener SET closed_at = ?, closed_seen = ? WHERE id = ? RETURNING program_id",
            (at, closing.seen, listener.id),
        ).fetchone()[0]
        endpoint = listener.endpoint
        return _Event(
            at, Kind.CLOSED, closing.seen, listener.id, endpoint.port, program, endpoint.protocol
        )

    def _reown(self, listener: Listener, owned: Owned) -> None:
        number = listener.id
        process, program = self._owner(owned)
        if program is not None and self._has_no_program(number):
            endpoint = listener.endpoint
            self._connection.execute(
                "UPDATE event SET program_id = ? WHERE at = ? AND listener_id = ?"
                " AND program_id IS NULL",
                (program, listener.opened_at, number),
            )
            rollups.name_opening(
                self._connection, listener.opened_at, endpoint.port, endpoint.protocol, program
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

    def _has_no_program(self, number: int) -> bool:
        question = "SELECT program_id IS NULL FROM listener WHERE id = ?"
        return bool(self._connection.execute(question, (number,)).fetchone()[0])

    def _owner(self, owned: Owned) -> tuple[int | None, int | None]:
        return self._identities.process(owned.owner) if owned.owner else (None, None)

    def _hold(self, number: int, owned: Owned) -> None:
        self._connection.executemany(
            "INSERT OR IGNORE INTO holder VALUES (?, ?)",
            [(number, self._identities.process(each)[0]) for each in owned.holders],
        )

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            yield
            self._connection.execute("COMMIT")
        except sqlite3.Error as err:
            self._roll_back()
            raise StoreError(f"The database did not take a write: {err}.") from err
        except BaseException:
            self._roll_back()
            raise

    def _roll_back(self) -> None:
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")
        self._identities.forget()


def _file(path: Path) -> tuple[int, int] | None:
    """What tells a file from another of its name; None if there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


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
