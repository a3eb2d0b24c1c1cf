"""The columns of the page's tables of listeners and events: label, form and help, each once.

A table chooses columns by their names in the Reader's frames, and gives each its width.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from streamlit import column_config as forms


@dataclass(frozen=True, slots=True)
class _Column:
    form: Callable[..., Any]
    label: str
    help: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)


def _text(label: str, help_: str | None = None) -> _Column:
    return _Column(forms.TextColumn, label, help_)


def _number(label: str, help_: str | None = None, form: str = "%d") -> _Column:
    return _Column(forms.NumberColumn, label, help_, {"format": form})


def _time(label: str, help_: str, form: str) -> _Column:
    return _Column(forms.DatetimeColumn, label, help_, {"format": form})


def _trend(help_: str) -> _Column:
    return _Column(forms.LineChartColumn, "1 h", help_, {"y_min": 0})


_COLUMNS = {
    "state": _text(
        "State",
        "new: opened in the last minute; closed: in the last ten seconds; unseen: it can no"
        " longer be looked for, so that it may have closed",
    ),
    "certainty": _text("Certainty", "Empty: it is known that it was open at that moment"),
    "change": _text("Change"),
    "at": _time("Time", "In your time zone", "YYYY-MM-DD HH:mm:ss.SSS"),
    "kind": _text("Event"),
    "seen": _text(
        "Seen",
        "How exact the time is — kernel: to the microsecond; poll: within one interval"
        " before it; gap: some time before it, while nobody watched",
    ),
    "port": _number("Port"),
    "protocol": _text("Proto"),
    "service": _text("Service"),
    "exposure": _text(
        "Reachable from",
        "What its address, interface and namespace let in; a firewall may let in less",
    ),
    "address": _text(
        "Address", "As ss writes it — 0.0.0.0%lo: bound to the interface lo; *: IPv4 and IPv6"
    ),
    "process": _text("Process", "Of an interpreter what it runs, with its name beside"),
    "pid": _number("PID"),
    "home": _text("Unit", "Its systemd unit, without “.service”, or its container"),
    "user": _text("User"),
    "clients": _number("Clients", "Established connections"),
    "accept_queue": _text(
        "Queue",
        "Connections that wait to be accepted / how many may: the accept queue and backlog",
    ),
    "queue": _number("Queue", "Connections that wait to be accepted"),
    "backlog": _number("Backlog", "How many connections may wait to be accepted"),
    "cpu": _number("CPU %", "Of one core, since the sample before", "%.1f"),
    "cpu_trend": _trend("CPU: the mean of each five minutes of the last hour"),
    "rss": _number("Memory", None, "bytes"),
    "rss_trend": _trend("Memory: the maximum of each five minutes of the last hour"),
    "since": _time("Since", "In your time zone; the story has the exact time", "MM-DD HH:mm"),
    "opened_seen": _text(
        "Seen",
        "How exact “Since” is — kernel: to the microsecond; poll: opened within one interval"
        " before it; gap: opened some time before it, while nobody watched",
    ),
    "exposure_was": _text("Reachable before"),
    "exposure_is": _text("Reachable after"),
    "was": _text("Owner before"),
    "is": _text("Owner after"),
    "openings": _text("Openings", "How often it opened and closed in between, and for how long"),
    "cmdline": _text("Command line"),
    "parents": _text("Started by"),
}


def columns(widths: Mapping[str, int], **options: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of a table, with their widths in pixels; options: those of a column that differ
    in this table."""
    return {name: _config(name, width, options.get(name, {})) for name, width in widths.items()}


def _config(name: str, width: int, options: Mapping[str, Any]) -> Any:
    column = _COLUMNS[name]
    return column.form(
        column.label, width=width, **{"help": column.help, **column.options, **options}
    )
