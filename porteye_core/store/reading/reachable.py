"""The attack surface over time: the listeners that other machines may reach, and each step."""

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from porteye_core.exposure import exposure
from porteye_core.model import Filters, Precision
from porteye_core.store import engine
from porteye_core.store.reading.listener_rows import (
    Question,
    bound_of,
    every,
    from_tables,
    matching,
    open_between,
    select_columns,
    times,
    titles,
)
from porteye_core.store.reading.time_bounds import HOUR, first_watch

# The lives of so many events are read in a tenth of a second; of more, those of an hour or longer.
_FEW_EVENTS = 20_000
# A server that is back within a minute has restarted: no step.
_RESTART = 60 * 1_000_000
# Nobody but this machine reaches these; most listeners have them, and need not be read.
_LOCAL = Question("l.address NOT LIKE '127.%' AND l.address != '::1'")
_COLUMNS = (
    *("id", "port", "protocol", "address", "interface", "interface_kind", "v6only", "namespace"),
    *("opened_at", "opened_seen", "closed_at", "closed_seen", "program_id"),
)


@dataclass(frozen=True, slots=True)
class Step:
    """A listener that became reachable, or was no longer; seen: the precision of its time."""

    at: int
    is_up: bool
    port: int
    protocol: str
    process: str
    listener: int
    seen: Precision


@dataclass(frozen=True, slots=True)
class Surface:
    """The number of listeners that were reachable at `since`, and the steps up to `until` by time.

    is_long: lives of less than an hour are left out.
    """

    since: int
    until: int
    begun: int
    steps: list[Step]
    is_long: bool

    @property
    def frame(self) -> pd.DataFrame:
        """Each moment with a step: `at`, and `count`, how many were reachable from then on."""
        change = pd.Series(
            [1 if step.is_up else -1 for step in self.steps],
            index=[step.at for step in self.steps],
            dtype="int64",
        )
        counts = self.begun + change.groupby(level=0).sum().cumsum()
        return pd.DataFrame({"at": times(pd.Series(counts.index)), "count": counts.to_numpy()})


def surface(
    connection: engine.Connection, filters: Filters, since: int, until: int, events: int
) -> Surface:
    """The attack surface of since..until, as far back as anybody watched; events: how many the
    range has."""
    begun = first_watch(connection)
    since = min(until, max(since, begun or since))
    is_long = events > _FEW_EVENTS
    lives = list(_joined(_lives(connection, filters, since, until, is_long=is_long)))
    programs = {row["program_id"] for row, _ in lives} - {None}
    names = titles(connection, programs)
    before, steps = 0, list[Step]()
    for row, last in lives:
        who = row["port"], row["protocol"], names.get(row["program_id"], "")
        was_there = row["opened_seen"] == Precision.GAP and row["opened_at"] <= since + HOUR // 60
        if row["opened_at"] <= since or was_there:
            before += 1
        else:
            seen = Precision(row["opened_seen"])
            steps.append(Step(row["opened_at"], True, *who, row["id"], seen))  # noqa: FBT003
        if last["closed_at"] is not None and last["closed_at"] <= until:
            seen = Precision(last["closed_seen"])
            steps.append(Step(last["closed_at"], False, *who, last["id"], seen))  # noqa: FBT003
    steps.sort(key=lambda step: step.at)
    return Surface(since, until, before, steps, is_long)


def open_count(connection: engine.Connection, filters: Filters, at: int) -> tuple[int, int]:
    """The number of listeners that were open at a moment, and of those that were reachable."""
    chosen = open_between(at, at, where=matching(filters))
    found = connection.execute(
        f"SELECT {select_columns(*_COLUMNS)} FROM {from_tables()} WHERE l.id IN ({chosen.sql})",
        chosen.parameters,
    ).fetchall()
    return len(found), sum(exposure(bound_of(row)).is_reachable for row in found)


def _lives(
    connection: engine.Connection, filters: Filters, since: int, until: int, *, is_long: bool
) -> list[engine.Row]:
    where = every(_LOCAL, matching(filters))
    chosen = open_between(since, until, where=where, is_long=is_long)
    found = connection.execute(
        f"SELECT {select_columns(*_COLUMNS)} FROM {from_tables()} WHERE l.id IN ({chosen.sql})"
        " ORDER BY l.opened_at, l.id",
        chosen.parameters,
    )
    return [row for row in found if exposure(bound_of(row)).is_reachable]


def _joined(lives: list[engine.Row]) -> Iterator[tuple[engine.Row, engine.Row]]:
    """The first and the last life of each run of restarts at an endpoint, in order."""
    going_on = dict[tuple[object, ...], tuple[engine.Row, engine.Row]]()
    for row in lives:
        key = tuple(row[name] for name in ("port", "protocol", "address", "namespace"))
        run = going_on.get(key)
        closed = None if run is None else run[1]["closed_at"]
        if run is None:
            going_on[key] = row, row
        elif closed is None or row["opened_at"] - closed > _RESTART:
            yield run
            going_on[key] = row, row
        else:
            going_on[key] = run[0], row
    yield from going_on.values()
