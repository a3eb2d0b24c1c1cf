"""Ports that are new in the fleet: opened for the first time by any of its hosts."""

from dataclasses import dataclass
from typing import Any

from porteye_core.store.fleet.reader import FleetReader

# The program and the address are those of the opening's event, if the fleet has it still.
_SINCE = """
SELECT f.port, f.protocol, f.at, h.name AS host, e.address, e.exposure::text AS exposure,
    g.title AS program, o.hosts
FROM (SELECT * FROM fleet_first
    WHERE at >= %(since)s AND port BETWEEN %(low)s AND %(high)s
    ORDER BY at DESC, port, protocol LIMIT %(limit)s) f
JOIN host h ON h.host_id = f.host_id
LEFT JOIN LATERAL (SELECT e.address, e.exposure, e.program_id FROM event e
    WHERE e.host_id = f.host_id AND e.at = f.at AND e.port = f.port AND e.protocol = f.protocol
        AND e.kind = 'opened' ORDER BY e.id LIMIT 1) e ON TRUE
LEFT JOIN program g ON g.id = e.program_id
LEFT JOIN LATERAL (SELECT count(DISTINCT l.host_id) AS hosts FROM open_listener l
    JOIN host r ON r.host_id = l.host_id AND r.retired_at IS NULL
    WHERE l.port = f.port AND l.protocol = f.protocol) o ON TRUE
ORDER BY f.at DESC, f.port, f.protocol
"""
_COUNT = """
SELECT count(*) FROM fleet_first WHERE at >= %(since)s AND port BETWEEN %(low)s AND %(high)s
"""
# From here on the kernel gives ports to those who ask for none.
EPHEMERAL = 32_768
_HIGHEST = 65_535


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


def new_ports(reader: FleetReader, since: int, limit: int = 1000) -> NewPorts:
    """The ports that were seen for the first time since then. Raises FleetError."""
    lower: dict[str, Any] = {"since": since, "low": 0, "high": EPHEMERAL - 1, "limit": limit}
    upper = {"since": since, "low": EPHEMERAL, "high": _HIGHEST}
    return NewPorts(
        tuple(FirstSeen(*row) for row in reader.rows(_SINCE, lower)),
        int(reader.rows(_COUNT, lower)[0][0]),
        int(reader.rows(_COUNT, upper)[0][0]),
    )
