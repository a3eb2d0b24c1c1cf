"""Sums over time that is over, kept in memory.

A timeline is drawn anew every half minute, and of its thirty days one hour at most has changed: at
10 M events it takes a second to add up the days, and a millisecond to look them up here.
"""

import time
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from porteye_core.store import engine
from porteye_core.store.frames.pieces import Piece
from porteye_core.store.queries import Question

Numbers = npt.NDArray[np.int64]
Answer = TypeVar("Answer")

_KEPT = 64  # answers; the longest, of all ports of a busy month, has 30,000 rows of 64 bytes
# An owner that is learnt later moves an event from nobody to a program, which no sum of `turnover`
# tells: what is kept is asked anew after so many seconds.
_RENEWED = 600


@dataclass(frozen=True, slots=True)
class Part:
    """What to ask of a part of a range; `over` is that part where it is over (see `pieces.cut`)."""

    question: Question
    over: Piece | None = None

    def asking(self, columns: str, groups: str, *parameters: int) -> "Part":
        """These columns of its rows by groups; parameters: those of the columns."""
        sql = f"SELECT {columns} FROM ({self.question.sql}) AS part {groups}"
        return Part(Question(sql, (*parameters, *self.question.parameters)), self.over)


def rows(connection: engine.Connection, parts: Iterable[Part], width: int) -> Numbers:
    """The answers to all parts, one below the other: whole numbers, so many in a row."""

    def answer(part: Part) -> Numbers:
        if part.over is None:
            return read(part)
        return kept(connection, part.over, part.question, lambda: read(part))

    def read(part: Part) -> Numbers:
        found = [tuple(row) for row in connection.execute(*part.question)]
        return np.array(found, dtype="int64").reshape(-1, width)

    return np.concatenate([np.empty((0, width), dtype="int64"), *map(answer, parts)])


def kept(
    connection: engine.Connection, over: Piece, question: Hashable, ask: Callable[[], Answer]
) -> Answer:
    """The answer to a question about a piece that is over, which nobody may change: `ask` is only
    asked for it if it is not known already."""
    known: Answer = _kept(_Asked(question, _state(connection, over), ask))
    return known


def forget() -> None:
    """Know nothing any more, as when the process began."""
    _kept.cache_clear()


@dataclass(frozen=True, slots=True)
class _Asked:
    """A question and the state of what it is about: the same of both have the same answer."""

    question: Hashable
    state: tuple[object, ...]
    ask: Callable[[], Any] = field(compare=False)


@lru_cache(_KEPT)
def _kept(asked: _Asked) -> Any:
    return asked.ask()


def _state(connection: engine.Connection, piece: Piece) -> tuple[object, ...]:
    """What tells that the counts of a piece are others than before: another file, events that were
    found or dropped since, a new watch, which may know more owners."""
    database = connection.execute("SELECT database_identity()").fetchone()[0]
    if database is None:  # deleted or moved away while it is read
        return (object(),)  # which is like no other
    counts = connection.execute(
        "SELECT sum(opened), sum(closed), (SELECT max(started_at) FROM watch) FROM turnover"
        " WHERE resolution = ? AND bucket >= ? AND bucket < ?",
        (piece.resolution, piece.since, piece.until),
    ).fetchone()
    return (database, *counts, int(time.monotonic() // _RENEWED))
