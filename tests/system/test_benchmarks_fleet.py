"""The benchmark of a fleet ships a whole history, and asks both databases every question."""

import sys
from argparse import ArgumentParser

import pytest

from benchmarks.fleet import benchmark
from benchmarks.report import Report, Table
from tests.kit.postgres import needs_postgres

pytestmark = [
    needs_postgres,
    pytest.mark.skipif(sys.platform != "linux", reason="the loads are Linux processes"),
]


@pytest.fixture(scope="module")
def report() -> Report:
    flags = ArgumentParser()
    benchmark.add_flags(flags)
    few = ["--days=30", "--events=2000", "--listeners=20", "--rounds=2", "--batches=5"]
    many = ["--hosts=10", "--fleet-events=20000", "--at-once=2", "--at-once-events=1000"]
    return benchmark.run(flags.parse_args([*few, *many, "--sample-days=0.1"]))


def test_the_whole_history_is_shipped(report: Report) -> None:
    shipping = report.tables[0]
    assert shipping.title == "Shipping of 2,000 events in 30 days, one connection"
    assert all(float(value or 0) > 0 for what, value in shipping.rows if "CPU" not in str(what))


def table_of(report: Report, begin: str) -> Table:
    """The table whose title begins so."""
    return next(each for each in report.tables if each.title.startswith(begin))


def test_every_question_is_timed_in_both(report: Report) -> None:
    questions = table_of(report, "Questions of one host's page")
    assert len(questions.rows) > 42
    assert all(float(cell or 0) > 0 for row in questions.rows for cell in row[1:])
    assert [check.budget for check in report.checks] == [
        "at least 5,000",
        "at least 10,000",
        "at least 10,000",
        "at most 3 ms",
        "at most 5 times",
        "all",
        "none",
    ]


def test_what_is_shipped_again_is_the_same(report: Report) -> None:
    check = report.checks[-1]
    assert check.what.startswith("of ")
    assert check.measured == "0 differ"


def test_every_question_over_many_hosts_is_timed_beside_its_plainest_form(report: Report) -> None:
    table = table_of(report, "Questions over 10 hosts with 20,000 events")
    assert len(table.rows) > 20
    assert all(float(cell or 0) > 0 for row in table.rows for cell in row[1:])
