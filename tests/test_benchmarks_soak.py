"""The soak churns the real service, and the monitor stays as it was."""

import os
import sys

import pytest

from benchmarks import loads, soak
from benchmarks.service import watching
from benchmarks.soak import Look

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the loads are Linux processes")


def test_growth_is_the_slope_of_the_memory_alone() -> None:
    looks = [Look(60.0 * minute, 20 + minute / 2, 9, 2) for minute in range(10)]
    assert soak.slope(looks) == pytest.approx(30)
    assert soak.slope(looks[:1]) == 0


def test_a_leak_after_the_first_half_is_a_missed_budget() -> None:
    looks = [
        Look(60.0 * minute, 20, 9 + 3 * (minute == 9), 2 + minute // 9) for minute in range(10)
    ]
    met = {check.what: check.met for check in soak._checks(looks)}
    assert met == {
        "resident memory, at most": True,
        "its growth over the second half": True,
        "descriptors": False,
        "threads": False,
    }


def test_churn_happens_before_each_look_at_a_process() -> None:
    happened: list[int] = []
    looks = soak.sampled(os.getpid(), 0, 0, lambda: happened.append(len(happened)))
    assert len(looks) == len(happened) == 2
    assert all(look.rss > 1 and look.descriptors > 2 and look.threads >= 1 for look in looks)


@pytest.mark.long
def test_under_churn_descriptors_and_threads_are_flat_and_memory_does_not_grow() -> None:
    with watching() as service, loads.churn(50):
        churn = lambda: loads.short_lives("soak", 5, 100, 0.2)  # noqa: E731 - two uses, one line
        soak.sampled(service.pid, 8, 1, churn)  # until every part has been used once
        looks = soak.sampled(service.pid, 16, 1, churn)
        assert service.number("SELECT count(*) FROM event") > 1000
    assert len({look.threads for look in looks}) == 1
    descriptors = [look.descriptors for look in looks]
    # A look may have a process's descriptor open for a moment.
    assert max(descriptors) - min(descriptors) <= 2
    # 24 s of a real leak, a kilobyte for each of thousands of events, would be several MiB.
    assert looks[-1].rss - looks[0].rss < 4
    assert max(look.rss for look in looks) <= 32
