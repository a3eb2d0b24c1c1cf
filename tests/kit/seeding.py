"""A database with a known history, written by the real writer."""

import sqlite3
from pathlib import Path

from porteye_core.model import Limitation, Precision, Sample, Tick, WatchPlan
from porteye_core.store.writing.writer import Closing, Opening, Writer
from tests.kit.values import SECOND, endpoint, owned, process

LIMIT = Limitation("polled", "Listeners are seen by polling.")
PLAN = WatchPlan("portable", 2 * SECOND, 10 * SECOND, (LIMIT,))
MINUTE = 60 * SECOND

ENDLESS = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x FROM n"

NGINX = owned(endpoint(80, address="0.0.0.0"), process(100, name="nginx"))
POSTGRES = owned(endpoint(5432), process(200, name="postgres", cmdline="postgres -D /data"))
PYTHON = owned(endpoint(8765), process(300, name="python3", cmdline="python3 -m http.server 8765"))
DNS = owned(endpoint(53, "udp", "::1"))  # nobody knows whose


def seed(writer: Writer, now: int) -> None:
    """An hour that ends now: nginx, postgres and a DNS server open all along, with an http.server
    that opened 30 minutes ago, closed 20 minutes ago, and opened again 10 seconds ago."""
    begin = now - 60 * MINUTE
    writer.begin_watch(begin, PLAN)
    hidden = owned(DNS.socket.endpoint)
    first = [NGINX, POSTGRES, hidden]
    born = writer.record_changes(begin, [Opening(each, begin, Precision.GAP) for each in first])
    opened, closed = now - 30 * MINUTE, now - 20 * MINUTE
    (life,) = writer.record_changes(opened, [Opening(PYTHON, opened, Precision.POLL)])
    writer.record_changes(closed, closed=[Closing(life, closed, Precision.POLL)])
    again = now - 10 * SECOND
    (second,) = writer.record_changes(again, [Opening(PYTHON, again, Precision.POLL)])
    tick = Tick(now, now, listeners=4, clients=7, scan_us=1500, hidden=1)
    samples = [
        Sample(born[0].id, cpu=150, rss=400_000_000, clients=7),
        Sample(born[1].id, cpu=1234, rss=80_000_000, clients=0),
        Sample(second.id, cpu=0, rss=8_000_000, clients=0),
    ]
    writer.record_tick(tick, samples)


class Instant:
    """Where a seeded database is, and the moment that its history ends."""

    def __init__(self, db: Path, now: int) -> None:
        self.db, self.now = db, now


def grow(db: Path, count: int) -> None:
    """Add that many events for each that there is, by SQL for speed."""
    connection = sqlite3.connect(db)
    with connection:
        connection.execute(
            f"INSERT INTO event (host_id, at, kind, seen, listener_id, port, program_id)"
            f" SELECT host_id, at, kind, seen, listener_id, port, program_id FROM event,"
            f" ({ENDLESS} LIMIT {count})"
        )
    connection.close()
