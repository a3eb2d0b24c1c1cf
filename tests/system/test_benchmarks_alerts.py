"""The cost of telling is measured on a real alerts process."""

import sys
from argparse import ArgumentParser

import pytest

from benchmarks import alerts
from benchmarks.report import Report

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="the loads are Linux processes"),
    pytest.mark.long,
]


@pytest.fixture(scope="module")
def report() -> Report:
    flags = ArgumentParser()
    alerts.add_flags(flags)
    few = ["--days=9", "--events=3000", "--seconds=2", "--rounds=2", "--sample-days=0.1"]
    return alerts.run(flags.parse_args(few))


def test_everything_is_measured(report: Report) -> None:
    (table,) = report.tables
    measured = {str(what): value for what, value in table.rows}
    assert len(measured) == 8 - 2 * len(report.skipped)
    assert all(isinstance(value, int | float) and value >= 0 for value in measured.values())
    # A process with the standard library has this much, and loads neither pandas nor Apprise.
    assert 10 < float(measured["MiB after the last one"] or 0) < 45


def test_each_budget_has_its_check(report: Report) -> None:
    budgets = [check.budget for check in report.checks]
    assert budgets[:4] == ["10,000", "28 MiB", "0.01 %", "2 s"]
