"""Who watched and when, what lies between, and what the kernel lost."""

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from porteye_core.model import Tick
from porteye_core.store.reading import State, WatchTables, open_reader, watches
from porteye_core.store.writing.startup import open_writer
from tests.conftest import PLAN
from tests.kit.values import HOST, SECOND

TICK = Tick(0, 0, listeners=1, clients=0, scan_us=900, hidden=0)


def watch(db: Path, start: int, *ticks: Tick, end: int | None = None, booted_at: int = 0) -> None:
    """One monitor's work, in seconds; without an end it is killed after its last tick."""
    boot = f"boot {booted_at}"
    host = replace(HOST, boot_id=boot, booted_at=booted_at * SECOND)
    with open_writer(db, host, start * SECOND) as writer:
        writer.begin_watch(start * SECOND, PLAN)
        for tick in ticks:
            writer.record_tick(replace(tick, at=tick.at * SECOND), [])
        if end is not None:
            writer.end_watch(end * SECOND)


def answer(
    db: Path, state: State, since: int = 0, until: int = 1000, limit: int = 100
) -> WatchTables:
    with open_reader(db) as reader:
        return reader.watches(since * SECOND, until * SECOND, 1000 * SECOND, limit, state)


def seconds(frame: pd.DataFrame) -> list[tuple[float, float]]:
    """From and until of each row."""
    return [(row["from"].timestamp(), row["until"].timestamp()) for row in frame.to_dict("records")]


def test_a_watch_was_stopped_or_killed_or_goes_on(db: Path) -> None:
    watch(db, 10, end=20)
    watch(db, 30, replace(TICK, at=40))
    watch(db, 50, replace(TICK, at=60))
    found = answer(db, State.WATCHING)
    assert seconds(found.watches) == [(50, 1000), (30, 40), (10, 20)]
    assert list(found.watches["ended"]) == ["running", "no stop recorded", "stopped"]
    assert list(found.watches["length"]) == [950 * SECOND, 10 * SECOND, 10 * SECOND]
    assert seconds(found.gaps) == [(40, 50), (20, 30)]
    assert list(found.gaps["reason"]) == [
        "the monitor was killed: it recorded no stop",
        "the monitor was stopped",
    ]


@pytest.mark.parametrize(
    ("state", "ended", "reason"),
    [
        (State.STOPPED, "no stop recorded", "the monitor was killed: it recorded no stop"),
        (State.STARTING, "no stop recorded", "the monitor was killed: it recorded no stop"),
        (State.STALLED, "cannot scan now", "the monitor runs, but cannot scan"),
    ],
)
def test_what_does_not_watch_now_leaves_a_gap_until_now(
    db: Path, state: State, ended: str, reason: str
) -> None:
    watch(db, 50, replace(TICK, at=60))
    found = answer(db, state)
    assert list(found.watches["ended"]) == [ended]
    assert seconds(found.gaps) == [(60, 1000)]
    assert list(found.gaps["reason"]) == [reason]


def test_a_boot_between_two_watches_is_the_reason(db: Path) -> None:
    watch(db, 10, replace(TICK, at=20), booted_at=1)
    watch(db, 100, booted_at=90)
    assert list(answer(db, State.WATCHING).gaps["reason"]) == ["the machine was started anew"]


def test_sleep_and_a_clock_that_was_set_are_said_within_a_watch(db: Path) -> None:
    slept = replace(TICK, at=400, gap=300 * SECOND)
    watch(db, 50, slept, replace(TICK, at=500, jump=-3600 * SECOND), end=600)
    found = answer(db, State.STOPPED).gaps
    assert seconds(found) == [(600, 1000), (500, 500), (100, 400)]
    assert list(found["reason"])[1:] == [
        "the clock was set back by 3,600.0 s",
        "the machine slept, or the monitor could not scan",
    ]


def test_a_range_has_what_it_overlaps_and_a_cut_is_counted(db: Path) -> None:
    for start in (10, 30, 50):
        watch(db, start, end=start + 10)
    found = answer(db, State.STOPPED, since=35, until=45)
    assert seconds(found.watches) == [(30, 40)]
    assert seconds(found.gaps) == [(40, 50)]
    cut = answer(db, State.STOPPED, limit=1)
    assert (len(cut.watches), cut.total) == (1, 3)
    assert (len(cut.gaps), cut.total_gaps) == (1, 3)


def lost(db: Path, since: int = 0, until: int = 1000) -> list[tuple[float, int]]:
    with open_reader(db) as reader:
        frame, _ = reader.losses(since * SECOND, until * SECOND)
    return [(row["at"].timestamp(), row["lost"]) for row in frame.to_dict("records")]


def test_lost_records_have_the_time_at_which_their_count_rose(db: Path) -> None:
    counts = ((60, 0), (70, 3), (80, 3), (90, 10))
    watch(db, 50, *(replace(TICK, at=at, lost=count) for at, count in counts))
    watch(db, 100, replace(TICK, at=110, lost=2), replace(TICK, at=120, lost=2))
    watch(db, 200, replace(TICK, at=210))
    assert lost(db) == [(110, 2), (90, 7), (70, 3)]
    assert lost(db, since=80, until=100) == [(90, 7)]
    assert lost(db, since=300) == []


def test_of_many_losses_the_newest_are_said_and_that_there_were_more(
    db: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch(db, 50, *(replace(TICK, at=60 + number, lost=number) for number in range(1, 6)))
    monkeypatch.setattr(watches, "_MAX_RISES", 2)
    with open_reader(db) as reader:
        frame, more = reader.losses(0, 1000 * SECOND)
    assert more
    assert [at.timestamp() for at in frame["at"]] == [65, 64]
