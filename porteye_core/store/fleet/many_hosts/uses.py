"""The uses of listeners of many hosts: all of a row that a verdict depends on."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from porteye_core.model import Protocol
from porteye_core.reach import Exposure
from porteye_core.store.fleet.many_hosts.listeners import FleetListener, Service, open_conditions
from porteye_core.store.fleet.many_hosts.reader import FleetReader
from porteye_core.store.fleet.many_hosts.selection import Selection
from porteye_core.store.reading import PastUse

# A container whose image or service is known is told by these: its id would make each one another.
_USE = """l.protocol, l.port, l.exposure::text, g.name, g.exe, g.cmdline,
    coalesce(g."user", l."user"), p.unit,
    CASE WHEN c.image = '' AND (c.compose_project = '' OR c.compose_service = '')
        OR c.id IS NULL THEN p.container ELSE '' END,
    c.image, c.compose_project, c.compose_service, l.hidden"""
_OWNER = """
LEFT JOIN program g ON g.id = l.program_id
LEFT JOIN process p ON p.host_id = l.host_id AND p.id = l.process_id
LEFT JOIN container c ON c.host_id = l.host_id AND c.id = p.container_id
"""
_OF_LISTENERS = f"""
SELECT k.place, {_USE}
FROM unnest(%(hosts)s::integer[], %(ids)s::bigint[], %(closed)s::bigint[])
    WITH ORDINALITY AS k(host_id, id, closed_at, place)
JOIN open_listener l ON l.host_id = k.host_id AND l.id = k.id {_OWNER}
WHERE k.closed_at IS NULL
UNION ALL
SELECT k.place, {_USE}
FROM unnest(%(hosts)s::integer[], %(ids)s::bigint[], %(closed)s::bigint[])
    WITH ORDINALITY AS k(host_id, id, closed_at, place)
JOIN life l ON l.host_id = k.host_id AND l.id = k.id AND l.closed_at = k.closed_at {_OWNER}
"""
_OF_SERVICES = """
SELECT coalesce(g.title, ''), array_agg(l.host_id), {use}
FROM open_listener l {owner}
WHERE {where}
GROUP BY coalesce(g.title, ''), {use}
"""

ServiceKey = tuple[int, str, str, str]


def uses_of_listeners(
    reader: FleetReader, listeners: Sequence[FleetListener]
) -> list[PastUse | None]:
    """The use of each listener, in their order; None if the fleet does not have it any more. Raises
    FleetError."""
    found: list[PastUse | None] = [None] * len(listeners)
    if not listeners:
        return found
    rows = reader.rows(
        _OF_LISTENERS,
        {
            "hosts": [each.host_id for each in listeners],
            "ids": [each.id for each in listeners],
            "closed": [each.closed_at for each in listeners],
        },
    )
    for place, *values in rows:
        found[place - 1] = _use(values)
    return found


def uses_of_services(
    reader: FleetReader, wanted: Selection, services: Sequence[Service]
) -> dict[ServiceKey, list[tuple[PastUse, frozenset[str]]]]:
    """The uses that each service is, with the names of their hosts, by the keys of the services;
    wanted: the selection that found them. Raises FleetError."""
    found = defaultdict[ServiceKey, list[tuple[PastUse, frozenset[str]]]](list)
    if not services:
        return found
    where = open_conditions(reader, wanted)
    where.add("l.port = ANY (%(shown)s)", shown=list({each.port for each in services}))
    names = dict(reader.rows("SELECT host_id, name FROM host", {}))
    statement = _OF_SERVICES.format(use=_USE, owner=_OWNER, where=where)
    for title, hosts, *values in reader.rows(statement, where.parameters):
        use = _use(values)
        key = (use.port, use.protocol.value, title, use.exposure.value)
        found[key].append((use, frozenset(names[each] for each in set(hosts))))
    return found


def key_of(service: Service) -> ServiceKey:
    """The key of a service."""
    return service.port, service.protocol, service.program, service.exposure


def _use(row: Sequence[Any]) -> PastUse:
    protocol, port, exposure, *texts, hidden = row
    process, exe, cmdline, user, unit, container, image, project, service = (
        text or "" for text in texts
    )
    return PastUse(
        protocol=Protocol(protocol),
        port=port,
        exposure=Exposure(exposure),
        process=process,
        exe=exe,
        cmdline=cmdline,
        user=user,
        unit=unit,
        container=container,
        image=image,
        compose_project=project,
        compose_service=service,
        hidden=hidden,
        openings=1,
        longest=0,
        last=0,
        is_open=True,
    )
