"""Which stored listener is which noted one, and what of it is right."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from benchmarks.loads import Noted
from benchmarks.watchers import Stored

_Pair = tuple[Noted, Stored]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a watcher's knowledge agrees with the notes.

    strays: listeners stored of these processes that match none of theirs; away: milliseconds
    between the stored opening and the time noted before listen(); outside: the same, from the
    interval between the times noted before listen() and after; closed_outside: likewise.
    """

    noted: int
    stored: int
    right_pid: int
    right_name: int
    in_order: int
    strays: int
    away: tuple[float, ...]
    outside: tuple[float, ...]
    closed_outside: tuple[float, ...]

    @property
    def share(self) -> float:
        """The share that is stored."""
        return self.stored / self.noted if self.noted else 0.0


def compare(noted: Sequence[Noted], stored: Iterable[Stored]) -> Outcome:
    """Pair what is stored with what was noted, and count."""
    stored = list(stored)
    pairs = pair(noted, stored)
    opened = [(note, found.opened) for note, found in pairs if found.opened is not None]
    closed = [(note, found.closed) for note, found in pairs if found.closed is not None]
    ours = {note.pid for note in noted}
    return Outcome(
        noted=len(noted),
        stored=len(pairs),
        right_pid=sum(note.pid == found.pid for note, found in pairs),
        right_name=sum(note.name == found.name for note, found in pairs),
        in_order=sum(found.in_order for _, found in pairs),
        strays=sum(each.pid in ours for each in stored) - sum(f.pid in ours for _, f in pairs),
        away=tuple(abs(at * 1000 - note.before) / 1e6 for note, at in opened),
        outside=tuple(_outside(at, note.before, note.after) for note, at in opened),
        closed_outside=tuple(_outside(at, note.after, note.closed) for note, at in closed),
    )


def pair(noted: Sequence[Noted], stored: Sequence[Stored]) -> list[_Pair]:
    """Pairs of the same port, the nearest in time first, each used once.

    A port comes up again: the kernel gives it out anew as soon as it is free.
    """
    by_port: dict[int, list[Stored]] = defaultdict(list)
    for each in stored:
        by_port[each.port].append(each)
    notes: dict[int, list[Noted]] = defaultdict(list)
    for note in noted:
        notes[note.port].append(note)
    return [found for port, mine in notes.items() for found in _nearest(mine, by_port[port])]


def _nearest(noted: list[Noted], stored: list[Stored]) -> Iterable[_Pair]:
    ranked = sorted(
        (found.pid != note.pid, _distance(note, found), at, to)
        for at, note in enumerate(noted)
        for to, found in enumerate(stored)
    )
    used_notes: set[int] = set()
    used_stored: set[int] = set()
    for _other, _far, at, to in ranked:
        if at not in used_notes and to not in used_stored:
            used_notes.add(at)
            used_stored.add(to)
            yield noted[at], stored[to]


def _distance(note: Noted, found: Stored) -> int:
    return abs(found.opened * 1000 - note.before) if found.opened is not None else 0


def _outside(at: int, begin: int, end: int) -> float:
    """Milliseconds between a stored microsecond and an interval of nanoseconds; 0 within it."""
    # A time is stored without the nanoseconds of its microsecond.
    return max(begin // 1000 - at, at - end // 1000, 0) / 1e3
