"""What opened and closed over a range of time, as frames."""

import math

import numpy as np
import pandas as pd

from porteye_core.model import Filters
from porteye_core.store import engine
from porteye_core.store.frames import changes, past, totals
from porteye_core.store.frames.columns import number, times
from porteye_core.store.frames.past import Numbers
from porteye_core.store.queries import Question

_ROWS_A_SEEK = 8  # so many rows are read one after the other in the time in which one is sought


def turnover(connection: engine.Connection, filters: Filters, edges: list[int]) -> pd.DataFrame:
    """Opens and closes of since..until between each two neighbours of `edges`, which reach over
    it: `at` and `end` bound a bucket, and `open` is how many listeners were open at its end."""
    since, until = _bounds(filters)
    grain = _grain(edges)
    columns, by = "(at - ?) / ? AS place, sum(opened), sum(closed)", "GROUP BY place"
    parts = [
        part.asking(columns, by, edges[0], grain)
        for part in changes.parts(filters, since, until, edges)
    ]
    place, opened, closed = past.rows(connection, parts, 3).T
    bucket, length = _buckets(place, grain, edges), len(edges) - 1
    frame = pd.DataFrame(
        {"opened": _sums(bucket, opened, length), "closed": _sums(bucket, closed, length)}
    )
    before = standing_count(connection, filters, since - 1)
    # A listener that changed hands may count as opened by one program and closed by another.
    frame["open"] = (before + (frame["opened"] - frame["closed"]).cumsum()).clip(lower=0)
    frame.insert(0, "at", times(pd.Series(edges[:-1])))
    frame.insert(1, "end", times(pd.Series(edges[1:])))
    return frame


def begun_at(connection: engine.Connection) -> int | None:
    """When the first watch began, None if there never was any."""
    found: int | None = connection.execute("SELECT min(started_at) FROM watch").fetchone()[0]
    return found


def standing_count(connection: engine.Connection, filters: Filters, moment: int) -> int:
    """How many listeners were open at a moment."""
    found = changes.standing(filters, moment, "l.id")
    return number(
        connection, Question(f"SELECT count(*) FROM ({found.sql}) AS standing", found.parameters)
    )


def by_port(
    connection: engine.Connection,
    filters: Filters,
    ports: list[tuple[int, str]],
    edges: list[int],
) -> pd.DataFrame:
    """Opens and closes of since..until on these ports, in each bucket between the edges that has
    any: `bucket` is the place of its first edge."""
    since, until = _bounds(filters)
    grain = _grain(edges)
    seeks = len(ports) * ((until - since) // grain + 1)
    all_events = totals.event_count(connection, Filters(since=since, until=until))
    sought = [port for port, _ in ports] if all_events > seeks * _ROWS_A_SEEK else []
    numbers = ",".join(dict.fromkeys(str(int(port)) for port, _ in ports))
    parts = [
        part.asking(
            "port, protocol = 'udp' AS udp, (at - ?) / ? AS place, sum(opened), sum(closed)",
            f"WHERE +port IN ({numbers}) GROUP BY port, protocol, place",
            edges[0],
            grain,
        )
        for part in changes.parts_by_port(filters, since, until, edges, sought)
    ]
    found = past.rows(connection, parts, 5)
    places = {(port, protocol == "udp"): place for place, (port, protocol) in enumerate(ports)}
    which = [places.get((port, udp == 1), -1) for port, udp in found[:, :2].tolist()]
    row = np.array(which, dtype="int64")
    place, opened, closed = found[row >= 0, 2:].T
    row = row[row >= 0]
    width = len(edges) - 1
    cells = row * width + _buckets(place, grain, edges)
    sums = [_sums(cells, each, len(ports) * width) for each in (opened, closed)]
    (held,) = np.nonzero(sums[0] + sums[1])
    row, bucket = np.divmod(held, width)
    frame = pd.DataFrame(ports, columns=["port", "protocol"]).iloc[row].reset_index(drop=True)
    return frame.assign(bucket=bucket, opened=sums[0][held], closed=sums[1][held])


def _bounds(filters: Filters) -> tuple[int, int]:
    if filters.since is None or filters.until is None:
        raise ValueError("A question about a range needs both its ends.")
    return filters.since, filters.until


def _grain(edges: list[int]) -> int:
    """The longest step from the first edge that meets every other: the database adds up by it, and
    what it answers is no longer than the chart, but for a day of 23 or 25 hours."""
    return math.gcd(*(edge - edges[0] for edge in edges[1:]))


def _buckets(place: Numbers, grain: int, edges: list[int]) -> Numbers:
    """The bucket in which each grain lies."""
    found: Numbers = np.searchsorted(edges, edges[0] + place * grain, side="right") - 1
    return found


def _sums(cells: Numbers, counts: Numbers, length: int) -> Numbers:
    return np.bincount(cells, weights=counts, minlength=length).astype("int64")
