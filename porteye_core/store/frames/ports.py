"""The ports that had a listener in a range, the busiest first, as a frame."""

import sqlite3

import numpy as np
import pandas as pd

from porteye_core.model import Filters
from porteye_core.store.frames import changes
from porteye_core.store.frames.columns import frame_of, times
from porteye_core.store.queries import Question


def busiest(
    connection: sqlite3.Connection, filters: Filters, since: int, until: int
) -> pd.DataFrame:
    """Every port that had a listener open in since..until: `opened` and `closed` in that range,
    `before` how many were open when it began and `after` when it ended, `lives` how many overlap
    it, and `process` the program that had it: missing where there were several, empty where it is
    not known. The most events come first, of as many the lower port.

    Events are counted by the program of their time, what was open by its owner of today: where a
    listener changed hands, `before` + `opened` is not `closed` + `after` for a program.
    """
    found = changes.totals_by_port(filters, since, until)
    first, last = (
        changes.standing(filters, moment, "l.port, l.protocol, l.program_id")
        for moment in (since - 1, until)
    )
    return frame_of(
        connection,
        Question(
            f"""
            WITH port AS (
                SELECT port, protocol, sum(opened) AS opened, sum(closed) AS closed,
                    sum(before) AS before, sum(after) AS after,
                    max(sum(opened) + sum(before), sum(closed) + sum(after)) AS lives,
                    min(one) AS one, max(other) AS other
                FROM (
                    SELECT port, protocol, opened, closed, 0 AS before, 0 AS after, one, other
                    FROM ({found.sql})
                    UNION ALL
                    SELECT port, protocol, 0, 0, 1, 0, program_id, program_id FROM ({first.sql})
                    UNION ALL
                    SELECT port, protocol, 0, 0, 0, 1, program_id, program_id FROM ({last.sql})
                )
                GROUP BY port, protocol
            )
            SELECT port, protocol, opened, closed, before, after, lives,
                iif(one = other, g.name, iif(one IS NULL, '', NULL)) AS process
            FROM port LEFT JOIN program g ON g.id = one
            ORDER BY opened + closed DESC, port, protocol
            """,
            (*found.parameters, *first.parameters, *last.parameters),
        ),
    )


def stretches(ports: pd.DataFrame, cells: pd.DataFrame, edges: list[int]) -> pd.DataFrame:
    """Where each of these ports had anything open, in whole buckets: a row from `start` to `end`
    for neighbours of which each has, with what was `opened` and `closed` in it.

    ports: rows of `busiest`; cells: `activity.by_port` of them over the same edges.
    """
    places = {
        pair: row for row, pair in enumerate(zip(ports["port"], ports["protocol"], strict=True))
    }
    opened, closed = np.zeros((2, len(ports), len(edges) - 1), dtype="int64")
    rows = [places.get(pair, -1) for pair in zip(cells["port"], cells["protocol"], strict=True)]
    known = np.array(rows, dtype="int64") >= 0
    at = np.array(rows, dtype="int64")[known], cells["bucket"].to_numpy("int64")[known]
    opened[at] = cells["opened"].to_numpy("int64")[known]
    closed[at] = cells["closed"].to_numpy("int64")[known]
    before = ports["before"].to_numpy("int64")[:, None]
    after = before + (opened - closed).cumsum(axis=1)
    held = (np.hstack([before, after[:, :-1]]) > 0) | (opened > 0)
    # An edge on each side, so that every run has a beginning and an end.
    turns = np.diff(np.pad(held.astype("int8"), ((0, 0), (1, 1))), axis=1)
    row, first = np.nonzero(turns == 1)
    last = np.nonzero(turns == -1)[1]
    sums = [np.pad(part.cumsum(axis=1), ((0, 0), (1, 0))) for part in (opened, closed)]
    found = ports.iloc[row][["port", "protocol", "process"]].reset_index(drop=True)
    found["opened"], found["closed"] = (part[row, last] - part[row, first] for part in sums)
    bounds = np.array(edges, dtype="int64")
    found["start"], found["end"] = (times(pd.Series(bounds[each])) for each in (first, last))
    return found
