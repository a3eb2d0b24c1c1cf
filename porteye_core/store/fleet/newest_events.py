"""The newest openings and closings of many hosts."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from porteye_core.store.fleet.reader import FleetReader
from porteye_core.store.fleet.selection import (
    Selection,
    key_conditions,
    row_conditions,
)

_HOUR = 3_600_000_000
# A host whose clock is years ahead would be the newest for ever.
_AHEAD = 300_000_000
# The newest are sought in windows that grow, so that none reads many rows: in a small one the
# planner may walk over all, in a large one it takes the index of the rarest.
_WINDOWS = (_HOUR, 24 * _HOUR, 7 * 24 * _HOUR, 31 * 24 * _HOUR)
_EVENTS = """
SELECT e.at, e.host_id, e.id, h.name, e.kind, e.seen, e.port, e.protocol, e.address,
    e.exposure::text, g.title, e.pid, e.listener_id
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


@dataclass(frozen=True, slots=True)
class FleetEvent:
    """An opening or closing on a host."""

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

    @property
    def place(self) -> EventPlace:
        """Its place, from which the next page goes on."""
        return EventPlace(self.at, self.host_id, self.id)


def newest_events(
    reader: FleetReader, wanted: Selection, limit: int = 100, before: EventPlace | None = None
) -> list[FleetEvent]:
    """The newest events, the newest first; before: only those after it in this order. Raises
    FleetError."""
    key, row = key_conditions(wanted, "e"), row_conditions(reader, wanted, "e")
    where = [*key.sql, *row.sql]
    parameters: dict[str, Any] = {**key.parameters, **row.parameters}
    if parameters.get("programs") == []:
        return []
    if wanted.kind is not None:
        where.append("e.kind = %(kind)s")
        parameters["kind"] = wanted.kind.value
    last = reader.now + _AHEAD if wanted.until is None else wanted.until
    if before is not None:
        last = min(last, before.at)
        where.append("(e.at, e.host_id, e.id) < (%(at)s, %(of_host)s, %(of_id)s)")
        parameters |= {"at": before.at, "of_host": before.host_id, "of_id": before.id}
    statement = _EVENTS.format(where=" AND ".join(where) or "TRUE")
    found: list[FleetEvent] = []
    for after, to in _windows(last, None if wanted.since is None else wanted.since - 1):
        bounds = {"after": after, "to": to, "limit": limit - len(found)}
        found += [FleetEvent(*each) for each in reader.rows(statement, {**parameters, **bounds})]
        if len(found) >= limit:
            break
    return found


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
