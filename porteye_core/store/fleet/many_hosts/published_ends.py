"""The other ends of published ports, of many hosts."""

from itertools import groupby

from porteye_core.store.fleet.many_hosts.full_rows import NAMESPACE, Row
from porteye_core.store.fleet.many_hosts.reader import FleetReader
from porteye_core.store.reading.published import HELPERS, Published, published_of

_ENDS = f"""
SELECT l.host_id, l.id, l.protocol, l.port, l.address, l.netns, {NAMESPACE} AS namespace,
    NULL::bigint AS closed_at, g.name AS process, g.cmdline, p.container, c.published, c.addresses
FROM open_listener l
LEFT JOIN machine m ON m.host_id = l.host_id AND m.id = l.machine
LEFT JOIN process p ON p.host_id = l.host_id AND p.id = l.process_id
LEFT JOIN container c ON c.host_id = l.host_id AND c.id = p.container_id
LEFT JOIN program g ON g.id = l.program_id
WHERE l.host_id = ANY (%(hosts)s)
    AND (g.name = ANY (%(helpers)s) OR (p.container != '' AND l.netns != m.netns))
ORDER BY l.host_id, l.id
"""


class PublishedEnds:
    """The ends of the published ports that are open, read once of each host."""

    def __init__(self, reader: FleetReader) -> None:
        self._reader = reader
        self._known = dict[int, Published]()

    def add_to(self, rows: list[Row]) -> None:
        """Add `leads_to` and `published_by` to these listeners. Raises FleetError."""
        self._learn({row["host_id"] for row in rows} - set(self._known))
        for row in rows:
            both = self._known[row["host_id"]]
            row["leads_to"] = both.leads_to.get(row["id"])
            row["published_by"] = next(iter(both.published_by.get(row["id"], ())), None)

    def _learn(self, hosts: set[int]) -> None:
        if not hosts:
            return
        self._known |= dict.fromkeys(hosts, Published({}, {}))
        found = self._reader.records(_ENDS, {"hosts": sorted(hosts), "helpers": list(HELPERS)})
        for host, rows in groupby(found, lambda row: int(row["host_id"])):
            self._known[host] = published_of(list(rows))
