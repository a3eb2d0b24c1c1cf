"""Programs and processes of the lives, each stored once."""

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from hashlib import blake2b

import numpy as np

from benchmarks.seeding.lives import Lives
from benchmarks.seeding.places import Place
from benchmarks.seeding.scale import SECOND
from benchmarks.seeding.watches import Times
from porteye_core.model import Process, Program

# What a program opens within this time of each other, one process of it opened.
_SAME_PROCESS = 10 * SECOND
_LOWEST_PID, _PIDS = 1200, 60_000
_INSERT = (
    "INSERT INTO process (id, host_id, pid, started_at, program_id, ppid, parents, unit, container,"
    " cwd) VALUES (?, 1, ?, ?, ?, ?, ?, ?, ?, ?)"
)


@dataclass(frozen=True, slots=True)
class Owners:
    """Of each life the program and the process that owns it, 0 for none; `processes`: how many."""

    program: Times
    process: Times
    processes: int


def write_owners(connection: sqlite3.Connection, places: Sequence[Place], found: Lives) -> Owners:
    """Store the programs and the processes that own these lives."""
    programs = _write_programs(connection, places)
    of_place = np.array(
        [programs[place.owner.program] if place.owner else 0 for place in places], dtype=np.int64
    )
    program = of_place[found.place]
    first = _first_lives(program, found.opened)
    owners = _owners(program, first)
    _write_processes(connection, places, found, owners, first)
    return owners


def write_worker(
    connection: sqlite3.Connection, place: Place, number: int, program: int, started_at: int
) -> None:
    """Store a process that a place's owner forked, under this number."""
    row = number, _pid(number), started_at + SECOND, program, *_texts(place.owner)
    connection.execute(_INSERT, row)


def _write_programs(connection: sqlite3.Connection, places: Sequence[Place]) -> dict[Program, int]:
    programs = dict.fromkeys(place.owner.program for place in places if place.owner)
    numbers = {program: number for number, program in enumerate(programs, 1)}
    connection.executemany(
        "INSERT INTO program VALUES (?, ?, ?, ?, ?, ?)",
        ((number, _digest(each), *astuple(each)) for each, number in numbers.items()),
    )
    return numbers


def _digest(program: Program) -> bytes:
    return blake2b("\0".join(astuple(program)).encode(), digest_size=16).digest()


def _first_lives(program: Times, opened: Times) -> Times:
    """Of each life the first life of its process, -1 where the owner is hidden."""
    order = np.lexsort((opened, program))
    ordered, times = program[order], opened[order]
    new = np.ones(len(order), dtype=np.bool_)
    new[1:] = (ordered[1:] != ordered[:-1]) | (np.diff(times) > _SAME_PROCESS)
    first = np.empty_like(program)
    first[order] = order[new][np.cumsum(new) - 1]
    return np.where(program > 0, first, -1)


def _owners(program: Times, first: Times) -> Owners:
    """Processes are numbered in the order in which they opened something."""
    begins = np.unique(first[first >= 0])
    process = np.where(first >= 0, np.searchsorted(begins, first) + 1, 0)
    return Owners(program, process, len(begins))


def _write_processes(
    connection: sqlite3.Connection,
    places: Sequence[Place],
    found: Lives,
    owners: Owners,
    first: Times,
) -> None:
    begins = np.unique(first[first >= 0])
    rows = zip(
        range(1, owners.processes + 1),
        (found.opened[begins] - SECOND // 2).tolist(),
        found.place[begins].tolist(),
        owners.program[begins].tolist(),
        strict=True,
    )
    texts = [_texts(place.owner) for place in places]
    connection.executemany(
        _INSERT,
        (
            (number, _pid(number), started_at, program, *texts[place])
            for number, started_at, place, program in rows
        ),
    )


def _pid(number: int) -> int:
    return _LOWEST_PID + number % _PIDS


def _texts(process: Process | None) -> tuple[int | None, str, str, str, str]:
    if process is None:
        return None, "[]", "", "", ""
    parents = json.dumps([{"pid": up.pid, "name": up.name} for up in process.parents])
    nearest = process.parents[0].pid if process.parents else None
    return nearest, parents, process.unit, process.container, process.cwd
