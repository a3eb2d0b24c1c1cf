"""What a benchmark found, as text that can stand in a document and as JSON."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

Cell = str | int | float | None


@dataclass(frozen=True, slots=True)
class Table:
    """A titled table; the first column names the row."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True, slots=True)
class Check:
    """A budget, what was measured of it, and whether it is met."""

    what: str
    measured: str
    budget: str
    met: bool


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that one run of a benchmark found; `skipped`: peer to reason.

    faults: what PortEye stored and what is true; unlike a missed budget they fail the benchmark.
    """

    tables: tuple[Table, ...]
    checks: tuple[Check, ...] = ()
    skipped: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()


def as_text(name: str, machine: Mapping[str, Cell], report: Report) -> str:
    """The report in Markdown that is aligned for a terminal."""
    parts = [f"{name} · " + " · ".join(f"{key} {value}" for key, value in machine.items())]
    parts += [f"{table.title}\n\n{_grid(table.columns, table.rows)}" for table in report.tables]
    if report.checks:
        rows = [(c.what, c.measured, c.budget, "met" if c.met else "missed") for c in report.checks]
        parts.append(_grid(("budget", "measured", "wanted", ""), rows))
    parts += [f"skipped: {peer}: {reason}" for peer, reason in report.skipped.items()]
    parts += report.notes + report.faults
    return "\n\n".join(parts) + "\n"


def as_json(name: str, machine: Mapping[str, Cell], report: Report) -> str:
    """The report as one object."""
    return json.dumps({"benchmark": name, "machine": dict(machine), **asdict(report)})


def shown(cell: Cell) -> str:
    """A number as short as it is still exact enough; a dash where there is none."""
    if cell is None:
        return "–"
    if isinstance(cell, float):
        if abs(cell) >= 100:
            return f"{cell:,.0f}"
        return f"{cell:.1f}" if abs(cell) >= 10 else f"{cell:.3g}"
    return f"{cell:,}" if isinstance(cell, int) else cell


def _grid(columns: Sequence[str], rows: Sequence[Sequence[Cell]]) -> str:
    cells = [tuple(columns), *(tuple(map(shown, row)) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [_line(row, widths) for row in cells]
    rule = [_rule(at, width) for at, width in enumerate(widths)]
    return "\n".join([lines[0], "|" + "|".join(rule) + "|", *lines[1:]])


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    first, *rest = zip(row, widths, strict=True)
    cells = [first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in rest)]
    return f"| {' | '.join(cells)} |"


def _rule(at: int, width: int) -> str:
    return "-" * (width + 1) + (":" if at else "-")
