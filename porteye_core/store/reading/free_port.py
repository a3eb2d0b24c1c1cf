"""A port that nobody has used for long, for whoever needs one."""

from collections.abc import Sequence
from dataclasses import dataclass

from porteye_core.port_names import service
from porteye_core.store import engine

UNUSED_FOR = 30 * 86_400 * 1_000_000  # microseconds
# Below are the well-known ports of RFC 6335; above, Linux gives ports to clients by default
# (net.ipv4.ip_local_port_range).
CANDIDATES = range(1024, 32768)


@dataclass(frozen=True, slots=True)
class FreePort:
    """A port that no listener has had since a time; whole: since UNUSED_FOR ago, False where the
    records begin later."""

    port: int
    since: int
    whole: bool


def free_port(
    connection: engine.Connection, candidates: Sequence[int], now: int
) -> FreePort | None:
    """The first of these ports that nobody has used and that has no usual use; None if there is
    none, or nobody has watched yet."""
    (first,) = connection.execute("SELECT min(started_at) FROM watch").fetchone()
    if first is None:
        return None
    since = max(first, now - UNUSED_FOR)
    rows = connection.execute("SELECT DISTINCT port FROM listener WHERE closed_at IS NULL")
    taken = {row[0] for row in rows.fetchall()}
    for port in candidates:
        if port not in taken and not _has_name(port) and not _was_used(connection, port, since):
            return FreePort(port, since, since > first)
    return None


def _has_name(port: int) -> bool:
    return bool(service(port, "tcp") or service(port, "udp"))


def _was_used(connection: engine.Connection, port: int, since: int) -> bool:
    (last,) = connection.execute(
        "SELECT max(at) FROM event WHERE id = (SELECT max(id) FROM event WHERE port = ?)", (port,)
    ).fetchone()
    return last is not None and last >= since
