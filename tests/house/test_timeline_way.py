"""The way from Filters to a figure of the timeline passes few modules."""

import sys
from collections.abc import Callable
from types import FrameType
from zoneinfo import ZoneInfo

import pytest

from porteye_core.model import Filters
from porteye_core.store.reading import Shape, open_reader
from porteye_core.store.reading.event_counts import forget
from porteye_core.ui import timeline_charts
from porteye_core.ui.context import View
from porteye_core.ui.further_charts import Further, further
from porteye_core.ui.timeline_charts import Charted
from tests.kit.seeding import Instant

ROOMS = ("porteye_core.ui", "porteye_core.store", "porteye_core.charts")
HOUR = 3600 * 1_000_000


def passed(work: Callable[[], object]) -> set[str]:
    """The modules of page, store and charts whose code runs in this work."""
    modules = set[str]()

    def note(frame: FrameType, event: str, _: object) -> None:
        if event == "call":
            modules.add(frame.f_globals.get("__name__", ""))

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(before)
    return {name for name in modules if name.startswith(ROOMS)}


FIGURES = ["lives by row", *(each.value for each in Further)]


@pytest.mark.parametrize("name", FIGURES)
def test_from_filters_to_a_figure_are_at_most_eight_modules(seeded: Instant, name: str) -> None:
    view, zone = View(seeded.db, Filters(process="n")), ZoneInfo("UTC")
    since, until = seeded.now - HOUR, seeded.now + 1
    forget()
    with open_reader(seeded.db) as reader:
        coverage = reader.coverage(since, until, watching=True)
        rows = reader.timeline_rows(view.filters, since, until, zone, Shape())
        assert rows is not None

        def draw() -> None:
            found = reader.timeline(view.filters, since, until, zone, rows)
            timeline_charts.lives_by_row(Charted(found, coverage, zone))

        modules = passed(draw)
        if name != FIGURES[0]:
            of = Charted(reader.timeline(view.filters, since, until, zone, rows), coverage, zone)
            modules = passed(lambda: further(Further(name), reader, view, of))
    # SQLite itself calls these: the guard of the connection, and its functions.
    modules -= {"porteye_core.store.file.authorizer", "porteye_core.store.file.connection"}
    assert len(modules) <= 8, sorted(modules)
    assert "porteye_core.charts.figure" in modules


def test_from_filters_to_the_rows_are_at_most_eight_modules(seeded: Instant) -> None:
    since, until = seeded.now - HOUR, seeded.now + 1
    forget()
    with open_reader(seeded.db) as reader:
        modules = passed(
            lambda: reader.timeline_rows(
                Filters(process="n"), since, until, ZoneInfo("UTC"), Shape(folded=4)
            )
        )
    modules -= {"porteye_core.store.file.authorizer", "porteye_core.store.file.connection"}
    assert "porteye_core.store.reading.reader" in modules
    assert len(modules) <= 8, sorted(modules)
