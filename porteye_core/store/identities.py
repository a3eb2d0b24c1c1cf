"""Rows of processes and programs: each stored once, found again by what identifies it."""

import json
import sqlite3
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager

try:  # hashlib loads OpenSSL too: 4 of the 32 MiB that a monitor may take
    from _blake2 import blake2b
except ImportError:  # another Python than CPython
    from hashlib import blake2b

from porteye_core.model import Process, ProcessKey, Program

_MOST_REMEMBERED = 1024


class Identities:
    """Finds or writes rows, and remembers the latest; forget() after a rollback."""

    def __init__(self, connection: sqlite3.Connection, host: int) -> None:
        self._connection = connection
        self._host = host
        self._processes: OrderedDict[ProcessKey, tuple[int, tuple[int, int]]] = OrderedDict()
        self._programs: dict[bytes, int] = {}  # by digest
        self._used: set[tuple[int, int]] | None = None

    def forget(self) -> None:
        """Drop what is remembered: rows of a transaction that failed are not there."""
        self._processes.clear()
        self._programs.clear()

    def process(self, process: Process) -> tuple[int, int]:
        """The ids of this process's row and of its program's."""
        known = self._processes.get(process.key)
        # The same process may have become another program, and moved. Its hash tells, for 1,024
        # descriptions would take 2 MiB.
        described = hash(process)
        if known is None or known[0] != described:
            known = described, self._process_row(process)
            self._processes[process.key] = known
            if len(self._processes) > _MOST_REMEMBERED:
                self._processes.popitem(last=False)
        if self._used is not None:
            self._used.add(known[1])
        return known[1]

    @contextmanager
    def noting_use(self) -> Iterator[set[tuple[int, int]]]:
        """The ids, of process and program, that are given out during the block."""
        used: set[tuple[int, int]] = set()
        self._used = used
        try:
            yield used
        finally:
            self._used = None

    def _process_row(self, process: Process) -> tuple[int, int]:
        program = self._program_row(process.program)
        found = self._connection.execute(
            "INSERT INTO process (host_id, pid, started_at, program_id, ppid, parents, unit,"
            " container, cwd) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
            # A process that calls execve becomes another program under the same identity, and an
            # orphan has another parent: the row keeps those that started it.
            " ON CONFLICT DO UPDATE SET program_id = excluded.program_id, unit = excluded.unit,"
            " container = excluded.container, cwd = excluded.cwd RETURNING id",
            (
                self._host,
                process.key.pid,
                process.key.started_at,
                program,
                process.parents[0].pid if process.parents else None,
                json.dumps([{"pid": up.pid, "name": up.name} for up in process.parents]),
                process.unit,
                process.container,
                process.cwd,
            ),
        ).fetchone()
        return int(found[0]), program

    def _program_row(self, program: Program) -> int:
        digest = _digest(program)
        if digest in self._programs:
            return self._programs[digest]
        found = self._connection.execute(
            "INSERT INTO program (digest, name, exe, user, cmdline) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT DO UPDATE SET digest = digest RETURNING id",
            (digest, program.name, program.exe, program.user, program.cmdline),
        ).fetchone()
        if len(self._programs) >= _MOST_REMEMBERED:
            self._programs.clear()
        self._programs[digest] = int(found[0])
        return self._programs[digest]


def _digest(program: Program) -> bytes:
    text = f"{program.name}\0{program.exe}\0{program.user}\0{program.cmdline}"
    return blake2b(text.encode(), digest_size=16).digest()
