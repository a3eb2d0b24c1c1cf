"""The columns of the page's tables of listeners and events: label, form and help, each once.

A table chooses columns by their names in the Reader's frames, and gives each its width.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from streamlit import column_config as forms

from porteye_core.exposure import Exposure
from porteye_core.judging.acceptance import ACCEPTED
from porteye_core.judging.verdicts import Verdict


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


def _chips(label: str, help_: str, colours: Mapping[str, str], **options: Any) -> _Column:
    """A column of coloured labels; colours: by the value of each."""
    found = {"options": list(colours), "color": list(colours.values()), **options}
    return _Column(forms.MultiselectColumn, label, help_, found)


# Streamlit writes on them in white, with a contrast of at least 4.5.
_GREEN, _RED, _ORANGE, _BROWN, _GREY, _VIOLET = (
    *("#00704F", "#B3261E", "#B34700", "#7D5A00", "#5B6875", "#6B4FB3"),
)
_REACH = {
    Exposure.EVERYWHERE: ("any network", _ORANGE),
    Exposure.IPV6: ("any, by IPv6", _ORANGE),
    Exposure.NETWORK: ("one network", _BROWN),
    Exposure.LINK: ("one link", _BROWN),
    Exposure.CONTAINERS: ("containers", _GREY),
    Exposure.MACHINE: ("local only", _GREY),
    Exposure.CONTAINER: ("container", _VIOLET),
    Exposure.UNKNOWN: ("not known", _GREY),
}


_VERDICTS = {
    Verdict.WIDER: _RED,
    Verdict.OWNER: _RED,
    Verdict.NEW: _ORANGE,
    Verdict.MISSING: _BROWN,
    Verdict.UNKNOWN: _BROWN,
    Verdict.BRIEF: _GREY,
    Verdict.EXPECTED: _GREY,
}


# By the values of store.fleet.hosts.HostState, which needs psycopg.
HOST_STATES = {
    "silent": _RED,
    "unwatched": _ORANGE,
    "never shipped": _BROWN,
    "behind": _BROWN,
    "clock off": _BROWN,
    "reporting": _GREY,
    "retired": _GREY,
}


def reachable_from(exposure: str) -> str:
    """The hosts that an exposure lets in, in the words of the tables."""
    return _REACH[Exposure(exposure)][0]


def _reach(label: str) -> _Column:
    return _chips(
        label,
        "What its address, interface and namespace let in; a firewall may let in less",
        {each.value: colour for each, (_, colour) in _REACH.items()},
        format_func=reachable_from,
    )


_COLUMNS = {
    "state": _chips(
        "State",
        "new: opened in the last minute; closed: in the last ten seconds; full: no client more may"
        " wait; unseen: it can no longer be looked for, so that it may have closed",
        {"new": _GREEN, "closed": _GREY, "full": _RED, "unseen": _GREY},
    ),
    "verdict": _chips(
        "Expected",
        "By the file of expected ports, and by what was accepted here. wider: fewer hosts may reach"
        " it; owner: another one is expected; new: nothing expects it; unknown: it cannot be said."
        " A click on the row tells the reason",
        {**{each.value: colour for each, colour in _VERDICTS.items()}, ACCEPTED: _GREY},
    ),
    "finding": _chips(
        "Finding",
        "The verdict of the alerts process on what opened here",
        {each.value: colour for each, colour in _VERDICTS.items()},
    ),
    "label": _text("Label", "As a note or the file of expected ports calls it"),
    "certainty": _text("Certainty", "Empty: it is known that it was open at that moment"),
    "change": _text("Change"),
    "at": _time("Time", "In your time zone", "YYYY-MM-DD HH:mm:ss.SSS"),
    "kind": _text("Event"),
    "seen": _text(
        "Precision",
        "How exact the time is. Exact: to the microsecond, from the kernel. Within 0.25 s: found by"
        " a scan. While nobody watched, and before watching began: at some time before it",
    ),
    "then": _Column(forms.ButtonColumn, "Then", "What listened at that moment"),
    "port": _number("Port"),
    "open": _Column(
        forms.LinkColumn,
        "↗",
        "Open it in the browser",
        {"display_text": ":material/open_in_new:"},
    ),
    "protocol": _text("Protocol"),
    "service": _text("Service", "What usually has the port: a habit, no matter what runs"),
    "exposure": _reach("Reachable from"),
    "address": _text(
        "Address", "As ss writes it — 0.0.0.0%lo: bound to the interface lo; *: IPv4 and IPv6"
    ),
    "program": _text("Program", "With the folder that it runs in"),
    "process": _text("Process", "Of an interpreter what it runs, with its name beside"),
    "pid": _number("PID"),
    "home": _text("Unit", "Its systemd unit, without “.service”, or its container"),
    "user": _text("User"),
    "clients": _number("Clients", "Established connections"),
    "waiting": _text("Waiting", "Clients that wait to be accepted, and how many may"),
    "queue": _number("Queue", "Connections that wait to be accepted"),
    "backlog": _number("Backlog", "How many connections may wait to be accepted"),
    "cpu": _number("CPU", "Of one core, since the sample before", "%.1f %%"),
    "memory": _number("Memory", "Resident memory", "%.0f MiB"),
    "up": _text("Up", "≥: it was there already when PortEye began to watch"),
    "group": _text("Group"),
    "count": _number("Services"),
    "ports": _text("Ports"),
    "since": _time("Since", "In your time zone; the story has the exact time", "MM-DD HH:mm"),
    "opened_seen": _text(
        "Seen",
        "How exact “Since” is — kernel: to the microsecond; poll: opened within one interval"
        " before it; gap: opened some time before it, while nobody watched",
    ),
    "exposure_was": _reach("Reachable before"),
    "exposure_is": _reach("Reachable after"),
    "was": _text("Owner before"),
    "is": _text("Owner after"),
    "openings": _text("Openings", "How often it opened and closed in between, and for how long"),
    "why": _text("Reason"),
    "told": _text("Told", "When it was put into a message"),
    "receiver": _text("Receiver"),
    "title": _text("Message"),
    "findings": _number("Findings"),
    "delivery": _text("Delivery"),
    "tries": _number("Tries"),
    "error": _text("Error", "Of the last try"),
    "cmdline": _text("Command line"),
    "parents": _text("Started by"),
    "host": _text("Host"),
    "host_state": _chips(
        "State",
        "silent: it ships no more; unwatched: its monitor does not watch; never shipped: nothing"
        " has come; behind: events follow; clock off: by more than 2 s; retired: it has no login",
        HOST_STATES,
    ),
    "latest": _text("Latest batch", "When the newest news of it came, by the server's clock"),
    "enrolled": _text("Enrolled"),
    "clock": _text("Clock", "Its clock less the server's"),
    "version": _text("Version", "Of PortEye there"),
    "listeners": _number("Listeners", "Open now, as far as it has shipped", "%d"),
    "exposed": _number(
        "Exposed", "Listeners that other machines reach; a firewall may let in less"
    ),
    "events": _number("Events", "That it has shipped since it was enrolled", "localized"),
    "behind": _number("Behind", "Events that it has not shipped yet", "localized"),
    "dropped": _number(
        "Dropped", "Events that its own retention dropped before they were shipped", "localized"
    ),
    "hosts": _number("Hosts", "That have it open now"),
    "since_text": _text("Since", "≥: it was there already when PortEye began to watch"),
    "until_text": _text("Until", "Empty: it is open still"),
    "first_seen": _text("First seen", "By any host of the fleet, in your time zone"),
    "first_host": _text("First on", "The host that had it first"),
    "hosts_now": _number("Hosts now", "That have it open now"),
    "opened_count": _number("Opened", None, "localized"),
    "closed_count": _number("Closed", None, "localized"),
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
