"""Ephemeral ports of a range: how many each program had, and how many were open over time."""

import json
from dataclasses import dataclass

import numpy as np

from porteye_core.model import Filters
from porteye_core.store import engine
from porteye_core.store.reading import event_counts
from porteye_core.store.reading.event_counts import Part
from porteye_core.store.reading.listener_rows import matching, open_between
from porteye_core.store.reading.packs import Numbers

_PORTS, _COUNTS = 1 << 16, 1 << 31
# A hundred thousand rows of three numbers are read in two thirds of the time of five.
_PACKED = f"program_id * {_PORTS} + port, at, opened * {_COUNTS} + closed"


@dataclass(frozen=True, slots=True)
class Crowd:
    """The programs of one name, with their ports: how many listeners opened and closed on these in
    each bucket, and how many were open `before`."""

    name: str
    ports: Numbers
    opened: Numbers
    closed: Numbers
    before: int = 0

    @property
    def held(self) -> Numbers:
        """How many were open in each bucket: when it began or since."""
        after = self.before + (self.opened - self.closed).cumsum()
        # A listener that changed hands may count as opened by one name and closed by another.
        found: Numbers = np.insert(after, 0, self.before)[:-1].clip(min=0) + self.opened
        return found

    @property
    def lives(self) -> int:
        """How many were open at any time."""
        return self.before + int(self.opened.sum())


def by_name(
    connection: engine.Connection, filters: Filters, since: int, until: int, edges: list[int]
) -> list[Crowd]:
    """Everything that was open in since..until, by the name of its program, in each bucket between
    the edges."""
    found = _standing(connection, filters, since - 1, len(edges) - 1)
    for part in event_counts.parts_by_port(filters, since, until, edges):
        found += _counted(connection, part, edges)
    of = dict[str, list[Crowd]]()
    for crowd in found:
        of.setdefault(crowd.name, []).append(crowd)
    return [_joined(name, crowds) for name, crowds in of.items()]


def _joined(name: str, crowds: list[Crowd]) -> Crowd:
    return Crowd(
        name,
        np.unique(np.concatenate([each.ports for each in crowds])),
        np.sum([each.opened for each in crowds], axis=0),
        np.sum([each.closed for each in crowds], axis=0),
        sum(each.before for each in crowds),
    )


def _counted(connection: engine.Connection, part: Part, edges: list[int]) -> list[Crowd]:
    """The crowds of a part of a range. What is kept of one that is over are their sums: its rows
    are a hundred times as long."""
    asked = Part(part.asking(_PACKED, "").question)

    def summed() -> list[Crowd]:
        who, at, counts = event_counts.rows(connection, [asked], 3).T
        bucket = np.searchsorted(edges, at, side="right") - 1
        return _summed(connection, who, bucket, counts, len(edges) - 1)

    if part.over is None:
        return summed()
    return event_counts.cached(connection, part.over, (asked.question, *edges), summed)


def _summed(
    connection: engine.Connection, who: Numbers, bucket: Numbers, counts: Numbers, width: int
) -> list[Crowd]:
    programs, place = np.unique(who // _PORTS, return_inverse=True)
    names, of_program = np.unique(_names(connection, programs.tolist()), return_inverse=True)
    name = of_program[place]
    opened, closed = (
        np.bincount(name * width + bucket, weights=each, minlength=len(names) * width)
        .astype("int64")
        .reshape(len(names), width)
        for each in (counts // _COUNTS, counts % _COUNTS)
    )
    pairs = np.unique(name * _PORTS + who % _PORTS)
    ports = np.split(pairs % _PORTS, np.searchsorted(pairs, np.arange(1, len(names)) * _PORTS))
    each = zip(names.tolist(), ports, opened, closed, strict=True)
    return [Crowd(*values) for values in each] if len(names) else []


def _names(connection: engine.Connection, programs: list[int]) -> list[str]:
    found = connection.execute(
        "SELECT id, name FROM program WHERE id IN (SELECT value FROM json_each(?))",
        (json.dumps(programs),),
    )
    names = dict(map(tuple, found))
    return [names.get(program, "") for program in programs]


def _standing(
    connection: engine.Connection, filters: Filters, moment: int, width: int
) -> list[Crowd]:
    """The crowds that were open at a moment, before anything opened or closed."""
    question = open_between(moment, moment, "l.port, l.program_id", matching(filters))
    sql = (
        "SELECT g.name, s.port, count(*) FROM"
        f" ({question.sql}) AS s LEFT JOIN program g ON g.id = s.program_id GROUP BY g.name, s.port"
    )
    nothing = np.zeros(width, dtype="int64")
    return [
        Crowd(name or "", np.array([port]), nothing, nothing, count)
        for name, port, count in map(tuple, connection.execute(sql, question.parameters))
    ]
