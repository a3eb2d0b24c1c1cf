"""The benchmark of a fleet's sizes enrols, ships, restarts the server, and multiplies."""

import sys
from argparse import ArgumentParser

import pytest

from benchmarks.fleet import sizes
from benchmarks.report import Report
from tests.kit.postgres import needs_postgres

pytestmark = [
    needs_postgres,
    pytest.mark.skipif(sys.platform != "linux", reason="the loads are Linux processes"),
]


@pytest.fixture(scope="module")
def report() -> Report:
    flags = ArgumentParser()
    sizes.add_flags(flags)
    return sizes.run(flags.parse_args(["--hosts=20", "--days=2", "--storm=5"]))


def measured_of(report: Report) -> dict[str, float]:
    return {str(name): float(figure or 0) for name, figure in report.tables[0].rows}


def test_each_figure_is_measured(report: Report) -> None:
    measured = measured_of(report)
    assert measured["a batch of six events, 20 hosts, ms of the server's CPU"] >= 0
    for what in ("event", "life", "process", "rollup", "activity", "turnover", "all of these"):
        assert measured[f"{what}, bytes of a host's day"] > 0
    assert measured["log of the server, bytes of a host's day"] > 0


def test_each_host_is_back_after_the_restart(report: Report) -> None:
    (check,) = report.checks
    assert (check.measured, check.met) == ("0 late", True)


def test_many_hosts_are_multiples_of_one(report: Report) -> None:
    rows = {str(row[0]): [float(cell or 0) for cell in row[1:]] for row in report.tables[1].rows}
    for here, there, each in rows.values():
        assert there == pytest.approx(10 * here)
        assert each == pytest.approx(there / 8)
    day = measured_of(report)["all of these, bytes of a host's day"]
    assert rows["GB a day"][0] == pytest.approx(10_000 * day / 1e9)
