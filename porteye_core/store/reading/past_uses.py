"""Listeners of a time, those that have owner and place in common as one."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from porteye_core.exposure import Bound, Exposure, exposure
from porteye_core.model import Protocol
from porteye_core.store import engine
from porteye_core.store.reading.listener_rows import (
    Question,
    bound,
    every,
    from_tables,
    select_columns,
)

_DAY = 24 * 3600 * 1_000_000
USE_COLUMNS = (
    *("protocol", "port", *Bound._fields),
    *("process", "exe", "cmdline", "user", "unit", "container"),
    *("image", "compose_project", "compose_service", "hidden"),
)
"""The columns of a listener that tell what it is a use of."""
_COLUMNS = select_columns(*USE_COLUMNS)
_GROUPS = ", ".join(str(place + 1) for place in range(len(USE_COLUMNS)))  # all of these columns


class PastUse(NamedTuple):
    """Listeners that have this in common, of which an unknown text is empty; longest: the length of
    the longest life. last: when the last one was open. is_open: one of them still is."""

    protocol: Protocol
    port: int
    exposure: Exposure
    process: str
    exe: str
    cmdline: str
    user: str
    unit: str
    container: str
    image: str
    compose_project: str
    compose_service: str
    hidden: str | None
    openings: int
    longest: int
    last: int
    is_open: bool


def past_uses(connection: engine.Connection, since: int, until: int) -> Iterator[PastUse]:
    """All that was open at some time in since..until; a life that goes on lasts until `until`.

    The same can come several times: a statement reads the closings of one day, because a busy year
    takes longer than a single one may."""
    yield from _of(connection, Question("l.closed_at IS NULL"), until)
    for start in range(since, until, _DAY):
        closed = (start, min(start + _DAY, until))
        of_day = "l.span IN (0, 1, 2) AND l.closed_at > ? AND l.closed_at <= ?"
        yield from _of(connection, Question(of_day, closed), until)


def use_of(values: Sequence[Any]) -> PastUse:
    """The use that the values of USE_COLUMNS tell; its openings and times say nothing."""
    return _use(values, 1, 0, 0, 1)


def open_by_id(connection: engine.Connection) -> dict[int, PastUse]:
    """The use that each open listener is, by its id; see use_of."""
    rows = connection.execute(
        f"SELECT {_COLUMNS}, l.id FROM {from_tables()} WHERE l.closed_at IS NULL"
    )
    return {row[-1]: use_of(row[:-1]) for row in rows}


def _of(connection: engine.Connection, chosen: Question, until: int) -> Iterator[PastUse]:
    where = every(chosen, Question("l.opened_at <= ?", (until,)))
    rows = connection.execute(
        f"SELECT {_COLUMNS}, count(*), max(coalesce(l.closed_at, ?) - l.opened_at),"
        " max(coalesce(l.closed_at, ?)), max(CASE WHEN l.closed_at IS NULL THEN 1 ELSE 0 END)"
        f" FROM {from_tables()} WHERE {where.sql} GROUP BY {_GROUPS}",
        (until, until, *where.parameters),
    )
    for row in rows:
        yield _use(row[: len(USE_COLUMNS)], *row[len(USE_COLUMNS) :])


def _use(row: Sequence[Any], openings: int, longest: int, last: int, is_open: int) -> PastUse:
    """The use that the columns USE_COLUMNS tell."""
    protocol, port, *rest = row
    process, exe, cmdline, user, *home = (text or "" for text in rest[5:14])
    unit, container, image, project, service = home
    return PastUse(
        protocol=Protocol(protocol),
        port=port,
        exposure=exposure(bound(*rest[:5])),
        process=process,
        exe=exe,
        cmdline=cmdline,
        user=user,
        unit=unit,
        container=container,
        image=image,
        compose_project=project,
        compose_service=service,
        hidden=rest[14],
        openings=openings,
        longest=longest,
        last=last,
        is_open=bool(is_open),
    )
