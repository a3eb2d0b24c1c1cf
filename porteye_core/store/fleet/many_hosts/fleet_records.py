"""JSON records over many hosts; the fields that a host's own records have mean the same."""

from collections.abc import Iterable, Mapping
from typing import Any

from porteye_core.port_names import service
from porteye_core.store import engine
from porteye_core.store.reading.json_records import EVENT, MOMENT, PORT, Field, record
from porteye_core.system.clock import timestamp

Fields = Mapping[str, Field]


def _of_column(kind: Any, name: str, description: str | None = None) -> Field:
    return Field(kind, lambda row: row[name], description)


def _time(name: str, description: str, kind: Any = str) -> Field:
    def text(row: engine.Row) -> str | None:
        return None if row[name] is None else timestamp(row[name])

    return Field(kind, text, description, micros=lambda row: row[name])


def _seconds(name: str, description: str) -> Field:
    def seconds(row: engine.Row) -> float | None:
        return None if row[name] is None else row[name] / 1e6

    return Field(float | None, seconds, description)


def _text(name: str, description: str | None = None) -> Field:
    return Field(str, lambda row: row[name] or "", description)


_HOST = {"host": _of_column(str, "host", "name of the host, as it is enrolled")}
# The server has it for each row, and filters by it.
_EXPOSURE = {"exposure": _of_column(str, "exposure", PORT["exposure"].description)}


# What a host's samples tell stays at the host: it is null here.
FLEET_EVENT = {**_HOST, **EVENT, **_EXPOSURE}
FLEET_PORT = {**_HOST, **PORT, **_EXPOSURE}
FLEET_MOMENT = {**_HOST, **MOMENT, **_EXPOSURE}

HOST = {
    "host": _of_column(str, "name", "name of the host, as it is enrolled"),
    "state": Field(
        str,
        lambda row: row["state"].value,
        "the gravest of: retired, never shipped, silent, unwatched, behind, clock off, reporting",
    ),
    "enrolled": _time("enrolled_at", "when it was enrolled, ISO 8601"),
    "retired": _time("retired_at", "when it was retired; null if it is not", str | None),
    "received": _time("received_at", "when its latest batch came; null before it", str | None),
    "lag_seconds": _seconds("lag", "time since that"),
    "clock_seconds": _seconds("skew", "its clock less the server's, at that batch"),
    "watched_until": _time(
        "watched_until", "until when its monitor is known to have watched", str | None
    ),
    "listener_count": _of_column(int, "listeners", "those that are open, as far as it has shipped"),
    "event_count": _of_column(int, "events", "those that it has shipped"),
    "behind": _of_column(int, "behind", "events that it has not shipped yet"),
    "dropped": _of_column(int, "dropped", "events that it dropped before they were shipped"),
    "version": _of_column(str, "version", "of PortEye there"),
}

_SERVICE_NAME = Field(
    str, lambda row: service(row["port"], row["protocol"]), PORT["service"].description
)

# One service of any number of hosts.
SERVICE = {
    "port": _of_column(int, "port"),
    "service": _SERVICE_NAME,
    "protocol": _of_column(str, "protocol"),
    "exposure": _EXPOSURE["exposure"],
    "title": _text("program", "what it runs; empty if that is not known"),
    "host_count": _of_column(int, "hosts", "hosts that have it open"),
    "listener_count": _of_column(int, "listeners", "its listeners that are open"),
    "since": _time("since", "when the oldest of them opened, ISO 8601"),
}

FIRST_SEEN = {
    "host": _of_column(str, "host", "the first host that had the port"),
    "timestamp": _time("at", "when that was, ISO 8601"),
    "port": _of_column(int, "port"),
    "service": _SERVICE_NAME,
    "protocol": _of_column(str, "protocol"),
    "address": _text("address", "of the first opening, empty if it is not known any more"),
    "exposure": _text("exposure", "of the first opening, empty if it is not known any more"),
    "title": _text("program", "what it ran, empty if that is not known"),
    "host_count": _of_column(int, "hosts", "hosts that have it open now"),
}

BUCKET = {
    "bucket": _time("at", "the beginning of the hour or day, in UTC, ISO 8601"),
    "opened": _of_column(int, "opened", "how many listeners opened in it"),
    "closed": _of_column(int, "closed", "how many closed"),
}


def records(fields: Fields, rows: Iterable[Any]) -> list[dict[str, Any]]:
    """The records with these fields of answers of this folder's questions."""
    return [record(fields, {name: getattr(row, name) for name in row.__slots__}) for row in rows]
