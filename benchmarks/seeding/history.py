"""Watches, lives and their events as rows."""

import json
import sqlite3
from collections.abc import Iterator, Sequence

import numpy as np

from benchmarks.seeding.identities import Owners, write_worker
from benchmarks.seeding.lives import Lives
from benchmarks.seeding.places import Place
from benchmarks.seeding.scale import SECOND, Scale
from benchmarks.seeding.watches import Times, Watches
from porteye_core.model import Kind, Precision, Protocol

# The owner of one opening in so many was learnt only after the event had been written.
_LEARNT_LATER = 400
_POLLED = 3  # every third watch ran without root
_NO_ROOT = {
    "name": "no_root",
    "text": "Owners of other users' sockets are hidden.",
    "hint": "Run the monitor as root.",
}


def write_watches(connection: sqlite3.Connection, watched: Watches, scale: Scale) -> None:
    """Store the watches; the last one ends now or goes on."""
    pairs = zip(watched.begins.tolist(), watched.ends.tolist(), strict=True)
    last = len(watched.begins) - 1
    for index, (begin, end) in enumerate(pairs):
        polled = _is_polled(index)
        connection.execute(
            "INSERT INTO watch VALUES (?, 1, ?, ?, ?, ?, ?, ?, ?, ?, '0.1.0', ?)",
            (
                index + 1,
                begin,
                end,
                None if scale.watching and index == last else end,
                "sock_diag" if polled else "tracepoint",
                json.dumps([_NO_ROOT] if polled else []),
                SECOND,
                10 * SECOND,
                800 + index,
                _WHY[polled],
            ),
        )


# In the words of the monitor.
_WHY = {
    True: "tracepoint: it needs root. It is the most precise source available here.",
    False: "It is the most precise source available here.",
}


def _is_polled(watch: int) -> bool:
    return watch % _POLLED == 1


def write_listeners(
    connection: sqlite3.Connection,
    places: Sequence[Place],
    found: Lives,
    owners: Owners,
    watched: Watches,
) -> None:
    """Store the lives: the listener of the life at index n has the id n + 1."""
    opened_seen, closed_seen = _seen(places, found, watched)
    wheres = [_where(place) for place in places]
    users = [place.user for place in places]
    hidden = [place.hidden for place in places]
    rows = zip(
        found.place.tolist(),
        found.opened.tolist(),
        found.closed.tolist(),
        owners.process.tolist(),
        owners.program.tolist(),
        opened_seen,
        closed_seen,
        strict=True,
    )
    connection.executemany(
        "INSERT INTO listener (host_id, protocol, family, address, port, netns, inode, fd, uid,"
        " user, process_id, program_id, hidden, opened_at, closed_at, opened_seen, closed_seen)"
        " VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            (
                *(*wheres[place], 90_000 + number, 3 + number % 9, 1000, users[place]),
                *(process or None, program or None, hidden[place]),
                *(opened, closed or None, first, last if closed else None),
            )
            for number, (place, opened, closed, process, program, first, last) in enumerate(rows)
        ),
    )


def _where(place: Place) -> tuple[str, str, str, int, int | None]:
    at = place.endpoint
    return at.protocol.value, at.family.value, at.address, at.port, at.netns


def _seen(places: Sequence[Place], found: Lives, watched: Watches) -> tuple[list[str], list[str]]:
    """How exact each opening and closing is: UDP openings are polled always, TCP's without root;
    the kernel tells closings to everybody, within the time of a scan."""
    udp = np.array([place.endpoint.protocol is Protocol.UDP for place in places])[found.place]
    polled = udp | _polled(watched.number(found.opened))
    opened = np.select(
        [found.opened_in_gap, polled], [Precision.GAP.value, Precision.POLL.value], "kernel"
    )
    closed = np.where(found.closed_in_gap, Precision.GAP.value, Precision.KERNEL.value)
    return opened.tolist(), closed.tolist()


def _polled(watch: Times) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
    return np.asarray(watch % _POLLED == 1)


def write_holders(
    connection: sqlite3.Connection, places: Sequence[Place], found: Lives, owners: Owners
) -> None:
    """Store the owner of each life as its holder, and beside it the workers of what is open."""
    connection.executemany(
        "INSERT INTO holder VALUES (?, ?)",
        (
            (listener, process)
            for listener, process in enumerate(owners.process.tolist(), 1)
            if process
        ),
    )
    number = owners.processes
    for life in np.flatnonzero(found.closed == 0).tolist():
        place = places[found.place[life]]
        for _ in range(place.workers):
            number += 1
            started_at, program = int(found.opened[life]), int(owners.program[life])
            write_worker(connection, place, number, program, started_at)
            connection.execute("INSERT INTO holder VALUES (?, ?)", (life + 1, number))


def write_events(connection: sqlite3.Connection, found: Lives, owners: Owners) -> None:
    """Store the events of all lives, in the order of their times."""
    connection.executemany(
        "INSERT INTO event (host_id, at, kind, seen, listener_id, port, program_id)"
        " SELECT 1, ?, ?, iif(? = 'opened', opened_seen, closed_seen), id, port, ?"
        " FROM listener WHERE id = ?",
        _events(found, owners),
    )


def _events(found: Lives, owners: Owners) -> Iterator[tuple[int, str, str, int | None, int]]:
    closed = np.flatnonzero(found.closed)
    life = np.concatenate([np.arange(len(found.opened), dtype=np.int64), closed])
    at = np.concatenate([found.opened, found.closed[closed]])
    program = owners.program[life]
    program[: len(found.opened)][np.arange(len(found.opened)) % _LEARNT_LATER == 7] = 0
    order = np.argsort(at, kind="stable")
    is_opening = (order < len(found.opened)).tolist()
    rows = zip(
        at[order].tolist(), is_opening, life[order].tolist(), program[order].tolist(), strict=True
    )
    for moment, opening, index, owner in rows:
        kind = Kind.OPENED if opening else Kind.CLOSED
        yield moment, kind.value, kind.value, owner or None, index + 1
