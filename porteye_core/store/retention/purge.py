"""Purge of rows older than a time, in steps: each `next()` is one short transaction.

No index leads from a listener to its samples, rollups and events, because it would multiply the
bytes written (docs/database.md: what is deleted together). So samples and rollups are deleted by
time alone, and a listener after them. Foreign keys are not checked meanwhile: a check would read a
whole table.
"""

import sqlite3
from collections.abc import Generator, Iterator
from typing import Literal, NamedTuple

from porteye_core.store.file.transaction import unchecked
from porteye_core.store.retention.step_budget import StepBudget
from porteye_core.store.tables import event_counters
from porteye_core.store.tables.event_ids import LATE_US, set_back
from porteye_core.store.tables.usage_rollups import COARSE, FINE

Kind = Literal["samples", "rollups", "events"]
Reason = Literal["age", "size"]
Steps = Iterator[None]

_HOUR = 3600 * 1_000_000
_SPANS = (0, 1, 2)  # values of listener.span


class _Life(NamedTuple):
    id: int
    opened_at: int
    closed_at: int
    protocol: str
    program: int | None


class Purge:
    """Deletion by time; one transaction has the deletions of a step and the record of them."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._ticks = StepBudget(first=100, minimum=10, maximum=5000)
        self._buckets = StepBudget(first=4, minimum=1, maximum=2000)
        self._lives = StepBudget(first=50, minimum=20, maximum=2000)

    def set_goal(self, seconds: float) -> None:
        """Set the time that each later step may take."""
        for pace in (self._ticks, self._buckets, self._lives):
            pace.goal = seconds

    def samples(self, before: int, reason: Reason) -> Steps:
        """Delete samples and their ticks, except ticks with a gap or a step of the clock."""
        at, number = -(2**62), 0
        while True:
            with self._ticks.measured(), unchecked(self._connection):
                ticks = self._connection.execute(
                    "SELECT at, id FROM tick WHERE (at, id) > (?, ?) AND at < ?"
                    " ORDER BY at, id LIMIT ?",
                    (at, number, before, self._ticks.size),
                ).fetchall()
                if not ticks:
                    return
                ids = [(each,) for _, each in ticks]
                gone = self._many("DELETE FROM sample WHERE tick_id = ?", ids)
                gone += self._many("DELETE FROM tick WHERE id = ? AND gap = 0 AND jump = 0", ids)
                at, number = ticks[-1]
                if gone:
                    self._note("samples", at + 1, reason)
            yield

    def rollups(self, before: int, reason: Reason) -> Steps:
        """Delete rollups whose hour ended before then."""
        end = event_counters.bucket_of(before, COARSE)
        for resolution in (FINE, COARSE):
            while (first := self._first_bucket(resolution, end)) is not None:
                with self._buckets.measured(), unchecked(self._connection):
                    length = self._buckets.size * resolution * 1_000_000
                    until = min(end, first + length)
                    self._connection.execute(
                        "DELETE FROM rollup WHERE resolution = ? AND bucket < ?",
                        (resolution, until),
                    )
                    self._note("rollups", until, reason)
                yield

    def _first_bucket(self, resolution: int, end: int) -> int | None:
        row = self._connection.execute(
            "SELECT bucket FROM rollup WHERE resolution = ? AND bucket < ? ORDER BY bucket LIMIT 1",
            (resolution, end),
        ).fetchone()
        return None if row is None else int(row[0])

    def events(self, before: int, reason: Reason) -> Generator[None, None, int]:
        """Delete listeners that closed before then, with their events; return their number.

        Their samples and rollups are deleted first.
        """
        yield from self.samples(before, reason)
        yield from self.rollups(before, reason)
        end = event_counters.bucket_of(before, COARSE) - _HOUR - self.disorder()
        gone = 0
        for span in _SPANS:
            while lives := self._closed(span, end):
                with self._lives.measured(), unchecked(self._connection):
                    self._drop_lives(lives)
                    self._note("events", lives[-1].closed_at + 1, reason)
                gone += len(lives)
                yield
        with unchecked(self._connection):
            self._connection.execute("DELETE FROM tick WHERE at < ?", (end,))
            self._connection.execute(
                "DELETE FROM watch WHERE max(seen_at, coalesce(stopped_at, 0)) < ?"
                " AND id < (SELECT min(watch_id) FROM tick)",
                (end,),
            )
        yield
        return gone

    def recent(self, before: int) -> Generator[None, None, int]:
        """Delete lives that closed before a time, each with its own samples and rollups.

        Samples and rollups of other listeners stay, unlike in events(). Returns the number of
        lives.
        """
        gone = 0
        for span in _SPANS:
            while lives := self._closed(span, before):
                with self._lives.measured(), unchecked(self._connection):
                    self._drop_samples(lives)
                    self._drop_rollups(lives)
                    self._drop_lives(lives)
                    self._note("events", lives[-1].closed_at + 1, "size")
                gone += len(lives)
                yield
        return gone

    def _drop_samples(self, lives: list[_Life]) -> None:
        """Delete the samples of these lives.

        The search takes every tick since the first opening: a tick may be later than the end of
        the life, because a closing can be stored late.
        """
        begin = min(life.opened_at for life in lives) - LATE_US - self.disorder()
        ids = {life.id for life in lives}
        found = self._connection.execute(
            "SELECT tick_id, listener_id FROM tick CROSS JOIN sample ON tick_id = tick.id"
            " WHERE tick.at >= ? AND listener_id BETWEEN ? AND ?",
            (begin, min(ids), max(ids)),
        )
        self._connection.executemany(
            "DELETE FROM sample WHERE tick_id = ? AND listener_id = ?",
            [(tick, listener) for tick, listener in found.fetchall() if listener in ids],
        )

    def _drop_rollups(self, lives: list[_Life]) -> None:
        """Delete the rollups of these lives."""
        begin = min(life.opened_at for life in lives) - LATE_US - self.disorder()
        for resolution in (FINE, COARSE):
            buckets = self._connection.execute(
                "WITH RECURSIVE found (bucket) AS ("
                " SELECT min(bucket) FROM rollup"
                " WHERE resolution = :resolution AND bucket >= :begin"
                " UNION ALL SELECT (SELECT min(r.bucket) FROM rollup r"
                " WHERE r.resolution = :resolution AND r.bucket > found.bucket)"
                " FROM found WHERE found.bucket IS NOT NULL)"
                " SELECT bucket FROM found WHERE bucket IS NOT NULL",
                {"resolution": resolution, "begin": event_counters.bucket_of(begin, resolution)},
            ).fetchall()
            self._connection.executemany(
                "DELETE FROM rollup WHERE resolution = ? AND bucket = ? AND listener_id = ?",
                [(resolution, bucket, life.id) for (bucket,) in buckets for life in lives],
            )

    def disorder(self) -> int:
        """Maximum in microseconds by which samples and rollups can be later than their closing."""
        return set_back(self._connection)

    def _closed(self, span: int, before: int) -> list[_Life]:
        """Listeners of one step that closed before then, the oldest closing first."""
        rows = self._connection.execute(
            "SELECT id, opened_at, closed_at, protocol, program_id FROM listener"
            " WHERE span = ? AND closed_at < ? AND closed_at IS NOT NULL"
            " ORDER BY closed_at LIMIT ?",
            (span, before, self._lives.size),
        )
        return [_Life(*row) for row in rows]

    def _drop_lives(self, lives: list[_Life]) -> None:
        of = {life.id: life for life in lives}
        events: list[tuple[int]] = []
        counted: list[event_counters.Counted] = []
        for moment in {at for life in lives for at in (life.opened_at, life.closed_at)}:
            for number, listener, at, kind, port, program in self._connection.execute(
                "SELECT id, listener_id, at, kind, port, program_id FROM event WHERE at = ?",
                (moment,),
            ):
                if life := of.get(listener):
                    events.append((number,))
                    counted.append((at, kind, port, life.protocol, program or life.program))
        event_counters.take_back(self._connection, counted)
        self._many("DELETE FROM event WHERE id = ?", events)
        ids = [(number,) for number in of]
        self._many("DELETE FROM holder WHERE listener_id = ?", ids)
        self._many("DELETE FROM former WHERE listener_id = ?", ids)
        self._many("DELETE FROM listener WHERE id = ?", ids)

    def _many(self, statement: str, parameters: list[tuple[int]]) -> int:
        return self._connection.executemany(statement, parameters).rowcount

    def _note(self, kind: Kind, before: int, reason: Reason) -> None:
        self._connection.execute(
            "INSERT INTO dropped VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET"
            " reason = excluded.reason, before = max(before, excluded.before)",
            (kind, before, reason),
        )
