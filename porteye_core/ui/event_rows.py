"""Rows of the History: events with words for their kind and precision, runs of flapping as one."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from statistics import median
from typing import NamedTuple

import pandas as pd

from porteye_core.model import Kind, Precision
from porteye_core.system.clock import short_length

_FEWEST = 6  # events of a run: three openings and closings
_LONGEST_PAUSE = 300_000_000  # microseconds between two events of a run
_ONE = ("port", "protocol", "process")  # what a run is of


class _Event(NamedTuple):
    kind: str
    listener: int
    at: int  # microseconds since the epoch


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of a page, newest first, with `run`: the number of a folded run, else 0.

    events: the number of events that the rows stand for; first, last: ids of the oldest and of the
    newest of them. is_cut: other events were left out.
    """

    frame: pd.DataFrame
    events: int
    first: int
    last: int
    is_cut: bool


def rows(
    found: pd.DataFrame, limit: int, unfolded: Collection[int] = (), *, from_oldest: bool = False
) -> Rows | None:
    """Make at most `limit` rows of events that are sorted newest first.

    from_oldest: begin with the oldest, and leave the newest out. unfolded: runs that are shown
    event by event. The events that are left out belong to the next page. None without events.
    """
    if found.empty:
        return None
    run = _runs(found).where(lambda runs: ~runs.isin(unfolded), 0)
    row = run.where(run > 0, -found["id"])
    order = row.iloc[::-1] if from_oldest else row
    seen = (~order.duplicated()).cumsum()
    kept = found.loc[(seen <= limit).reindex(found.index)]
    run = run.loc[kept.index]
    heads = kept.loc[~row.loc[kept.index].duplicated()].assign(run=run)
    folded = {number: _openings(events) for number, events in _folded(kept, run).items()}
    heads["kind"] = [
        folded.get(number, kind) for number, kind in zip(heads["run"], heads["kind"], strict=True)
    ]
    ids = kept["id"]
    return Rows(heads, len(ids), int(ids.min()), int(ids.max()), len(ids) < len(found))


def kinds(frame: pd.DataFrame) -> list[str]:
    """The kinds of events in words."""
    return [
        "already there" if first else str(kind)
        for kind, first in zip(frame["kind"], frame["is_first"], strict=True)
    ]


def precisions(frame: pd.DataFrame, interval: Callable[[int], int]) -> list[str]:
    """The precision of the times in words; interval: that of scans at a time, in microseconds."""
    micros = frame["at"].astype("int64")
    return [
        _precision(seen, first, at, interval)
        for seen, first, at in zip(frame["seen"], frame["is_first"], micros, strict=True)
    ]


def _precision(seen: str, first: bool, at: int, interval: Callable[[int], int]) -> str:  # noqa: FBT001 - a column
    if seen == Precision.KERNEL:
        return "exact"
    if seen == Precision.POLL:
        return f"within {interval(at) / 1e6:g} s"
    return "before watching began" if first else "while nobody watched"


def _runs(found: pd.DataFrame) -> "pd.Series[int]":
    """The number of each event's run, the id of its newest event; 0 for an event without one."""
    at, ids = found["at"].astype("int64").tolist(), found["id"].tolist()
    of = zip(*(found[name].fillna("").tolist() for name in _ONE), strict=True)
    latest = dict[tuple[object, ...], list[int]]()
    runs = list[list[int]]()
    for place, one in enumerate(of):
        run = latest.get(one)
        if run is None or at[run[-1]] - at[place] > _LONGEST_PAUSE:
            runs.append(run := [])
            latest[one] = run
        run.append(place)
    numbers = [0] * len(found)
    for run in runs:
        if len(run) >= _FEWEST:
            for place in run:
                numbers[place] = ids[run[0]]
    return pd.Series(numbers, index=found.index)


def _folded(kept: pd.DataFrame, run: "pd.Series[int]") -> dict[int, list[_Event]]:
    """The events of each run, by its number."""
    found = dict[int, list[_Event]]()
    at = kept["at"].astype("int64")
    for number, *event in zip(run, kept["kind"], kept["listener"], at, strict=True):
        if number:
            found.setdefault(number, []).append(_Event(*event))
    return found


def _openings(events: Sequence[_Event]) -> str:
    """The number of openings and their typical length: “240 openings, each about 2 s”."""
    opened, closed = (
        {each.listener: each.at for each in events if each.kind == kind}
        for kind in (Kind.OPENED, Kind.CLOSED)
    )
    lives = [closed[each] - opened[each] for each in opened.keys() & closed.keys()]
    count_words = (
        f"▸ {len(opened):,} opening{'' if len(opened) == 1 else 's'}"
        if opened
        else f"▸ {len(closed):,} closings"
    )
    if not lives:
        return count_words
    return f"{count_words}, each about {short_length(round(median(lives)))}"
