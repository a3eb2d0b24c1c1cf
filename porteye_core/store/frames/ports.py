"""The ports that had a listener in a range, the busiest first, as a frame."""

import json

import numpy as np
import pandas as pd

from porteye_core.model import Filters, Protocol
from porteye_core.store import engine
from porteye_core.store.frames import changes, past
from porteye_core.store.frames.columns import times, values

_NOBODY = 2**62  # above every number of a program
_COLUMNS = ("port", "udp", "opened", "closed", "before", "after", "one", "other")


def busiest(
    connection: engine.Connection, filters: Filters, since: int, until: int
) -> pd.DataFrame:
    """Every port that had a listener open in since..until: `opened` and `closed` in that range,
    `before` how many were open when it began and `after` when it ended, `lives` how many overlap
    it, and `program` the number of the only program that had it: missing where there were several,
    0 where none is known. The most events come first, of as many the lower port.

    Events are counted by the program of their time, what was open by its owner of today: where a
    listener changed hands, `before` + `opened` is not `closed` + `after` for a program.
    """
    counts = [
        part.asking(_by_port("sum(opened), sum(closed), 0, 0"), "GROUP BY port, protocol")
        for part in changes.parts_by_port(filters, since, until, [])
    ]
    standing = [
        _standing(filters, since - 1, "0, 0, count(*), 0"),
        _standing(filters, until, "0, 0, 0, count(*)"),
    ]
    found = past.rows(connection, [*counts, *standing], len(_COLUMNS))
    keys, sums, one, other = _grouped(found)
    busy = np.argsort(-sums[:, 0] - sums[:, 1], kind="stable")
    opened, closed, before, after = sums[busy].T
    several = (one != other) & (other != 0)
    return pd.DataFrame(
        {
            "port": keys[busy] // 2,
            "opened": opened,
            "closed": closed,
            "before": before,
            "after": after,
            "lives": np.maximum(opened + before, closed + after),
            "program": pd.arrays.IntegerArray(other[busy], several[busy]),
            "protocol": np.where(keys[busy] % 2 == 1, Protocol.UDP, Protocol.TCP),
        }
    )


def _grouped(found: past.Numbers) -> tuple[past.Numbers, past.Numbers, past.Numbers, past.Numbers]:
    """By port and protocol, whose key is the port doubled and one for UDP: the key, the four sums,
    the least and the highest number of a program. pandas takes four times as long."""
    keys, row = np.unique(found[:, 0] * 2 + found[:, 1], return_inverse=True)
    sums = np.zeros((len(keys), 4), dtype="int64")
    np.add.at(sums, row, found[:, 2:6])
    one, other = np.full(len(keys), _NOBODY), np.zeros(len(keys), dtype="int64")
    np.minimum.at(one, row, found[:, 6])
    np.maximum.at(other, row, found[:, 7])
    return keys, sums, one, other


def named(connection: engine.Connection, ports: pd.DataFrame) -> pd.DataFrame:
    """These rows of `busiest` with `process`, the title of `program`: missing where there were
    several, empty where none is known."""
    numbers = json.dumps(ports["program"].dropna().tolist())
    found = connection.execute(
        "SELECT id, title(name, exe, cmdline) FROM program"
        " WHERE id IN (SELECT value FROM json_each(?))",
        (numbers,),
    )
    names = dict(map(tuple, found))
    process = [None if pd.isna(each) else names.get(each, "") for each in ports["program"]]
    return ports.assign(process=pd.Series(process, index=ports.index, dtype="str"))


def _by_port(counts: str) -> str:
    programs = f"coalesce(min(nullif(program_id, 0)), {_NOBODY}), coalesce(max(program_id), 0)"
    return f"port, protocol = 'udp', {counts}, {programs}"


def _standing(filters: Filters, moment: int, counts: str) -> past.Part:
    question = changes.standing(filters, moment, "l.port, l.protocol, l.program_id")
    return past.Part(question).asking(_by_port(counts), "GROUP BY port, protocol")


def stretches(ports: pd.DataFrame, cells: pd.DataFrame, edges: list[int]) -> pd.DataFrame:
    """Where each of these ports had anything open, in whole buckets: a row from `start` to `end`
    for neighbours of which each has, with what was `opened` and `closed` in it.

    ports: rows of `busiest`; cells: `activity.by_port` of them over the same edges.
    """
    places = {pair: row for row, pair in enumerate(values(ports, "port", "protocol"))}
    opened, closed = np.zeros((2, len(ports), len(edges) - 1), dtype="int64")
    rows = [places.get(pair, -1) for pair in values(cells, "port", "protocol")]
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
