"""The listeners that opened and closed within a time: a line for each program and port, however
often it did so."""

from dataclasses import dataclass

from porteye_core.exposure import Exposure, exposure
from porteye_core.model import Filters
from porteye_core.port_names import service
from porteye_core.store import engine
from porteye_core.store.reading.differences import Change, Found
from porteye_core.store.reading.listener_rows import (
    Question,
    bound_of,
    from_tables,
    matching,
    owner_reason,
    select_columns,
)
from porteye_core.store.tables.event_ids import EventIds
from porteye_core.system.clock import short_length

# Events that are read with their listeners in the time of a question.
_MAX_EVENTS = 6_000
# A program with more ports than that has them from the system: nobody asks for each.
_FEW_PORTS = 3
_TABLES = from_tables("event e JOIN listener l ON l.id = e.listener_id")
_COLUMNS = select_columns(
    *("id", "protocol", "port", "address", "interface", "interface_kind", "v6only", "namespace"),
    *("opened_at", "closed_at", "hidden", "title"),
)


@dataclass(frozen=True, slots=True)
class BriefLives:
    """Rows as those of differences; `is_cut`: only the newest events were read."""

    rows: list[Found]
    is_cut: bool


def brief_lives(
    connection: engine.Connection, filters: Filters, since: int, until: int
) -> BriefLives:
    """The listeners that opened after `since` and had closed by `until`."""
    ids = EventIds(connection).between(since, until)
    low = max(ids.low, ids.high - _MAX_EVENTS + 1)
    where = matching(filters)
    question = Question(
        f"""
        SELECT {_COLUMNS}
        FROM {_TABLES}
        WHERE e.id BETWEEN ? AND ? AND e.kind = 'opened'
            AND l.opened_at > ? AND l.closed_at <= ? AND {where.sql}
        ORDER BY l.id
        """,
        (low, ids.high, since, until, *where.parameters),
    )
    rows = connection.execute(*question).fetchall()
    return BriefLives(_lines(rows), low > ids.low)


def _lines(rows: list[engine.Row]) -> list[Found]:
    groups: dict[tuple[str, str, Exposure], list[engine.Row]] = {}
    for row in rows:
        key = row["protocol"], _owner(row), exposure(bound_of(row))
        groups.setdefault(key, []).append(row)
    found: list[Found] = []
    for lives in groups.values():
        by_port: dict[int, list[engine.Row]] = {}
        for row in lives:
            by_port.setdefault(row["port"], []).append(row)
        if len(by_port) > _FEW_PORTS:
            found.append({**_line(lives, len(by_port)), "port": None, "address": "", "service": ""})
        else:
            found += [_line(each, 1) for each in by_port.values()]
    return found


def _line(lives: list[engine.Row], ports: int) -> Found:
    """One line for these; what they differ in is that of the last."""
    last = lives[-1]
    return {
        **{name: last[name] for name in ("port", "protocol", "id")},
        "process": _owner(last),
        "service": service(last["port"], last["protocol"]),
        "change": Change.BRIEF,
        "exposure_was": "",
        "exposure_is": exposure(bound_of(last)).value,
        "was": "",
        "is": "",
        "address": ", ".join(dict.fromkeys(bound_of(row).shown for row in lives)),
        "openings": _openings([row["closed_at"] - row["opened_at"] for row in lives], ports),
        "certainty": "",
        "listener": None,
    }


def _owner(row: engine.Row) -> str:
    return row["title"] or owner_reason(row["hidden"])


def _openings(lengths: list[int], ports: int) -> str:
    """Number and typical length, as “240 openings, each about 2 s”."""
    typical = short_length(_median(lengths))
    if len(lengths) == 1:
        return f"1 opening of {typical}"
    on = f" on {ports:,} ports" if ports > 1 else ""
    return f"{len(lengths):,} openings{on}, each about {typical}"


def _median(lengths: list[int]) -> int:
    # Not that of statistics, which takes 8 ms to load: a command answers sooner.
    inner = sorted(lengths)[(len(lengths) - 1) // 2 : len(lengths) // 2 + 1]
    return round(sum(inner) / len(inner))
