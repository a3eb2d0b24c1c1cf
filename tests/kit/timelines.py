"""The timeline of a range in one question, as the page asks it in two."""

from zoneinfo import ZoneInfo

from porteye_core.model import Filters
from porteye_core.store.reading import Reader, Shape, Timeline

UTC = ZoneInfo("UTC")


def timeline_of(
    reader: Reader,
    filters: Filters,
    since: int,
    until: int,
    zone: ZoneInfo = UTC,
    shape: Shape | None = None,
) -> Timeline | None:
    rows = reader.timeline_rows(filters, since, until, zone, shape or Shape())
    return None if rows is None else reader.timeline(filters, since, until, zone, rows)
