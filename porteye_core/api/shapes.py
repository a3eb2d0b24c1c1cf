"""What the API answers with; the field names of the first PortEye are kept."""

from typing import Any

from pydantic import BaseModel, Field

from porteye_core.exposure import Exposure, Namespace
from porteye_core.restarts import Restarts
from porteye_core.services import service
from porteye_core.store import engine, records
from porteye_core.store.records import timestamp
from porteye_core.store.status import Status

_INTERFACE = Field(
    description="the network interface that the socket is bound to, empty if to none; null: not"
    " known"
)
_V6ONLY = Field(
    description="IPV6_V6ONLY: whether an IPv6 socket refuses IPv4; null for IPv4, or not known"
)
_EXPOSURE = Field(
    description="the hosts that may reach it, a firewall aside: "
    + ", ".join(each.value for each in Exposure)
)


class Port(BaseModel):
    """A listener that is open now."""

    id: int
    port: int
    service: str = Field(description="well-known name of the port, empty if none")
    protocol: str
    family: str
    address: str
    interface: str | None = _INTERFACE
    v6only: bool | None = _V6ONLY
    exposure: str = _EXPOSURE
    process: str = Field(description="name of the owner, empty if `hidden` says why")
    title: str = Field(description="what it runs, `server.js (node)` for instance, else its name")
    pid: int | None
    user: str
    cmdline: str = Field(description="secrets are masked")
    socket_user: str = Field(
        description="who made the socket, where the source tells; its owner may have changed since"
    )
    exe: str = Field(description="ends in ` (deleted)` if it was deleted or replaced meanwhile")
    unit: str = Field(description="systemd unit, empty if none")
    container: str = Field(description="runtime:id, empty if none")
    cpu_percent: float | None = Field(description="share of one core since the sample before")
    memory_percent: float | None = Field(description="resident memory, share of the machine's")
    memory_bytes: int | None
    clients: int | None = Field(description="established connections; null for UDP")
    queue: int | None = Field(description="connections that wait to be accepted")
    backlog: int | None = Field(description="how many may wait")
    netns: int | None = Field(description="network namespace, by inode")
    own_netns: bool = Field(description="whether that is the monitor's own, or not known")
    since: str = Field(description="when it opened, ISO 8601")
    since_seen: str = Field(description="kernel, poll, or gap: then it opened before `since`")
    unseen_since: str | None = Field(
        description="from when on it could not be looked for, so that it may have closed"
    )
    hidden: str = Field(description="why the owner is not known, empty if it is")


class Event(BaseModel):
    """A listener opened or closed."""

    id: int
    timestamp: str = Field(description="ISO 8601")
    status: str = Field(description="opened or closed")
    seen: str = Field(description="how exact: kernel, poll (within an interval), gap")
    port: int
    protocol: str
    family: str
    address: str
    interface: str | None = _INTERFACE
    v6only: bool | None = _V6ONLY
    exposure: str = _EXPOSURE
    process: str
    title: str = Field(description="what it runs, `server.js (node)` for instance, else its name")
    pid: int | None
    user: str
    cmdline: str
    hidden: str
    listener: int = Field(description="the same number in both events of one life")


class LimitShape(BaseModel):
    """A way in which the watch sees less than everything."""

    name: str
    text: str
    hint: str


class Health(BaseModel):
    """What the monitor is doing."""

    status: str = Field(description="watching, starting, holding, stalled, stopped or never")
    trouble: str | None = Field(description="why it cannot write: what it sees waits in memory")
    pid: int | None
    source: str | None
    why: str | None = Field(description="why this source and no better one")
    interval_seconds: float | None
    since: str | None = Field(description="when the latest watch began")
    seen: str | None = Field(description="when it last stored something")
    stopped: str | None
    limits: list[LimitShape]
    scan_ms: float | None = Field(description="duration of the latest full look")
    hidden: int | None = Field(description="listeners whose owner is not known")
    lost: int | None = Field(description="kernel records lost during the watch")
    left_out: int | None = Field(description="network namespaces too many to look into")
    restarts: int = Field(description="monitors that this dashboard started in place of another")
    next_start: str | None = Field(description="when it starts another; null if it starts none")
    last_end: str | None = Field(description="why it does, as a sentence")
    version: str


class ErrorDetail(BaseModel):
    """What happened and what to do."""

    code: str
    message: str
    hint: str


class Error(BaseModel):
    """Every error."""

    error: ErrorDetail


def port(row: engine.Row) -> dict[str, Any]:
    """A Port from a row of queries.listening."""
    return {
        "id": row["id"],
        "port": row["port"],
        "service": service(row["port"], row["protocol"]),
        **records.place(row),
        "socket_user": row["socket_user"],
        "exe": row["exe"] or "",
        "unit": row["unit"] or "",
        "container": row["container"] or "",
        "cpu_percent": None if row["cpu"] is None else row["cpu"] / 100,
        "memory_percent": _share(row["rss"], row["memory"]),
        "memory_bytes": row["rss"],
        "clients": row["clients"],
        "queue": row["queue"],
        "backlog": row["backlog"],
        "netns": row["netns"],
        "own_netns": row["namespace"] != Namespace.OTHER,
        "since": timestamp(row["opened_at"]),
        "since_seen": row["opened_seen"],
        "unseen_since": None if row["unseen_at"] is None else timestamp(row["unseen_at"]),
    }


def health(status: Status, restarts: Restarts, version: str) -> dict[str, Any]:
    """A Health."""
    watch = status.watch
    pending = restarts.pending
    plan = watch.plan if watch else None
    return {
        "status": status.state,
        "trouble": status.trouble or None,
        "pid": status.pid,
        "source": plan and plan.source,
        "why": plan and plan.why,
        "interval_seconds": plan and plan.interval_us / 1e6,
        "since": watch and timestamp(watch.started_at),
        "seen": watch and timestamp(watch.seen_at),
        "stopped": timestamp(watch.stopped_at) if watch and watch.stopped_at else None,
        "limits": [
            {"name": limit.name, "text": limit.text, "hint": limit.hint}
            for limit in (plan.limits if plan else ())
        ],
        "scan_ms": None if status.scan_us is None else status.scan_us / 1000,
        "hidden": status.hidden,
        "lost": status.lost,
        "left_out": status.left_out,
        "restarts": restarts.count,
        "next_start": pending and timestamp(pending.at),
        "last_end": pending and pending.ended,
        "version": version,
    }


def _share(part: int | None, whole: int) -> float | None:
    return None if part is None or not whole else round(100 * part / whole, 2)
