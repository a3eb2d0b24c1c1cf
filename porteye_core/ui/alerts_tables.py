"""Tables of the alerts: what is open, what was told, and what did not arrive."""

import json
from collections.abc import Sequence
from typing import Any

import pandas as pd

from porteye_core.judging.verdicts import IN_DIGEST, is_at_least
from porteye_core.store.alerts import Finding, Receiver, Told
from porteye_core.ui import cell_text, row_selection
from porteye_core.ui.context import viewers_zone
from porteye_core.ui.layout import in_order, show_table, table_height
from porteye_core.ui.table_columns import columns

_WHY = 208  # pixels
_FINDINGS = columns(
    {
        "host": 110,
        "at": 124,
        "verdict": 86,
        "port": 60,
        "protocol": 66,
        "program": 150,
        "exposure": 112,
        "label": 84,
        "why": _WHY,
        "told": 128,
    },
    at={"format": "MM-DD HH:mm:ss"},
)
_MESSAGES = columns(
    {"at": 124, "receiver": 110, "title": 400, "findings": 76, "delivery": 150, "tries": 56},
    at={"format": "MM-DD HH:mm:ss"},
)
_FAILURES = columns(
    {"at": 124, "receiver": 110, "title": 300, "tries": 56, "delivery": 150, "error": 420},
    at={"format": "MM-DD HH:mm:ss"},
)
_ON_A_PHONE = ("verdict", "port", "program", "why")
_ON_A_PHONE_WITH_HOST = ("host", "verdict", "port", "program")
_WATCH = {
    "unwatched": "nobody watches",
    "settings": "a file is wrong",
    "database": "database",
    "silent": "the host is silent",
    "behind": "the host is behind",
    "clock": "the clock is off",
}


def draw_findings(
    found: Sequence[Finding],
    receivers: Sequence[Receiver],
    *,
    key: str,
    alt: str,
    with_host: bool = False,
) -> Finding | None:
    """Draw these findings; return the one that is clicked. receivers: who may be told; with_host:
    they are of the hosts of a fleet."""
    table = pd.DataFrame([_finding(each, receivers) for each in found])
    table["at"], table["port"] = _times(table["at"]), table["port"].astype("Int64")
    order = in_order(_FINDINGS, _ON_A_PHONE_WITH_HOST if with_host else _ON_A_PHONE)
    selected = row_selection.table(
        table,
        [each for each in order if with_host or each != "host"],
        _FINDINGS,
        key=key,
        ids=[each.id for each in found],
        alt=alt,
        height=table_height(len(table)),
    )
    return next((each for each in found if each.id == selected), None)


def draw_messages(told: Sequence[Told]) -> None:
    """Draw the messages, with their receivers and whether they have arrived."""
    show_table(
        _frame(told), _MESSAGES, ("at", "title", "delivery"), key="messages", alt="What was told"
    )


def draw_failures(told: Sequence[Told]) -> None:
    """Draw the messages that did not arrive, with the error of the last try."""
    show_table(
        _frame(told), _FAILURES, ("at", "receiver", "error"), key="failures", alt="Not delivered"
    )


def title_of(body: str) -> str:
    """The title of a message's body, empty for one that is none."""
    try:
        return str(json.loads(body)["data"]["title"])
    except (ValueError, KeyError, TypeError):
        return ""


def _finding(of: Finding, receivers: Sequence[Receiver]) -> dict[str, Any]:
    who = of.program or of.unit or of.container
    return {
        "host": cell_text.fitted(of.host, 110),
        "at": of.at,
        "verdict": [of.verdict] if of.verdict else [],
        "port": of.port,
        "protocol": of.protocol,
        "program": cell_text.fitted(who or _WATCH.get(of.kind, ""), 150),
        "exposure": [of.exposure] if of.exposure else [],
        "label": cell_text.fitted(of.label, 84),
        "why": cell_text.fitted(_why(of), _WHY),
        "told": _told(of, receivers),
    }


def _told(of: Finding, receivers: Sequence[Receiver]) -> str:
    if of.told_at is not None:
        return f"{_local(of.told_at):%m-%d %H:%M:%S}"
    if receivers and not any(is_at_least(of.verdict, each.least) for each in receivers):
        return "nobody: too mild"
    return "digest only" if of.verdict in IN_DIGEST else "not yet"


def _why(of: Finding) -> str:
    if of.kind == "flapping":
        return f"opens and closes again and again; {of.why}"
    if of.kind == "brief" and of.brief_count > 1:
        return f"{of.brief_count:,} times; {of.why}"
    return of.why


def _frame(told: Sequence[Told]) -> pd.DataFrame:
    frame = pd.DataFrame(
        [
            {
                "at": message.created_at,
                "receiver": message.receiver,
                "title": title_of(message.body),
                "findings": count,
                "delivery": delivery(message.sent_at, message.failed_at, message.next_at),
                "tries": message.tries,
                "error": message.error,
            }
            for message, count in told
        ]
    )
    return frame.assign(at=_times(frame["at"]))


def delivery(sent_at: int | None, failed_at: int | None, next_at: int | None) -> str:
    """The state of a message in words."""
    if sent_at is not None:
        return f"sent {_local(sent_at):%m-%d %H:%M:%S}"
    if failed_at is not None:
        return f"given up {_local(failed_at):%m-%d %H:%M}"
    return "waits" if next_at is None else f"next try {_local(next_at):%H:%M:%S}"


def _local(micros: int) -> pd.Timestamp:
    return pd.Timestamp(micros, unit="us", tz="UTC").tz_convert(viewers_zone())


def _times(micros: "pd.Series[int]") -> "pd.Series[pd.Timestamp]":
    return pd.to_datetime(micros, unit="us", utc=True).dt.tz_convert(viewers_zone())
