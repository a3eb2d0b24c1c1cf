"""A process that finds something many times a second, and sends it; it is there to be killed.

Arguments: the alerts database, alerts.toml, and how many findings there are to be. `--mark-first`
makes the mistake that the tests must find: a message counts as sent before it is.
"""

import json
import signal
import sys
import threading
import time
from pathlib import Path

from porteye_core.alerts import settings, trial
from porteye_core.alerts.backoff import Backoff
from porteye_core.alerts.delivery import Delivery
from porteye_core.alerts.receivers.kinds import Mail, Webhook
from porteye_core.store import alerts as store

MILLISECOND = 1000
BATCH = 5
PATIENCE = 0.5  # seconds that a try takes at most; a late answer takes longer


class MarkFirst(Delivery):
    """The mistake: the message is marked, then sent."""

    def _hand_out(self, connection, now):  # type: ignore[no-untyped-def]
        before = dict(self._in_hand)
        super()._hand_out(connection, now)
        with store.transaction(connection, self._file):
            for message_id in set(self._in_hand.values()) - set(before.values()):
                store.mark_sent(connection, message_id, now, "")


def main(db: Path, file: Path, wanted: int, flags: list[str]) -> int:
    """Find, send, and return when all is sent."""
    Webhook.seconds = Mail.seconds = PATIENCE
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    woken = threading.Event()
    backoff = Backoff(
        first=50 * MILLISECOND, longest=400 * MILLISECOND, pause=5 * MILLISECOND,
        longest_pause=50 * MILLISECOND,
    )  # fmt: skip
    kind = MarkFirst if "--mark-first" in flags else Delivery
    delivery = kind(db, woken.set, backoff)
    receivers = settings.read(file).receivers
    delivery.use(receivers)
    with store.open_to_write(db) as connection:
        while not stopping.is_set():
            now = time.time_ns() // 1000
            found = find(connection, db, wanted, [each.name for each in receivers], now)
            delivery.step(connection, now)
            if not found and not store.earliest_tries(connection):
                return 0
            woken.wait(0.03)
            woken.clear()
        delivery.stop(connection, time.time_ns() // 1000)
    return 3


def find(connection, db: Path, wanted: int, names: list[str], now: int) -> bool:  # type: ignore[no-untyped-def]
    """A batch of findings with its messages, in one transaction; False if there are enough."""
    (there,) = connection.execute("SELECT count(*) FROM finding").fetchone()
    if there >= wanted:
        return False
    with store.transaction(connection, db):
        ids = [
            store.add_finding(
                connection,
                store.Finding(0, f"[{there + at}]", "listener", "new", now, now, port=there + at),
            )
            for at in range(BATCH)
        ]
        for name in names:
            message_id = trial.new_id()
            data = {
                "host": "here",
                "title": f"{BATCH} findings",
                "url": "",
                "more": 0,
                "findings": [
                    {"id": each, "verdict": "new", "kind": "listener", "text": f"new {each}"}
                    for each in ids
                ],
            }
            body = {
                "type": "porteye.findings",
                "timestamp": "2026-01-31T03:10:00+00:00",
                "id": message_id,
                "data": data,
            }
            message = store.Message(message_id, name, "findings", now, json.dumps(body))
            store.add_message(connection, message, [(each, "begin") for each in ids])
    return True


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4:]))
