"""The ports of a range, the busiest first: their events, how many listeners they had, and whose."""

import json
from collections.abc import Iterable

import numpy as np
import pandas as pd

from porteye_core.exposure import Exposure, exposure
from porteye_core.model import Filters, Protocol
from porteye_core.store import engine
from porteye_core.store.reading import event_counts, packs
from porteye_core.store.reading.event_counts import Part
from porteye_core.store.reading.listener_rows import (
    bound_of,
    from_tables,
    matching,
    open_between,
    owners,
    select_columns,
    values,
)
from porteye_core.store.reading.packs import NOBODY, Numbers, Pack

_MAX_RANKED = 400  # ports that are put in order; of more, those that stood or had most events
_SUMMED = ("port", "udp", "opened", "closed", "before", "after", "one", "other")
_BOUND = ("address", "interface", "interface_kind", "v6only", "namespace")

Place = tuple[int, str]  # port and protocol


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
        part.asking(
            _by_port("sum(opened), sum(closed), 0, 0"),
            "GROUP BY port, protocol",
            summed=_sums_by_port,
        )
        for part in event_counts.parts_by_port(filters, since, until, [])
    ]
    standing = [
        _standing(filters, since - 1, "0, 0, count(*), 0"),
        _standing(filters, until, "0, 0, 0, count(*)"),
    ]
    found = event_counts.rows(connection, [*counts, *standing], len(_SUMMED))
    keys, sums, one, other = _summed(found)
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


def _summed(found: Numbers) -> tuple[Numbers, Numbers, Numbers, Numbers]:
    """By port and protocol, whose key is the port doubled and one for UDP: the key, the four sums,
    the least and the highest number of a program. pandas takes four times as long."""
    keys, row = np.unique(found[:, 0] * 2 + found[:, 1], return_inverse=True)
    sums = np.zeros((len(keys), 4), dtype="int64")
    np.add.at(sums, row, found[:, 2:6])
    one, other = np.full(len(keys), NOBODY), np.zeros(len(keys), dtype="int64")
    np.minimum.at(one, row, found[:, 6])
    np.maximum.at(other, row, found[:, 7])
    return keys, sums, one, other


def _by_port(counts: str) -> str:
    programs = f"coalesce(min(nullif(program_id, 0)), {NOBODY}), coalesce(max(program_id), 0)"
    return f"port, protocol = 'udp', {counts}, {programs}"


def _sums_by_port(found: Iterable[Pack]) -> Numbers:
    """The same of packs."""
    return np.insert(packs.by_port(found), (4, 4), 0, axis=1)


def _standing(filters: Filters, moment: int, counts: str) -> Part:
    what = "l.port, l.protocol, l.program_id"
    question = open_between(moment, moment, what, matching(filters))
    return Part(question).asking(_by_port(counts), "GROUP BY port, protocol")


def known(
    connection: engine.Connection, filters: Filters, found: pd.DataFrame, since: int, until: int
) -> pd.DataFrame:
    """Those rows of `busiest` that may be shown, with the `exposure` of the port, that which
    reaches furthest of its listeners at the edges of the range and of its last one, and with the
    `process` of the latest of these."""
    standing = np.sign(found["before"]) + np.sign(found["after"])
    likely = np.argsort(-standing, kind="stable")[:_MAX_RANKED]  # of as many, by events
    found = found.iloc[likely].reset_index(drop=True)
    latest = _latest(connection, filters, found, since, until)
    default = Exposure.UNKNOWN, ""
    known = [latest.get(place, default) for place in places(found)]
    found["exposure"] = [each.value for each, _ in known]
    found["is_reachable"] = np.array([each.is_reachable for each, _ in known], dtype=bool)
    found["process"] = pd.Series([name for _, name in known], index=found.index, dtype="str")
    return found


def _latest(
    connection: engine.Connection, filters: Filters, ports: pd.DataFrame, since: int, until: int
) -> dict[Place, tuple[Exposure, str]]:
    where = matching(filters)
    before, after = (open_between(at, at, where=where) for at in (since - 1, until))
    numbers = json.dumps(list(dict.fromkeys(ports["port"].tolist())))
    found = connection.execute(
        f"""
        SELECT {select_columns("port", "protocol", "hidden", "title", *_BOUND)}
        FROM {from_tables()}
        WHERE {where.sql} AND l.id IN (
            SELECT id FROM ({before.sql}) AS standing_before
            UNION SELECT id FROM ({after.sql}) AS standing_after
            UNION SELECT (SELECT e.listener_id FROM event e WHERE e.port = p.value AND e.id <=
                (SELECT id FROM event WHERE at <= ? ORDER BY at DESC LIMIT 1)
                ORDER BY e.id DESC LIMIT 1)
            FROM json_each(?) p
        ) ORDER BY l.opened_at, l.id
        """,
        (*where.parameters, *before.parameters, *after.parameters, until, numbers),
    ).fetchall()
    named = owners(
        pd.DataFrame([(row["title"], row["hidden"]) for row in found], columns=["title", "hidden"])
    )
    latest = dict[Place, tuple[Exposure, str]]()
    for row, name in zip(found, named, strict=True):
        place, reach = (row["port"], row["protocol"]), exposure(bound_of(row))
        furthest = latest.get(place, (reach, ""))[0]
        latest[place] = furthest if furthest.is_reachable else reach, name
    return latest


def counted(
    ports: pd.DataFrame, cells: pd.DataFrame, width: int
) -> tuple[Numbers, Numbers, Numbers]:
    """The numbers of listeners of each of these ports that opened and closed in each bucket, and
    that were open when it began.

    ports: rows of `busiest`; cells: `event_counts.by_port` of them over the same edges.
    """
    rows = {place: row for row, place in enumerate(places(ports))}
    opened, closed = np.zeros((2, len(ports), width), dtype="int64")
    row = np.array([rows.get(place, -1) for place in places(cells)], dtype="int64")
    known = row >= 0
    at = row[known], cells["bucket"].to_numpy("int64")[known]
    opened[at] = cells["opened"].to_numpy("int64")[known]
    closed[at] = cells["closed"].to_numpy("int64")[known]
    before = ports["before"].to_numpy("int64")[:, None]
    after = before + (opened - closed).cumsum(axis=1)
    return opened, closed, np.hstack([before, after[:, :-1]]).clip(min=0)


def places(frame: pd.DataFrame) -> list[Place]:
    """The port and the protocol of each row."""
    return list(values(frame, "port", "protocol"))
