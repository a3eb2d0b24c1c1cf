"""Rows of processes and programs; each is stored once and found by its identifying fields."""

import json
import sqlite3
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager

try:  # hashlib also loads OpenSSL: 4 of the monitor's limit of 32 MiB
    from _blake2 import blake2b
except ImportError:  # a Python other than CPython
    from hashlib import blake2b

from porteye_core.model import Process, ProcessKey, Program
from porteye_core.store.tables.container_table import ContainerTable

_MAX_CACHED = 1024


class ProcessTable:
    """Finds or inserts rows, with a cache of the latest; call forget() after a rollback."""

    def __init__(self, connection: sqlite3.Connection, host: int) -> None:
        self._connection = connection
        self._host = host
        self.containers = ContainerTable(connection, host)
        self._processes: OrderedDict[ProcessKey, tuple[int, tuple[int, int]]] = OrderedDict()
        self._programs: dict[bytes, int] = {}  # by digest
        self._used: set[tuple[int, int]] | None = None

    def forget(self) -> None:
        """Empty the cache: it may have rows of a transaction that failed."""
        self._processes.clear()
        self._programs.clear()
        self.containers.forget()

    def process(self, process: Process) -> tuple[int, int]:
        """Ids of the rows of this process and its program; inserts or updates them if needed."""
        cached = self._processes.get(process.key)
        # A process can become another program, or change its folder. The cache compares hashes:
        # 1,024 descriptions would take 2 MiB.
        description = hash(process)
        if cached is None or cached[0] != description:
            cached = description, self._process_row(process)
            self._processes[process.key] = cached
            if len(self._processes) > _MAX_CACHED:
                self._processes.popitem(last=False)
        if self._used is not None:
            self._used.add(cached[1])
        return cached[1]

    @contextmanager
    def noting_use(self) -> Iterator[set[tuple[int, int]]]:
        """Collect the pairs of ids that process() returns during the block."""
        used: set[tuple[int, int]] = set()
        self._used = used
        try:
            yield used
        finally:
            self._used = None

    def _process_row(self, process: Process) -> tuple[int, int]:
        program = self._program_row(process.program)
        row = self._connection.execute(
            "INSERT INTO process (host_id, pid, started_at, program_id, ppid, parents, unit,"
            " container, cwd, container_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
            # After execve a process is another program with the same key. The parents stay as they
            # were at the first insert, although an orphan gets another parent.
            " ON CONFLICT DO UPDATE SET program_id = excluded.program_id, unit = excluded.unit,"
            " container = excluded.container, cwd = excluded.cwd,"
            " container_id = excluded.container_id RETURNING id",
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
                self.containers.row(process.container),
            ),
        ).fetchone()
        return int(row[0]), program

    def _program_row(self, program: Program) -> int:
        digest = _digest(program)
        if digest in self._programs:
            return self._programs[digest]
        row = self._connection.execute(
            "INSERT INTO program (digest, name, exe, user, cmdline) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT DO UPDATE SET digest = digest RETURNING id",
            (digest, program.name, program.exe, program.user, program.cmdline),
        ).fetchone()
        if len(self._programs) >= _MAX_CACHED:
            self._programs.clear()
        self._programs[digest] = int(row[0])
        return self._programs[digest]


def _digest(program: Program) -> bytes:
    text = f"{program.name}\0{program.exe}\0{program.user}\0{program.cmdline}"
    return blake2b(text.encode(), digest_size=16).digest()
