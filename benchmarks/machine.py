"""The machine that a benchmark runs on, and statistics."""

import math
import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime

import psutil

from benchmarks.report import Cell


def facts() -> dict[str, Cell]:
    """What a figure is worth nothing without."""
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "system": f"{platform.system()} {platform.release()}",
        "cores": os.cpu_count(),
        "Python": platform.python_version(),
        "psutil": psutil.__version__,
    }


def quantile(values: Sequence[float], share: float) -> float | None:
    """The smallest value that this share of the values does not exceed; None without values."""
    if not values:
        return None
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def ratio(of: float | None, to: float | None) -> float | None:
    """How many times the one goes into the other, None where it cannot be said."""
    return of / to if of is not None and to else None
