"""Activity: openings and closings of 30 days over all hosts, and the busiest ports."""

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd
import streamlit as st

from porteye_core.charts.fleet_activity import by_bucket
from porteye_core.store.fleet.many_hosts.questions import (
    EPHEMERAL,
    Bucket,
    BusyPort,
    buckets,
    busiest,
)
from porteye_core.ui import layout, row_selection, time_range
from porteye_core.ui.context import viewers_zone
from porteye_core.ui.fleet import choices
from porteye_core.ui.fleet.context import FleetMoment, read
from porteye_core.ui.fleet.pages import go
from porteye_core.ui.table_columns import columns

_REFRESH = 60  # seconds
_HOUR = 3_600_000_000
_DAY = 24 * _HOUR
_LENGTH = 30 * _DAY
_MOST_PORTS = 20
_DAYS = "day"
_LABELS = {"hour": "By hour", _DAYS: "By day"}
_CLICKED = "activity_clicked"
_CHART = "fleet_activity"
_WIDTHS = {"ports": 160, "protocol": 80, "opened_count": 110, "closed_count": 110}


@st.fragment(run_every=_REFRESH)
def activity() -> None:
    """The chart and the busiest ports, drawn anew at each refresh."""
    if (ends := st.session_state.pop(_CLICKED, None)) is not None:
        since, until = map(time_range.stamp, ends)
        go("history", range="custom", since=since, until=until)
    read(_draw)


def _draw(at: FleetMoment) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        days = choices.choose("Buckets", _LABELS, "by", "activity_by") == _DAYS
        place = st.empty()
    since = max(at.now - _LENGTH, at.kept_from)
    wanted = replace(at.events, since=None, until=None)
    found = buckets(at.reader, wanted, since, at.now, days=days)
    opened, closed = sum(each.opened for each in found), sum(each.closed for each in found)
    unit = "days, of UTC" if days else "hours"
    place.caption(
        f"{opened:,} openings and {closed:,} closings {_time(at, since)}, by {unit}.",
        width="content",
    )
    if found:
        _chart(found, (since, at.now), _DAY if days else _HOUR)
    else:
        st.info(f"Nothing opened or closed {_time(at, since)} that matches the filters.")
    ports = busiest(at.reader, wanted, since, at.now, _MOST_PORTS)
    if ports:
        st.markdown("##### Busiest ports")
        _table(ports)


def _time(at: FleetMoment, since: int) -> str:
    """The time that is shown, in words."""
    return f"since {at.dated(since)}" if since == at.kept_from else "in the last 30 days"


def _chart(found: Sequence[Bucket], ends: tuple[int, int], length: int) -> None:
    counts = pd.DataFrame(
        {
            "at": _times([each.at for each in found]),
            "opened": [each.opened for each in found],
            "closed": [each.closed for each in found],
        }
    )
    first, last = _times([ends[0], ends[1]])
    figure = by_bucket(counts, pd.Timedelta(length, "us"), (first, last))
    st.plotly_chart(
        figure,
        key=_CHART,
        on_select="ignore" if layout.is_phone() else (lambda: _press(length)),
        selection_mode="points",
        config={"displayModeBar": False},
        alt="Openings and closings over all hosts",
    )


def _times(micros: Sequence[int]) -> "pd.Series[pd.Timestamp]":
    there = pd.Series(pd.to_datetime(list(micros), unit="us", utc=True))
    return there.dt.tz_convert(viewers_zone())


def _press(length: int) -> None:
    points = st.session_state[_CHART]["selection"]["points"]
    at = next((int(point["id"]) for point in points if "id" in point), None)
    if at is not None:
        st.session_state[_CLICKED] = at, at + length - 1


def _table(found: Sequence[BusyPort]) -> None:
    table = pd.DataFrame(
        {
            "ports": [_name(each.port) for each in found],
            "protocol": [each.protocol for each in found],
            "opened_count": [each.opened for each in found],
            "closed_count": [each.closed for each in found],
        }
    )
    # A port has two protocols at most.
    ids = [2 * each.port + (each.protocol == "udp") for each in found]
    with st.container(width=520):
        clicked = row_selection.table(
            table,
            list(_WIDTHS),
            columns(_WIDTHS),
            key="busiest_ports",
            ids=ids,
            alt="Ports with most events",
            height=layout.table_height(len(table)),
        )
    if clicked in ids:
        port = found[ids.index(clicked)]
        of = str(port.port) if port.port < EPHEMERAL else f"{EPHEMERAL}-65535"
        go("history", port=of, protocol=port.protocol, range="30d")


def _name(port: int) -> str:
    return str(port) if port < EPHEMERAL else f"{EPHEMERAL} and higher"


activity()
