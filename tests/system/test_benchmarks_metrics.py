"""The metrics are timed as a scraper gets them, beside prometheus_client's text of the same."""

import sys
from argparse import ArgumentParser

import pytest

from benchmarks import metrics
from benchmarks.report import Report

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the loads are Linux processes")


@pytest.fixture(scope="module")
def report() -> Report:
    flags = ArgumentParser()
    metrics.add_flags(flags)
    few = ["--days=2", "--events=300", "--listeners=20", "--series=300", "--rounds=2"]
    return metrics.run(flags.parse_args([*few, "--sample-days=0.1"]))


def test_both_loads_have_their_series(report: Report) -> None:
    (table,) = report.tables
    few, many = (dict(zip(table.columns, row, strict=True)) for row in table.rows)
    assert few["listeners"] == "20"
    assert many["listeners"] == str(20 + 51)
    fewer, more = few["series"], many["series"]
    assert isinstance(fewer, int)
    assert isinstance(more, int)
    assert fewer < 20 * 6 + 10
    assert more - fewer == 51 * 6


def test_sizes_and_times_are_there(report: Report) -> None:
    (table,) = report.tables
    for row in table.rows:
        cells = dict(zip(table.columns, row, strict=True))
        assert float(str(cells["kB"])) > float(str(cells["gzipped kB"])) > 0
        assert all(float(str(cells[name])) > 0 for name in table.columns[2:6])
    assert [check.budget for check in report.checks] == ["10 ms", "50 ms", "60 kB"]
