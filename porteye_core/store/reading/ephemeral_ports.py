"""Ephemeral ports of a range: how many each program had, and how many were open over time."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from porteye_core.model import Filters
from porteye_core.store import engine
from porteye_core.store.reading import event_counts
from porteye_core.store.reading.event_counts import Part
from porteye_core.store.reading.listener_rows import Question, matching, open_between
from porteye_core.store.reading.packs import Numbers, Pack

_PORTS = 1 << 16
# Packs are added up in a table of names and ports, which has 64 kB for each name.
_MAX_NAMES = 500


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
        """The number that was open in each bucket: when it began or since."""
        after = self.before + (self.opened - self.closed).cumsum()
        # A listener that changed hands may count as opened by one name and closed by another.
        found: Numbers = np.insert(after, 0, self.before)[:-1].clip(min=0) + self.opened
        return found

    @property
    def lives(self) -> int:
        """The number that was open at any time."""
        return self.before + int(self.opened.sum())


class _ProgramNames:
    """The names of all programs, which are read when one is needed."""

    def __init__(self, connection: engine.Connection) -> None:
        self._connection = connection

    @cached_property
    def _named(self) -> list[tuple[int, str]]:
        return [tuple(row) for row in self._connection.execute("SELECT id, name FROM program")]

    @cached_property
    def all(self) -> list[str]:
        """Each name once; the first is empty, for programs that are not known."""
        return list(dict.fromkeys(["", *(name for _, name in self._named)]))

    @cached_property
    def place(self) -> Numbers:
        """By the id of a program, the place of its name among all."""
        places = {name: place for place, name in enumerate(self.all)}
        found = np.zeros(max((number for number, _ in self._named), default=0) + 1, dtype="int64")
        for number, name in self._named:
            found[number] = places[name]
        return found


def by_name(
    connection: engine.Connection, filters: Filters, since: int, until: int, edges: list[int]
) -> list[Crowd]:
    """Everything that was open in since..until, by the name of its program, in each bucket between
    the edges."""
    found = _standing(connection, filters, since - 1, len(edges) - 1)
    names = _ProgramNames(connection)
    for part in event_counts.parts_by_port(filters, since, until, edges):
        found += _counted(connection, part, names, edges)
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


def _counted(
    connection: engine.Connection, part: Part, names: _ProgramNames, edges: list[int]
) -> list[Crowd]:
    """The crowds of a part of a range. What is kept of one that is over are their sums: its rows
    are a hundred times as long."""

    def summed() -> list[Crowd]:
        if part.packed is None or len(names.all) > _MAX_NAMES:
            return _unpacked(connection, part.question, edges)
        packs, missing = part.packed.packs.of(connection, part.packed.piece)
        rest = [_unpacked(connection, part.packed.rest(piece), edges) for piece in missing]
        return [crowd for crowds in (_packed(packs, names, edges), *rest) for crowd in crowds]

    if part.over is None:
        return summed()
    return event_counts.cached(connection, part.over, (part.question, *edges), summed)


def _packed(packs: Iterable[Pack], names: _ProgramNames, edges: list[int]) -> list[Crowd]:
    """The crowds of packs."""
    count, width = len(names.all), len(edges) - 1
    seen = np.zeros((count, _PORTS), dtype=np.bool_)
    sums = np.zeros((2, count, width), dtype="int64")
    for pack in packs:
        name = names.place[pack.programs]
        seen[name, pack.ports] = True
        bucket = np.searchsorted(edges, pack.at, side="right") - 1
        for place, counts in enumerate((pack.opened, pack.closed)):
            sums[place, :, bucket] += np.bincount(name, counts, count).astype("int64")
    return [
        Crowd(names.all[each], np.flatnonzero(seen[each]), sums[0, each], sums[1, each])
        for each in np.flatnonzero(sums.any(axis=(0, 2))).tolist()
    ]


def _unpacked(connection: engine.Connection, question: Question, edges: list[int]) -> list[Crowd]:
    """The crowds of what is not packed."""
    asked = Part(question).asking("port, program_id, at, opened, closed", "")
    found = event_counts.rows(connection, [asked], 5)
    bucket = np.searchsorted(edges, found[:, 2], side="right") - 1
    return _summed(connection, found, bucket, len(edges) - 1)


def _summed(
    connection: engine.Connection, found: Numbers, bucket: Numbers, width: int
) -> list[Crowd]:
    programs, place = np.unique(found[:, 1], return_inverse=True)
    names, of_program = np.unique(_names(connection, programs.tolist()), return_inverse=True)
    name = of_program[place]
    opened, closed = (
        np.bincount(name * width + bucket, weights=counts, minlength=len(names) * width)
        .astype("int64")
        .reshape(len(names), width)
        for counts in found[:, 3:].T
    )
    pairs = np.unique(name * _PORTS + found[:, 0])
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
