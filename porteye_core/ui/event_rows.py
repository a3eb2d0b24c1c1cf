"""Rows of the History: events with words for their kind and precision, runs of flapping as one."""

from collections.abc import Callable, Collection
from dataclasses import dataclass

import pandas as pd

from porteye_core.model import Kind, Precision
from porteye_core.system.clock import short_length

_FEWEST = 6  # events of a run: three openings and closings
_LONGEST_PAUSE = pd.Timedelta(minutes=5)  # between two events of a run
_ONE = ("port", "protocol", "process")  # what a run is of


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
    folded = {number: _openings(kept[run == number]) for number in run[run > 0].unique()}
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
    numbers = pd.Series(0, index=found.index)
    for _, events in found.groupby(list(_ONE), sort=False, dropna=False):
        if len(events) < _FEWEST:
            continue
        pauses = events["at"].shift(1) - events["at"]
        for _, run in events.groupby((pauses > _LONGEST_PAUSE).cumsum()):
            if len(run) >= _FEWEST:
                numbers.loc[run.index] = int(run["id"].iloc[0])
    return numbers


def _openings(run: pd.DataFrame) -> str:
    """The number of openings and their typical length: “240 openings, each about 2 s”."""
    opened = run[run["kind"] == Kind.OPENED].set_index("listener")["at"]
    closed = run[run["kind"] == Kind.CLOSED].set_index("listener")["at"]
    lives = (closed - opened).dropna()
    count = len(opened)
    count_words = (
        f"▸ {count:,} opening{'' if count == 1 else 's'}"
        if count
        else f"▸ {len(closed):,} closings"
    )
    if lives.empty:
        return count_words
    typical = round(lives.dt.total_seconds().median() * 1_000_000)
    return f"{count_words}, each about {short_length(typical)}"
