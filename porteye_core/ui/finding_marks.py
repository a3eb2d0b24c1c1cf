"""Findings of the alerts process as marks: on rows of the History, and on the Timeline."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar
from zoneinfo import ZoneInfo

import pandas as pd
import plotly.graph_objects as go

from porteye_core.charts.figure import Span
from porteye_core.charts.findings import with_findings
from porteye_core.errors import StoreError
from porteye_core.store import alerts
from porteye_core.store.alerts import Connection, Finding
from porteye_core.ui.context import View
from porteye_core.ui.session_cache import cached

_T = TypeVar("_T")
_KEPT, _KEPT_OF = "findings_between", "findings_on"
_MOST = 500  # marks: more are a stripe


def verdicts_on(view: View, listeners: Sequence[int]) -> Mapping[int, str]:
    """The verdict of the latest finding on each of these listeners that has one."""
    ids = tuple(dict.fromkeys(listeners))
    host = view.host or None
    found = _ask(view, _KEPT_OF, ids, lambda connection: alerts.findings_on(connection, ids, host))
    return {
        each.listener_id: each.verdict
        for each in found
        if each.listener_id is not None and each.verdict
    }


def marked(
    view: View,
    figure: go.Figure,
    heights: Mapping[tuple[int, str] | None, int],
    span: Span,
    zone: ZoneInfo,
) -> go.Figure:
    """The figure of a timeline with the findings that began in its range."""
    since, until = (edge.value // 1000 for edge in span)
    host = view.host or None
    found = _ask(
        view,
        _KEPT,
        (since, until),
        lambda connection: alerts.findings_between(connection, since, until, _MOST, host),
    )
    return with_findings(figure, frame(found, zone), heights, span) if found else figure


def frame(found: Iterable[Finding], zone: ZoneInfo) -> pd.DataFrame:
    """The findings with what they say in words."""
    table = pd.DataFrame(
        [(each.at, each.port, each.protocol, each.listener_id, in_words(each)) for each in found],
        columns=["at", "port", "protocol", "listener", "what"],
    ).astype({"port": "Int64", "listener": "Int64"})
    at = pd.to_datetime(table["at"], unit="us", utc=True).astype("datetime64[us, UTC]")
    return table.assign(at=at.dt.tz_convert(zone))


def in_words(of: Finding) -> str:
    """A finding in few words."""
    who = of.program or of.unit or of.container
    where = "" if of.port is None else f"{of.port}/{of.protocol}"
    what = ": ".join(filter(None, (of.verdict, of.why)))
    return ", ".join(filter(None, (" ".join(filter(None, (where, who))), what)))


def _ask(
    view: View, key: str, of: tuple[object, ...], ask: Callable[[Connection], list[_T]]
) -> list[_T]:
    """The answer of the alerts database; nothing while it cannot be read, which the view Alerts
    tells."""
    revision = alerts.revision(view.alerts_file)
    if revision is None or not of:
        return []

    def read() -> list[_T]:
        try:
            with alerts.open_to_read(view.alerts_file) as connection:
                return ask(connection)
        except StoreError:
            return []

    return cached(key, (revision, of, view.host), read)
