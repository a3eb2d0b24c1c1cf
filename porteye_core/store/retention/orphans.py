"""Deletion of processes, containers and programs that no row refers to, in steps."""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from porteye_core.store.file.transaction import unchecked
from porteye_core.store.retention.step_budget import USUAL, StepBudget
from porteye_core.store.tables.process_table import ProcessTable


class _Referring(NamedTuple):
    """A table whose rows refer to a process and a program; `key`: the columns of its order."""

    table: str
    key: tuple[str, ...]
    program: str = "program_id"


_REFERRING = (
    _Referring("listener", ("id",)),
    _Referring("holder", ("listener_id", "process_id"), program="NULL"),
    _Referring("former", ("listener_id", "until")),
)


class _IdSet:
    """Set of ids up to a maximum, as bits: a Python set of a million ids takes 60 MB."""

    def __init__(self, max_id: int) -> None:
        self._bits = bytearray(max_id // 8 + 1)

    def add(self, row_id: int | None) -> None:
        """Add an id; None and ids above the maximum are ignored."""
        if row_id is not None and row_id >> 3 < len(self._bits):
            self._bits[row_id >> 3] |= 1 << (row_id & 7)

    def __contains__(self, row_id: int) -> bool:
        return bool(self._bits[row_id >> 3] & 1 << (row_id & 7))


def drop_orphans(
    connection: sqlite3.Connection, process_table: ProcessTable, seconds: float = USUAL
) -> Iterator[None]:
    """Delete orphans; each `next()` is one step of so many seconds.

    Writers may run between steps: the rows that they refer to pass `process_table` and stay.
    """
    with process_table.noting_use() as used:
        search = _Search(connection, seconds)
        for referring in _REFERRING:
            yield from search.mark(referring)
        yield from search.drop_processes(process_table, used)
        yield from search.drop_containers(process_table)
        yield from search.drop_programs(process_table, used)


class _Search:
    def __init__(self, connection: sqlite3.Connection, seconds: float) -> None:
        self._connection = connection
        self._marks = StepBudget(first=1000, minimum=100, maximum=50_000, goal=seconds)
        # A deletion costs more than a mark.
        self._drops = StepBudget(first=100, minimum=50, maximum=20_000, goal=seconds)
        self._max_process, self._max_program, self._max_container = map(
            self._max_id, ("process", "program", "container")
        )
        self._processes = _IdSet(self._max_process)
        self._programs = _IdSet(self._max_program)

    def _max_id(self, table: str) -> int:
        return int(
            self._connection.execute(f"SELECT coalesce(max(id), 0) FROM {table}").fetchone()[0]
        )

    def mark(self, referring: _Referring) -> Iterator[None]:
        """Mark the processes and programs that the rows of a table refer to."""
        key = ", ".join(referring.key)
        statement = (
            f"SELECT {key}, process_id, {referring.program} FROM {referring.table}"
            f" WHERE ({key}) > ({', '.join('?' * len(referring.key))}) ORDER BY {key} LIMIT ?"
        )
        last: tuple[int, ...] = (0,) * len(referring.key)
        while True:
            with self._marks.measured():
                rows = self._connection.execute(statement, (*last, self._marks.size)).fetchall()
                for *_, process, program in rows:
                    self._processes.add(process)
                    self._programs.add(program)
            if not rows:
                return
            last = rows[-1][:-2]
            yield

    def drop_processes(
        self, process_table: ProcessTable, used: set[tuple[int, int]]
    ) -> Iterator[None]:
        statement = (
            "SELECT id, program_id FROM process WHERE id > ? AND id <= ? ORDER BY id LIMIT ?"
        )

        def orphans_of(rows: Sequence[sqlite3.Row]) -> set[int]:
            in_use = {process for process, _ in used}
            orphans = {
                row_id
                for row_id, _ in rows
                if row_id not in self._processes and row_id not in in_use
            }
            for row_id, program in rows:
                if row_id not in orphans:
                    self._programs.add(program)
            return orphans

        yield from self._drop_each(
            "process", statement, self._max_process, orphans_of, process_table
        )

    def drop_containers(self, process_table: ProcessTable) -> Iterator[None]:
        # The index of processes answers at once: a process that came since then counts, too.
        statement = (
            "SELECT id, EXISTS (SELECT 1 FROM process WHERE container_id = container.id)"
            " FROM container WHERE id > ? AND id <= ? ORDER BY id LIMIT ?"
        )

        def orphans_of(rows: Sequence[sqlite3.Row]) -> set[int]:
            return {row_id for row_id, has_process in rows if not has_process}

        yield from self._drop_each(
            "container", statement, self._max_container, orphans_of, process_table
        )

    def drop_programs(
        self, process_table: ProcessTable, used: set[tuple[int, int]]
    ) -> Iterator[None]:
        statement = (
            "SELECT id, EXISTS (SELECT 1 FROM event WHERE program_id = program.id)"
            " FROM program WHERE id > ? AND id <= ? ORDER BY id LIMIT ?"
        )

        def orphans_of(rows: Sequence[sqlite3.Row]) -> set[int]:
            in_use = {program for _, program in used}
            return {
                row_id
                for row_id, has_event in rows
                if not (has_event or row_id in self._programs or row_id in in_use)
            }

        yield from self._drop_each(
            "program", statement, self._max_program, orphans_of, process_table
        )

    def _drop_each(
        self,
        table: str,
        statement: str,
        max_id: int,
        orphans_of: Callable[[Sequence[sqlite3.Row]], set[int]],
        process_table: ProcessTable,
    ) -> Iterator[None]:
        """Delete the orphans among the rows of a table, up to an id, in steps.

        statement: selects rows after an id; orphans_of: the ids of the orphans among them.
        """
        last = 0
        while True:
            with self._drops.measured():
                rows = self._connection.execute(
                    statement, (last, max_id, self._drops.size)
                ).fetchall()
                if not rows:
                    return
                last = rows[-1][0]
                self._drop(table, orphans_of(rows), process_table)
            yield

    def _drop(self, table: str, orphans: set[int], process_table: ProcessTable) -> None:
        if not orphans:
            return
        with unchecked(self._connection):
            self._connection.executemany(
                f"DELETE FROM {table} WHERE id = ?", [(row_id,) for row_id in sorted(orphans)]
            )
        process_table.forget()
