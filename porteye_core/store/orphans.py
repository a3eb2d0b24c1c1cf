"""Deletes processes and programs that nothing refers to any more, in steps."""

import sqlite3
from collections.abc import Iterator

from porteye_core.store.identities import Identities
from porteye_core.store.pace import Pace
from porteye_core.store.transaction import unchecked


class Bits:
    """Which numbers up to a most one are marked: a set of a million of them would be 60 MB."""

    def __init__(self, most: int) -> None:
        self._bits = bytearray(most // 8 + 1)

    def add(self, number: int | None) -> None:
        """Mark a number; what is beyond the most one needs no mark."""
        if number is not None and number >> 3 < len(self._bits):
            self._bits[number >> 3] |= 1 << (number & 7)

    def __contains__(self, number: int) -> bool:
        return bool(self._bits[number >> 3] & 1 << (number & 7))


def drop_orphans(connection: sqlite3.Connection, identities: Identities) -> Iterator[None]:
    """Each `next()` is one short step, between which others may write: what they refer to goes
    through the identities, and stays."""
    with identities.noting_use() as used:
        search = _Search(connection)
        yield from search.mark_listeners()
        yield from search.mark_holders()
        yield from search.mark_former()
        yield from search.drop_processes(identities, used)
        yield from search.drop_programs(identities, used)


class _Search:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._pace = Pace(first=1000, least=100, most=50_000)
        self._drops = Pace(first=100, least=50, most=20_000)  # a row costs more than to mark it
        self._last_process, self._last_program = map(self._last, ("process", "program"))
        self._processes = Bits(self._last_process)
        self._programs = Bits(self._last_program)

    def _last(self, table: str) -> int:
        return int(
            self._connection.execute(f"SELECT coalesce(max(id), 0) FROM {table}").fetchone()[0]
        )

    def mark_listeners(self) -> Iterator[None]:
        last = 0
        while True:
            with self._pace.measured():
                rows = self._connection.execute(
                    "SELECT id, process_id, program_id FROM listener WHERE id > ?"
                    " ORDER BY id LIMIT ?",
                    (last, self._pace.size),
                ).fetchall()
                for last, process, program in rows:  # noqa: B007 - the last one is where it goes on
                    self._processes.add(process)
                    self._programs.add(program)
            if not rows:
                return
            yield

    def mark_holders(self) -> Iterator[None]:
        last = 0, 0
        while True:
            with self._pace.measured():
                rows = self._connection.execute(
                    "SELECT listener_id, process_id FROM holder"
                    " WHERE (listener_id, process_id) > (?, ?)"
                    " ORDER BY listener_id, process_id LIMIT ?",
                    (*last, self._pace.size),
                ).fetchall()
                for last in rows:
                    self._processes.add(last[1])
            if not rows:
                return
            yield

    def mark_former(self) -> Iterator[None]:
        last = 0, 0
        while True:
            with self._pace.measured():
                rows = self._connection.execute(
                    "SELECT listener_id, until, process_id, program_id FROM former"
                    " WHERE (listener_id, until) > (?, ?) ORDER BY listener_id, until LIMIT ?",
                    (*last, self._pace.size),
                ).fetchall()
                for *at, process, program in rows:
                    last = at[0], at[1]
                    self._processes.add(process)
                    self._programs.add(program)
            if not rows:
                return
            yield

    def drop_processes(self, identities: Identities, used: set[tuple[int, int]]) -> Iterator[None]:
        last = 0
        while True:
            with self._drops.measured():
                rows = self._connection.execute(
                    "SELECT id, program_id FROM process WHERE id > ? AND id <= ?"
                    " ORDER BY id LIMIT ?",
                    (last, self._last_process, self._drops.size),
                ).fetchall()
                if not rows:
                    return
                last = rows[-1][0]
                kept = {process for process, _ in used}
                orphans = [n for n, _ in rows if n not in self._processes and n not in kept]
                gone = set(orphans)
                for number, program in rows:
                    if number not in gone:
                        self._programs.add(program)
                self._drop("process", orphans, identities)
            yield

    def drop_programs(self, identities: Identities, used: set[tuple[int, int]]) -> Iterator[None]:
        last = 0
        while True:
            with self._drops.measured():
                rows = self._connection.execute(
                    "SELECT id, EXISTS (SELECT 1 FROM event WHERE program_id = program.id)"
                    " FROM program WHERE id > ? AND id <= ? ORDER BY id LIMIT ?",
                    (last, self._last_program, self._drops.size),
                ).fetchall()
                if not rows:
                    return
                last = rows[-1][0]
                kept = {program for _, program in used}
                orphans = [n for n, told in rows if not (told or n in self._programs or n in kept)]
                self._drop("program", orphans, identities)
            yield

    def _drop(self, table: str, numbers: list[int], identities: Identities) -> None:
        if not numbers:
            return
        with unchecked(self._connection):
            self._connection.executemany(
                f"DELETE FROM {table} WHERE id = ?", [(number,) for number in numbers]
            )
        identities.forget()
