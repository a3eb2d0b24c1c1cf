"""The way from Filters to a figure of the timeline passes few modules."""

import sys
from collections.abc import Callable
from types import FrameType
from zoneinfo import ZoneInfo

import pytest

from porteye_core.model import Filters
from porteye_core.store.reading import open_reader
from porteye_core.store.reading.event_counts import forget
from porteye_core.ui import timeline_charts
from tests.kit.seeding import Instant

ROOMS = ("porteye_core.ui", "porteye_core.store", "porteye_core.charts")
HOUR = 3600 * 1_000_000
FIGURES = (
    timeline_charts.open_over_time,
    timeline_charts.opened_and_closed,
    timeline_charts.lives_by_port,
    timeline_charts.events_by_port,
)


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


@pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: figure.__name__)
def test_from_filters_to_a_figure_are_at_most_nine_modules(
    seeded: Instant, figure: Callable[[timeline_charts.Charted], timeline_charts.Chart]
) -> None:
    filters, zone = Filters(process="n"), ZoneInfo("UTC")
    since, until = seeded.now - HOUR, seeded.now + 1
    forget()
    with open_reader(seeded.db) as reader:
        coverage = reader.coverage(since, until, watching=True)

        def draw() -> None:
            found = reader.timeline(filters, since, until, zone)
            assert found is not None
            figure(timeline_charts.Charted(found, coverage, zone))

        modules = passed(draw)
    assert "porteye_core.store.reading.reader" in modules
    # SQLite itself calls these two: the guard of the connection, and its function `title`.
    modules -= {"porteye_core.store.file.authorizer", "porteye_core.store.file.connection"}
    assert len(modules) <= 9, sorted(modules)
