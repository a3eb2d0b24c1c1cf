"""Compares stored lives with those that an independent log has."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tests.kit.operations import Interval, Life
from tests.kit.service import rows

_CLOCKS = 2000  # microseconds that the kernel's clock and the log's may differ
_COLUMNS = (
    *("id", "protocol", "family", "address", "port", "inode", "netns"),
    *("opened_at", "opened_seen", "closed_at", "closed_seen"),
)
_ROWS = f"""
SELECT {", ".join(_COLUMNS)}, (SELECT pid FROM process WHERE id = l.process_id) FROM listener l
"""
_FORMER = """
SELECT listener_id, pid FROM former f JOIN process p ON p.id = f.process_id
ORDER BY listener_id, until
"""
_HOLDERS = "SELECT listener_id, pid FROM holder h JOIN process p ON p.id = h.process_id"


@dataclass(frozen=True)
class Row:
    """A listener as it is stored, with its owners' pids, the first one first."""

    id: int
    protocol: str
    family: str
    address: str
    port: int
    inode: int | None
    netns: int | None
    opened_at: int
    opened_seen: str
    closed_at: int | None
    closed_seen: str | None
    owners: tuple[int, ...]
    holders: frozenset[int]

    @property
    def place(self) -> tuple[str, str, str, int]:
        return self.protocol, self.family, self.address, self.port


@dataclass(frozen=True)
class Beats:
    """The scans that were recorded: their times, how long each took, and which saw everything."""

    at: tuple[int, ...]
    took: dict[int, int]
    whole: tuple[int, ...]
    interval: int

    def earliest(self, at: int) -> int:
        """The earliest time of what was seen first at this time.

        No change is older than an interval, but for the time by which a busy machine delayed the
        scan: it is not older than the scan before either.
        """
        scan = bisect_right(self.at, at) - 1
        return min(at - self.interval, self.at[max(scan - 1, 0)])

    def latest(self, at: int) -> int:
        return at + self.took.get(at, max(self.took.values(), default=0))


def stored(db: Path) -> list[Row]:
    owners: dict[object, list[object]] = defaultdict(list)
    holders: dict[object, list[object]] = defaultdict(list)
    for found, statement in ((owners, _FORMER), (holders, _HOLDERS)):
        for number, pid in rows(db, statement):
            found[number].append(pid)
    return [_row(values, owners, holders) for values in rows(db, _ROWS)]


def _row(values: tuple[Any, ...], owners: Mapping[Any, Any], holders: Mapping[Any, Any]) -> Row:
    number, pid = values[0], values[-1]
    last = () if pid is None else (pid,)
    named = dict(zip(_COLUMNS, values, strict=False))
    held = frozenset(holders.get(number, ()))
    return Row(**named, owners=(*owners.get(number, ()), *last), holders=held)


def ticks(db: Path, interval: float) -> Beats:
    statement = "SELECT at, scan_us, rss IS NOT NULL AND left_out = 0 FROM tick ORDER BY at"
    ticks: list[tuple[Any, ...]] = [*rows(db, statement)]
    return Beats(
        tuple(at for at, _, _ in ticks),
        {at: took for at, took, _ in ticks},
        tuple(at for at, _, whole in ticks if whole),
        round(interval * 1e6),
    )


def pair(lives: Sequence[Life], found: Iterable[Row]) -> tuple[list[tuple[Life, Row]], list[Row]]:
    """Lives with their rows, by inode, else by place and time of opening; and rows of no life."""
    by_inode: dict[int, list[Life]] = defaultdict(list)
    by_place: dict[tuple[str, str, str, int], list[Life]] = defaultdict(list)
    for life in lives:
        by_inode[life.inode].append(life)
        by_place[life.place].append(life)
    pairs: list[tuple[Life, Row]] = []
    taken: set[Life] = set()
    surplus: list[Row] = []
    for row in sorted(found, key=lambda row: (row.inode is None, row.opened_at)):
        if row.inode is not None:
            fitting = by_inode.get(row.inode, [])
        else:
            fitting = [
                each
                for each in by_place[row.place]
                if each.opened[0] - _CLOCKS <= row.opened_at <= each.opened[1] + _CLOCKS
            ]
        free = [each for each in fitting if each not in taken and each.place == row.place]
        if free:
            life = min(free, key=lambda each: _distance(each, row))
            taken.add(life)
            pairs.append((life, row))
        else:
            surplus.append(row)
    return pairs, surplus


