"""Ports that are new in the fleet: opened for the first time by any of its hosts."""

from dataclasses import dataclass
from typing import Any

from porteye_core.store.fleet.many_hosts.reader import FleetReader
from porteye_core.store.fleet.many_hosts.selection import (
    EPHEMERAL,
    Selection,
    event_conditions,
    key_conditions,
    together,
)

# The program and the address are those of the opening's event, if the fleet has it still.
_OPENING = """
LEFT JOIN LATERAL (SELECT e.* FROM event e
    WHERE e.host_id = f.host_id AND e.at = f.at AND e.port = f.port AND e.protocol = f.protocol
        AND e.kind = 'opened' ORDER BY e.id LIMIT 1) e ON TRUE
"""
_SINCE = """
SELECT f.port, f.protocol, f.at, h.name AS host, e.address, e.exposure::text AS exposure,
    g.title AS program, o.hosts
FROM (SELECT f.* FROM {firsts} ORDER BY f.at DESC, f.port, f.protocol LIMIT %(limit)s) f
JOIN host h ON h.host_id = f.host_id {opening}
LEFT JOIN program g ON g.id = e.program_id
LEFT JOIN LATERAL (SELECT count(DISTINCT l.host_id) AS hosts FROM open_listener l
    JOIN host r ON r.host_id = l.host_id AND r.retired_at IS NULL
    WHERE l.port = f.port AND l.protocol = f.protocol) o ON TRUE
ORDER BY f.at DESC, f.port, f.protocol
"""
_COUNT = "SELECT count(*) FROM {firsts}"
_HIGHEST = 65_535
# A port that was open before the fleet keeps anything counts from then on, when a partition begins:
# it is known, and was never new.
_PARTITION = 7 * 86_400_000_000


@dataclass(frozen=True, slots=True)
class FirstSeen:
    """A port that no host had before `at`; hosts: those that have it open now.

    address, exposure, program: of the first opening, None if it is not known any more.
    """

    port: int
    protocol: str
    at: int
    host: str
    address: str | None
    exposure: str | None
    program: str | None
    hosts: int


@dataclass(frozen=True, slots=True)
class NewPorts:
    """The ports below the ephemeral ones, the newest first, and the number of each kind."""

    newest: tuple[FirstSeen, ...]
    count: int
    ephemeral: int


def new_ports(
    reader: FleetReader, since: int, limit: int = 1000, wanted: Selection | None = None
) -> NewPorts:
    """The ports that were seen for the first time since then.

    wanted: the first openings that count, of which the kind does not matter, nor the time before.
    Raises FleetError.
    """
    of = wanted or Selection()
    lower, of_lower = _firsts(reader, of, since, (0, EPHEMERAL - 1))
    upper, of_upper = _firsts(reader, of, since, (EPHEMERAL, _HIGHEST))
    newest = reader.rows(
        _SINCE.format(firsts=lower, opening=_OPENING), {**of_lower, "limit": limit}
    )
    return NewPorts(
        tuple(FirstSeen(*row) for row in newest),
        int(reader.rows(_COUNT.format(firsts=lower), of_lower)[0][0]),
        int(reader.rows(_COUNT.format(firsts=upper), of_upper)[0][0]),
    )


def _firsts(
    reader: FleetReader, wanted: Selection, since: int, ports: tuple[int, int]
) -> tuple[str, dict[str, Any]]:
    """The wanted first openings of these ports, as a part of a statement, with its parameters;
    their events only where they matter."""
    low, high = ports
    of_event = event_conditions(reader, wanted, "e")
    where = together(key_conditions(wanted, "f"), of_event)
    where.add("f.at >= %(since)s AND f.at %% %(partition)s != 0", since=since, partition=_PARTITION)
    where.add("f.port BETWEEN %(low)s AND %(high)s", low=low, high=high)
    if wanted.until is not None:
        where.add("f.at <= %(until)s", until=wanted.until)
    return f"fleet_first f {_OPENING if of_event.sql else ''}WHERE {where}", where.parameters
