"""Rows of many hosts in batches, however many there are.

Their keys wait in a cursor of the server, and what belongs to them is read with each batch.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from porteye_core.store.fleet.many_hosts.full_rows import LifeKey, Row, event_rows, listener_rows
from porteye_core.store.fleet.many_hosts.listeners import (
    OF_THE_RETIRED,
    closed_since,
    is_open_since,
)
from porteye_core.store.fleet.many_hosts.newest_events import (
    EventPlace,
    event_choice,
    latest,
    newest_events,
)
from porteye_core.store.fleet.many_hosts.published_ends import PublishedEnds
from porteye_core.store.fleet.many_hosts.reader import FleetReader
from porteye_core.store.fleet.many_hosts.selection import (
    Selection,
    key_conditions,
    listener_conditions,
    together,
)
from porteye_core.store.reading import MomentCoverage
from porteye_core.store.reading.open_listeners import certainty_of

# To plan a statement over all partitions takes as long as a thousand rows.
SIZE = 2000
_EVENTS = """
SELECT e.at, e.host_id, e.id FROM event e WHERE {where} AND e.at BETWEEN %(first)s AND %(last)s
ORDER BY e.at DESC, e.host_id DESC, e.id DESC
"""
_OPEN = f"""
SELECT l.host_id, l.id, NULL::bigint FROM open_listener l JOIN host h ON h.host_id = l.host_id
WHERE {{where}} AND l.opened_at BETWEEN %(first)s AND %(last)s
    AND l.host_id NOT IN {OF_THE_RETIRED.format(at="now_us()")}
ORDER BY l.port, l.protocol, h.name, l.address, l.id
"""
_THEN = """
WITH found AS MATERIALIZED ({closed})
SELECT k.host_id, k.id, k.closed_at FROM (
    SELECT l.host_id, l.id, NULL::bigint AS closed_at, l.port, l.protocol, l.address
    FROM open_listener l WHERE {still} AND {where}
    UNION ALL
    SELECT l.host_id, l.id, l.closed_at, l.port, l.protocol, l.address
    FROM found f JOIN life l
        ON l.host_id = f.host_id AND l.id = f.id AND l.closed_at = f.closed_at
    WHERE {where}) k
JOIN host h ON h.host_id = k.host_id
ORDER BY k.port, k.protocol, h.name, k.address, k.id
"""
# Few listeners had another owner before.
_HANDED_ON = "(l.host_id, l.id) IN (SELECT x.host_id, x.listener_id FROM former x)"
_EVER = 2**63 - 1


def newest_rows(
    reader: FleetReader, wanted: Selection, limit: int, before: EventPlace | None = None
) -> list[Row]:
    """The newest events, at most `limit` of them; before: of those after it in this order. Raises
    FleetError, StoreSlow."""
    found = newest_events(reader, wanted, limit, before)
    return event_rows(reader, [each.place for each in found])


def event_batches(
    reader: FleetReader, wanted: Selection, before: EventPlace | None = None
) -> Iterator[Sequence[Row]]:
    """All events, the newest first; before: those after it in this order. Raises FleetError,
    StoreSlow."""
    where = event_choice(reader, wanted, before)
    times = {"first": -_EVER if wanted.since is None else wanted.since}
    times["last"] = latest(reader, wanted, before)
    statement = _EVENTS.format(where=where)
    for keys in reader.batches(statement, {**where.parameters, **times}, SIZE):
        yield event_rows(reader, [EventPlace(*key) for key in keys])


def open_batches(reader: FleetReader, wanted: Selection) -> Iterator[Sequence[Row]]:
    """The open listeners of hosts that are not retired, by port; the times of the selection bound
    the time at which each opened. Raises FleetError, StoreSlow."""
    where = together(key_conditions(wanted, "l"), listener_conditions(reader, wanted, "l"))
    times = {
        "first": -_EVER if wanted.since is None else wanted.since,
        "last": _EVER if wanted.until is None else wanted.until,
    }
    ends = PublishedEnds(reader)
    for keys in reader.batches(_OPEN.format(where=where), {**where.parameters, **times}, SIZE):
        rows = listener_rows(reader, [LifeKey(*key) for key in keys])
        ends.add_to(rows)
        yield rows


def moment_batches(
    reader: FleetReader, wanted: Selection, at: int, covered: Mapping[int, MomentCoverage]
) -> Iterator[Sequence[Row]]:
    """The listeners that were open at a moment, by port, with the owner that each had then and its
    certainty; covered: how each host was watched. Raises FleetError, StoreSlow."""
    key = key_conditions(wanted, "l")
    where = listener_conditions(reader, replace(wanted, program="", user="", home=""), "l")
    owner = Selection(program=wanted.program, user=wanted.user, home=wanted.home)
    if owner != Selection():
        now = listener_conditions(reader, owner, "l")
        where.add(f"(({now}) OR {_HANDED_ON})", **now.parameters)
    statement = _THEN.format(closed=closed_since(key), still=is_open_since(key), where=where)
    parameters = {**key.parameters, **where.parameters, "at": at}
    for keys in reader.batches(statement, parameters, SIZE):
        rows = listener_rows(reader, [LifeKey(*each) for each in keys], at)
        kept = [each for each in rows if _is_of(each, owner)]
        for each in kept:
            each["at"] = at
            each["certainty"] = certainty_of(each, at, covered[each["host_id"]])
        yield kept


def _is_of(row: Row, owner: Selection) -> bool:
    """Tell whether a listener had such an owner at the moment that the row is of."""
    texts = (row[name] for name in ("process", "title", "cmdline"))
    names = (
        *(row[name] for name in ("unit", "container")),
        " / ".join(
            row[name] or ""
            for name in ("container_name", "compose_project", "compose_service", "pod")
        ),
    )
    return (
        _has(texts, owner.program) and owner.user in {"", row["user"]} and _has(names, owner.home)
    )


def _has(texts: Iterable[str | None], part: str) -> bool:
    return not part or any(part.casefold() in (text or "").casefold() for text in texts)
