"""JSON records, which the API and the exports share; each field is declared once.

The field names of the first PortEye are kept.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from porteye_core.exposure import Exposure, Namespace, exposure
from porteye_core.hidden_owners import reason
from porteye_core.port_names import service
from porteye_core.store import engine
from porteye_core.store.reading.listener_rows import bound_of
from porteye_core.system.clock import timestamp


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a record: its type, its value from a row, and what the API's description says.

    micros: of a time, the same in microseconds since the epoch, for files that have a type for it.
    """

    type: Any
    value: Callable[[engine.Row], Any]
    description: str | None = None
    micros: Callable[[engine.Row], int | None] | None = None


def record(fields: Mapping[str, Field], row: engine.Row) -> dict[str, Any]:
    """The record that has these fields of a row."""
    return {name: field.value(row) for name, field in fields.items()}


def event(row: engine.Row) -> dict[str, Any]:
    """The record of an event."""
    return record(EVENT, row)


def port(row: engine.Row) -> dict[str, Any]:
    """The record of a listener that is open."""
    return record(PORT, row)


def _column(kind: Any, name: str, description: str | None = None) -> Field:
    """A field that is a column."""
    return Field(kind, lambda row: row[name], description)


def _text(name: str, description: str | None = None) -> Field:
    """A column that is empty where it is not known."""
    return Field(str, lambda row: row[name] or "", description)


def _time(name: str, description: str) -> Field:
    return Field(str, lambda row: timestamp(row[name]), description, micros=lambda row: row[name])


def _v6only(row: engine.Row) -> bool | None:
    return None if row["v6only"] is None else bool(row["v6only"])


def _hidden(row: engine.Row) -> str:
    why = reason(row["hidden"], row["process"])
    return why.long if why else ""


def _memory_percent(row: engine.Row) -> float | None:
    part, whole = row["rss"], row["memory"]
    return None if part is None or not whole else round(100 * part / whole, 2)


_ENDPOINT = {
    "port": _column(int, "port"),
    "service": Field(
        str,
        lambda row: service(row["port"], row["protocol"]),
        "what usually has the port, by IANA's registry or by custom; says nothing of the program",
    ),
    "protocol": _column(str, "protocol"),
    "family": _column(str, "family"),
    "address": _column(str, "address"),
    "interface": _column(
        str | None,
        "interface",
        "the network interface that the socket is bound to, empty if to none; null: not known",
    ),
    "v6only": Field(
        bool | None,
        _v6only,
        "IPV6_V6ONLY: whether an IPv6 socket refuses IPv4; null for IPv4, or not known",
    ),
    "exposure": Field(
        str,
        lambda row: exposure(bound_of(row)),
        "the hosts that may reach it, a firewall aside: "
        + ", ".join(each.value for each in Exposure),
    ),
}
_OWNER = {
    "process": _text("process", "name of the owner, empty if `hidden` says why"),
    "title": _text("title", "what it runs, `server.js (node)` for instance, else its name"),
    "pid": _column(int | None, "pid"),
    "user": _text("user"),
    "unit": _text("unit", "systemd unit, empty if none"),
    "container": _text("container", "runtime:id, empty if none"),
    "container_name": _text("container_name", "as its runtime tells it, empty if not known"),
    "image": _text("image", "of the container"),
    "compose_project": _text("compose_project", "of the container"),
    "compose_service": _text("compose_service", "of the container, in its project"),
    "pod": _text("pod", "name of the container's pod"),
    "pod_namespace": _text("pod_namespace", "Kubernetes namespace of the pod"),
}
_CMDLINE = _text("cmdline", "secrets are masked")
_HIDDEN = Field(str, _hidden, "why the owner is not known, empty if it is")

PORT = {
    "id": _column(int, "id"),
    **_ENDPOINT,
    **_OWNER,
    "socket_user": _column(
        str,
        "socket_user",
        "who made the socket, where the source tells; its owner may have changed since",
    ),
    "exe": _text("exe", "ends in ` (deleted)` if it was deleted or replaced meanwhile"),
    "cpu_percent": Field(
        float | None,
        lambda row: None if row["cpu"] is None else row["cpu"] / 100,
        "share of one core since the sample before",
    ),
    "memory_percent": Field(
        float | None, _memory_percent, "resident memory, share of the machine's"
    ),
    "memory_bytes": _column(int | None, "rss"),
    "clients": _column(int | None, "clients", "established connections; null for UDP"),
    "queue": _column(int | None, "queue", "connections that wait to be accepted"),
    "backlog": _column(int | None, "backlog", "how many may wait"),
    "netns": _column(int | None, "netns", "network namespace, by inode"),
    "own_netns": Field(
        bool,
        lambda row: row["namespace"] != Namespace.OTHER,
        "whether that is the monitor's own, or not known",
    ),
    "since": _time("opened_at", "when it opened, ISO 8601"),
    "since_seen": _column(
        str, "opened_seen", "kernel, poll, or gap: then it opened before `since`"
    ),
    "unseen_since": Field(
        str | None,
        lambda row: None if row["unseen_at"] is None else timestamp(row["unseen_at"]),
        "from when on it could not be looked for, so that it may have closed",
        micros=lambda row: row["unseen_at"],
    ),
    "hidden": _HIDDEN,
    "leads_to": _column(
        int | None, "leads_to", "the host's end of a published port: `id` of the container's end"
    ),
    "published_by": _column(
        int | None, "published_by", "the container's end: `id` of the host's end that opened first"
    ),
    "cmdline": _CMDLINE,
}
_NOW_ALONE = ("leads_to", "published_by")

# A moment of the past; it may be certain only in part.
MOMENT = {
    "at": _time("at", "the moment, ISO 8601"),
    **{name: field for name, field in PORT.items() if name not in _NOW_ALONE},
    "certainty": _text("certainty", "empty if it is certain that it was open at that moment"),
}

EVENT = {
    "id": _column(int, "id"),
    "timestamp": _time("at", "ISO 8601"),
    "status": _column(str, "kind", "opened or closed"),
    "seen": _column(str, "seen", "how exact: kernel, poll (within an interval), gap"),
    **_ENDPOINT,
    **_OWNER,
    "hidden": _HIDDEN,
    "listener": _column(int, "listener", "the same number in both events of one life"),
    "cmdline": _CMDLINE,
}

# Of one listener, but brief lives can be of several: what differs among them is null or empty.
CHANGE = {
    "at": _time("at", "the earlier moment, ISO 8601"),
    "versus": _time("versus", "the later moment, ISO 8601"),
    "change": _column(str, "change", "what differs between the two moments"),
    "port": _column(int | None, "port"),
    "service": _text("service", _ENDPOINT["service"].description),
    "protocol": _column(str, "protocol"),
    "family": _column(str | None, "family"),
    "address": _text("address", "the earlier → the later one where they differ"),
    "interface": _ENDPOINT["interface"],
    "v6only": _ENDPOINT["v6only"],
    "exposure_was": _text("exposure_was", "the hosts that could reach it; empty if it opened"),
    "exposure_is": _text("exposure_is", "the hosts that could reach it; empty if it closed"),
    "was": _text("was", "the owner before; empty if it opened"),
    "is": _text("is", "the owner after; empty if it closed"),
    "openings": _text("openings", "how often it opened and closed between both moments"),
    "certainty": MOMENT["certainty"],
    **_OWNER,
    "hidden": _HIDDEN,
    "listener": _column(int, "id", "of the later moment, if it is open in both"),
    "cmdline": _CMDLINE,
}
