"""What the monitor used, by bucket of time."""

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from porteye_core.model import Tick
from porteye_core.store.reading import MonitorUsage, monitor_usage, open_reader
from porteye_core.store.writing.writer import Writer
from tests.kit.values import SECOND

BEAT = 10 * SECOND


def record(writer: Writer, tick: Tick, *times: int, **figures: int) -> None:
    for at in times:
        writer.record_tick(replace(tick, at=at, **figures), [])


def answer(db: Path, since: int, until: int) -> MonitorUsage:
    with open_reader(db) as reader:
        return reader.monitor_usage(since, until, BEAT)


def test_a_bucket_has_the_mean_and_the_most_of_its_ticks(
    db: Path, writer: Writer, tick: Tick
) -> None:
    record(writer, tick, 20 * SECOND, cpu=100, rss=5, size=7, scan_us=1000)
    record(writer, tick, 30 * SECOND, cpu=300, rss=9, size=8, scan_us=4000)
    found = answer(db, 20 * SECOND, 60 * SECOND)
    assert found.one_in == 1
    assert len(found.figures) == 2
    first = found.figures.iloc[0]
    assert first["at"] == pd.Timestamp(30, unit="s", tz="UTC")
    assert (first["cpu"], first["cpu_max"], first["rss"], first["size"]) == (2, 3, 9, 8)
    assert (first["scan"], first["scan_max"]) == (2.5, 4)
    assert found.figures.iloc[1].drop("at").isna().all()


def test_a_tick_of_an_older_monitor_has_no_figure_of_itself(
    db: Path, writer: Writer, tick: Tick
) -> None:
    record(writer, tick, 20 * SECOND)
    figures = answer(db, 0, 60 * SECOND).figures
    assert figures["scan"].notna().sum() == 1
    assert figures[["cpu", "rss", "size"]].isna().all().all()


def test_no_range_has_more_points_than_a_chart_can_show(
    db: Path, writer: Writer, tick: Tick
) -> None:
    record(writer, tick, 20 * SECOND)
    assert len(answer(db, 0, 30 * 86_400 * SECOND).figures) == 240
    assert answer(db, 0, 5 * SECOND).figures.shape[0] == 1
    assert answer(db, 5 * SECOND, 6 * SECOND).figures["scan"].isna().all()


def test_of_too_many_ticks_some_are_read_evenly_and_it_is_said(
    db: Path, writer: Writer, tick: Tick, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = range(0, 6000 * SECOND, SECOND)
    record(writer, tick, *times[:3000], cpu=100)
    record(writer, tick, *times[3000:], cpu=500)
    exact = answer(db, 0, 6000 * SECOND)
    monkeypatch.setattr(monitor_usage, "_MAX_READ", 100)
    monkeypatch.setattr(monitor_usage, "_PROBES", 5)
    some = answer(db, 0, 6000 * SECOND)
    assert (exact.one_in, some.one_in) == (1, 5)
    assert exact.figures["cpu"].equals(some.figures["cpu"])
    assert some.figures["cpu"].iloc[[0, -1]].tolist() == [1, 5]