def _distance(life: Life, row: Row) -> tuple[bool, int]:
    """Two processes may open twins in one microsecond."""
    return life.pid not in row.owners, abs(life.opened[1] - row.opened_at)


def of_driver(lives: Sequence[Life], found: Iterable[Row]) -> list[Row]:
    """The rows that are not of other programs on this machine."""
    since = min(each.opened[0] for each in lives)
    pids = {pid for each in lives for pid in each.holders}
    places = {each.place for each in lives}
    networks = {_network(each.address) for each in lives} - {"0.0", "::", "::1"}
    return [
        row
        for row in found
        if row.opened_at >= since
        and (
            _network(row.address) in networks
            or pids.intersection(row.owners)
            or (row.place in places and not row.owners)
        )
    ]


def _network(address: str) -> str:
    return ".".join(address.split(".")[:2])


def disagreements(
    lives: Sequence[Life], found: Sequence[Row], when: Beats, *, records: bool
) -> list[str]:
    """Sentences about what is stored otherwise than it was. records: the source has the kernel's
    records of TCP, so that no life of TCP may be missing."""
    pairs, surplus = pair(lives, of_driver(lives, found))
    wrong = [f"one too many: {row}" for row in surplus]
    stored_lives = {life for life, _ in pairs}
    stored_inodes = {life.inode for life in stored_lives}
    siblings: dict[int, list[Life]] = defaultdict(list)
    for life in lives:
        siblings[life.inode].append(life)
    for life in lives:
        exact = records and life.protocol == "tcp"
        is_told = life in stored_lives or (life.inode in stored_inodes and not exact)
        if not is_told and (exact or _must_be_seen(life, when)):
            wrong.append(f"one too few: {life}")
    for life, row in pairs:
        exact = records and life.protocol == "tcp"
        possible = [life] if exact else _spans(siblings[life.inode])
        faults = [[*_faults(each, row, when, exact=exact)] for each in possible]
        if all(faults):
            wrong += (f"{what}: {row} is {life}" for what in faults[0])
    return wrong


def _spans(lives: Sequence[Life]) -> list[Life]:
    """The lives of one socket, and several in a row as one: two scans in a row have to miss a
    socket until it counts as closed."""
    return [
        replace(first, closed=last.closed)
        for number, first in enumerate(lives)
        for last in lives[number:]
    ]


def _must_be_seen(life: Life, when: Beats) -> bool:
    """Tell that two whole scans lie within the life: one may leave out a place that changes."""
    end = life.closed[0] if life.closed else when.at[-1]
    scans = [at for at in when.whole if life.opened[1] < at and when.latest(at) < end]
    return len(scans) > 1


def _faults(life: Life, row: Row, when: Beats, *, exact: bool) -> Iterator[str]:
    if not _fits(life.opened, row.opened_at, row.opened_seen, when):
        yield "opened at another time"
    if (life.closed is None) != (row.closed_at is None):
        yield "open" if row.closed_at is None else "closed"
    if (
        life.closed
        and row.closed_at
        and not _fits(life.closed, row.closed_at, str(row.closed_seen), when)
    ):
        yield "closed at another time"
    # The thread of `abroad` has gone home when it is looked up; a scan tells that it was elsewhere.
    is_guess = row.inode is None and life.operation == "abroad"
    if row.netns not in (None, life.netns) and not (is_guess and _is_brief(life, when)):
        yield "in another namespace"
    if not life.holders.issuperset({*row.owners, *row.holders}):
        yield "owned by a stranger"
    # Of several that listen unbound at once only the kernel's time says that it is known which.
    if exact and row.opened_seen == "kernel" and row.owners[:1] != (life.pid,):
        yield "opened by another"
    if row.closed_at is None and life.closed is None and row.holders != life.holding:
        yield "held by others"


def _is_brief(life: Life, when: Beats) -> bool:
    """Tell that too few scans lie within the life to refute a guess."""
    end = life.closed[0] if life.closed else when.at[-1]
    return sum(life.opened[1] < at and when.latest(at) < end for at in when.at) < 2


def _fits(true: Interval, at: int, seen: str, when: Beats) -> bool:
    earliest, latest = {
        "kernel": (at - _CLOCKS, at + _CLOCKS),
        "poll": (when.earliest(at), when.latest(at)),
        "gap": (0, when.latest(at)),
    }[seen]
    return true[1] >= earliest and true[0] <= latest
