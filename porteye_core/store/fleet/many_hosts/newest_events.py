"""The newest openings and closings of many hosts."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from porteye_core.errors import FilterError
from porteye_core.store.fleet.many_hosts.reader import FleetReader
from porteye_core.store.fleet.many_hosts.selection import (
    Conditions,
    Selection,
    event_conditions,
    key_conditions,
    together,
)

_PLACE = re.compile(r"(-?\d{1,19})\.(\d{1,10})\.(-?\d{1,19})", re.ASCII)
_HOUR = 3_600_000_000
_DAY = 24 * _HOUR
# A host whose clock is years ahead would be the newest for ever.
_AHEAD = 300_000_000
# The newest are sought in windows that grow, so that none reads many rows: in a small one the
# planner may walk over all, in a large one it takes the index of the rarest.
_WINDOWS = (_HOUR, 24 * _HOUR, 7 * 24 * _HOUR, 31 * 24 * _HOUR)
_EVENTS = """
SELECT e.at, e.host_id, e.id, h.name, e.kind, e.seen, e.port, e.protocol, e.address,
    e.exposure::text, g.title, e.pid, e.listener_id, e.hidden, g."user"
FROM (SELECT * FROM event e WHERE {where} AND e.at > %(after)s AND e.at <= %(to)s
    ORDER BY e.at DESC, e.host_id DESC, e.id DESC LIMIT %(limit)s) e
JOIN host h ON h.host_id = e.host_id LEFT JOIN program g ON g.id = e.program_id
ORDER BY e.at DESC, e.host_id DESC, e.id DESC
"""


class EventPlace(NamedTuple):
    """The place of an event among those of all hosts, which are in the order of their times."""

    at: int
    host_id: int
    id: int

    @classmethod
    def of(cls, text: str) -> "EventPlace":
        """The place whose text this is; raises FilterError.

        >>> EventPlace.of(str(EventPlace(1000, 7, -3)))
        EventPlace(at=1000, host_id=7, id=-3)
        """
        found = _PLACE.fullmatch(text.strip())
        numbers = [int(each) for each in found.groups()] if found else []
        if not numbers or numbers[1] >= 2**31 or any(abs(each) >= 2**63 for each in numbers):
            raise FilterError(
                "before",
                f"“{text[:40]}” is not the place of an event.",
                "Take the one that the page before it gives.",
            )
        return cls(*numbers)

    def __str__(self) -> str:
        return f"{self.at}.{self.host_id}.{self.id}"


@dataclass(frozen=True, slots=True)
class FleetEvent:
    """An opening or closing on a host; hidden: the reason for which its program is not known."""

    at: int
    host_id: int
    id: int
    host: str
    kind: str
    seen: str
    port: int
    protocol: str
    address: str
    exposure: str
    program: str | None
    pid: int | None
    listener_id: int
    hidden: str | None = None
    user: str | None = None

    @property
    def place(self) -> EventPlace:
        """Its place, from which the next page goes on."""
        return EventPlace(self.at, self.host_id, self.id)


def newest_events(
    reader: FleetReader, wanted: Selection, limit: int = 100, before: EventPlace | None = None
) -> list[FleetEvent]:
    """The newest events, the newest first; before: only those after it in this order. Raises
    FleetError."""
    where = event_choice(reader, wanted, before)
    parameters = where.parameters
    if parameters.get("programs") == []:
        return []
    last = latest(reader, wanted, before)
    statement = _EVENTS.format(where=where)
    found: list[FleetEvent] = []
    for after, to in _windows(last, None if wanted.since is None else wanted.since - 1):
        bounds = {"after": after, "to": to, "limit": limit - len(found)}
        found += [FleetEvent(*each) for each in reader.rows(statement, {**parameters, **bounds})]
        if len(found) >= limit:
            break
    return found


def count_events(reader: FleetReader, wanted: Selection) -> int:
    """The number of events; that of a selection that is_summed comes from the counts of hours and
    days, but for the ends of its time. Raises FleetError."""
    first, last = wanted.since, latest(reader, wanted)
    if not wanted.is_summed:
        return _counted(reader, wanted, first, last)
    table, size = ("fleet_port_turnover", _DAY) if wanted.ports else ("fleet_turnover", _HOUR)
    begin = reader.kept_from if first is None else first
    begin, end = begin + -begin % size, (last + 1) - (last + 1) % size
    if begin >= end:
        return _counted(reader, wanted, first, last)
    where = key_conditions(wanted, "t")
    where.add("t.bucket >= %(begin)s AND t.bucket < %(end)s", begin=begin, end=end)
    counts = "t.opened + t.closed" if wanted.kind is None else f"t.{wanted.kind.value}"
    statement = f"SELECT coalesce(sum({counts}), 0) FROM {table} t WHERE {where}"
    summed = int(reader.rows(statement, where.parameters)[0][0])
    ends = _counted(reader, wanted, first, begin - 1) + _counted(reader, wanted, end, last)
    return summed + ends


def _counted(reader: FleetReader, wanted: Selection, first: int | None, last: int) -> int:
    where = event_choice(reader, wanted)
    where.add("e.at <= %(last)s", last=last)
    if first is not None:
        where.add("e.at >= %(first)s", first=first)
    found = reader.rows(f"SELECT count(*) FROM event e WHERE {where}", where.parameters)
    return int(found[0][0])


def latest(reader: FleetReader, wanted: Selection, before: EventPlace | None = None) -> int:
    """The latest time of an event that counts."""
    last = reader.now + _AHEAD if wanted.until is None else wanted.until
    return last if before is None else min(last, before.at)


def event_choice(
    reader: FleetReader, wanted: Selection, before: EventPlace | None = None
) -> Conditions:
    """The conditions of an event, but for the times of the selection; before: only those after it
    in the order of the newest."""
    where = together(key_conditions(wanted, "e"), event_conditions(reader, wanted, "e"))
    if wanted.kind is not None:
        where.add("e.kind = %(kind)s", kind=wanted.kind.value)
    if before is not None:
        place = {"at": before.at, "of_host": before.host_id, "of_id": before.id}
        where.add("(e.at, e.host_id, e.id) < (%(at)s, %(of_host)s, %(of_id)s)", **place)
    return where


def _windows(last: int, first: int | None) -> Iterator[tuple[int, int]]:
    """Windows of growing length, the latest first, without their first moment.

    >>> list(_windows(10_000_000_000, 0))
    [(6400000000, 10000000000), (0, 6400000000)]
    """
    floor = -(2**63) if first is None else first
    to = last
    for length in _WINDOWS:
        if last - length <= floor:
            break
        yield last - length, to
        to = last - length
    if to > floor:
        yield floor, to
