"""Activity by port: the events of the busiest ports in each bucket."""

from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo

import pandas as pd

from porteye_core.model import Filters
from porteye_core.store import engine
from porteye_core.store.reading import event_counts
from porteye_core.store.reading.listener_rows import times
from porteye_core.store.reading.packs import Numbers
from porteye_core.store.reading.time_bounds import buckets
from porteye_core.store.reading.timeline_rows import (
    Place,
    Shape,
    busiest,
    counted,
    places,
    split,
    whole_hours,
)

_ROWS = 12


@dataclass(frozen=True, slots=True)
class PortActivity:
    """The `places` with most events, of `ports` that had any, each with its events in each bucket
    between the edges, which are on the viewer's clock."""

    places: list[Place]
    events: Numbers
    edges: "pd.Series[pd.Timestamp]"
    bucket: str
    ports: int


def port_activity(
    connection: engine.Connection,
    filters: Filters,
    since: int,
    until: int,
    zone: ZoneInfo,
    shape: Shape,
) -> PortActivity:
    """The activity by port of since..until; without ephemeral ports where these are folded."""
    begun, over = whole_hours(connection, since, until)
    lasting, _ = (replace(each, since=begun, until=over) for each in split(filters, shape))
    found = busiest(connection, lasting, begun, over)
    counts = event_counts.of_kind(found, filters.kind)
    active = found[counts["opened"] + counts["closed"] > 0]
    shown = active.head(_ROWS)
    shortest = 0 if (begun, over) == (since, until) else 3600 * 1_000_000
    by_port = buckets(begun, over, zone, by_port=True, shortest=shortest)
    cells = event_counts.by_port(connection, lasting, places(shown), by_port.edges)
    cells = event_counts.of_kind(cells, filters.kind)
    opened, closed, _ = counted(shown, cells, len(by_port.edges) - 1)
    edges = times(pd.Series(by_port.edges)).dt.tz_convert(zone)
    return PortActivity(places(shown), opened + closed, edges, by_port.name, len(active))
