"""A rerun of each view of one host through the fleet, beside that of the host's own database."""

from collections.abc import Callable
from pathlib import Path

from benchmarks.machine import quantile, ratio
from benchmarks.page import VIEWS, Rerun, rerun
from benchmarks.report import Cell, Check, Table

_SLOWER = 5.0  # a rerun through the fleet, beside the host's own database
_RANGE = "30d"


def page_views(
    db: Path, address: str, host: str, rounds: int, cpu: Callable[[], float]
) -> tuple[Table, Check]:
    """Rerun each view of this host; cpu: seconds that the server has worked.

    The processor of page and server together counts: a busy machine does not lengthen it.
    """
    rows, worst = list[tuple[Cell, ...]](), 0.0
    for anew, view in ((anew, view) for anew, views in VIEWS.items() for view in views):
        own = rerun(db, view, _RANGE, rounds, anew=anew)
        before = cpu()
        there = rerun(db, view, _RANGE, rounds, anew=anew, fleet=address, host=host)
        server = (cpu() - before) * 1000 / (rounds + 2)  # with the first two runs
        times = ratio((_worked(there) or 0) + server, _worked(own))
        worst = max(worst, times or 0)
        name = own.view
        rows.append((name, _took(own), _worked(own), _took(there), _worked(there), server, times))
    columns = (
        *("view", "SQLite p50 ms", "SQLite CPU ms", "fleet p50 ms", "fleet CPU ms"),
        *("server's CPU ms", "times by CPU"),
    )
    check = Check(
        "a rerun of one host's page beside its own database",
        f"{worst:.1f} times",
        f"at most {_SLOWER:g} times",
        worst <= _SLOWER,
    )
    return Table(f"A rerun of each view, {_RANGE}, {rounds} rounds", columns, tuple(rows)), check


def _took(of: Rerun) -> float | None:
    return quantile(of.took, 0.5)


def _worked(of: Rerun) -> float | None:
    return quantile(of.worked, 0.5)
