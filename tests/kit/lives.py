"""A listener as the Reader tells it, for tests of what the page says about one."""

from datetime import UTC, datetime

from porteye_core.exposure import Bound
from porteye_core.model import Ancestor, Precision, Protocol
from porteye_core.store.reading import Life


def at(text: str) -> int:
    """A time in UTC."""
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1e6)


NOW = at("2026-01-16T14:02:00")  # a Friday
NGINX = Life(
    id=1,
    protocol=Protocol.TCP,
    bound=Bound("0.0.0.0"),
    port=443,
    opened_at=at("2026-01-13T13:02:00"),
    closed_at=None,
    opened_seen=Precision.KERNEL,
    closed_seen=None,
    unseen_at=None,
    holders_gone=0,
    inode=77,
    hidden=None,
    pid=812,
    process="nginx",
    title="nginx",
    user="www-data",
    socket_user="root",
    cmdline="nginx -g daemon",
    exe="/usr/sbin/nginx",
    parents=(Ancestor(1, "systemd"),),
    unit="nginx.service",
    container="",
    named=None,
    cwd="/",
    program=1,
    started_at=at("2026-01-13T13:01:59"),
)
