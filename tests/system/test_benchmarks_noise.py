"""The noise of a seeded history: what is learnt is silent, and what comes later is told once."""

import argparse
import sys
from pathlib import Path

import pytest

from benchmarks import noise
from benchmarks.seed import seed
from benchmarks.seeding.scale import Scale
from porteye_core.alerts.timers import DAY
from tests.kit.judging import NOON

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the benchmarks run on Linux")

SMALL = ["--days", "10", "--listeners", "40", "--events", "8000", "--sample-days", "0.1"]


def test_a_history_that_was_learnt_as_a_whole_tells_nothing(tmp_path: Path) -> None:
    db = tmp_path / "porteye.db"
    seed(db, Scale(10, 40, 20_000, 3, 0.1, watching=True), NOON)
    judged = noise.Month(db, NOON - 10 * DAY, NOON).judge(learnt_until=NOON)
    assert judged.learnt > 50
    assert judged.events > 1000
    assert (judged.findings, judged.messages) == (0, 0)


def test_each_way_is_counted_and_an_hour_that_flaps_is_two_messages_at_most() -> None:
    flags = argparse.ArgumentParser()
    noise.add_flags(flags)
    found = noise.run(flags.parse_args(SMALL))
    month, hour = found.tables
    a_day = [float(row[1] or 0) for row in month.rows]
    assert a_day[0] > a_day[1] >= a_day[2] > 0
    assert hour.rows[0][1] in (1, 2)
    assert [check.met for check in found.checks][1]
