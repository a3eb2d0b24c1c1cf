"""The shipper as a process: batch after batch, and patience with a server that is away.

It may be killed at any time: a batch is one transaction.
"""

import logging
import random
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from porteye_core.errors import FleetError, FleetRefused, StoreError
from porteye_core.store.fleet.server import connect
from porteye_core.store.fleet.shipping.shipper import Shipper

log = logging.getLogger("porteye")

# The longest wait after failures. A random part of it: a thousand hosts come back at once.
# Two tries fit into the minute after a server is back.
_LONGEST_WAIT, _DOUBLINGS = 30.0, 5
# A connection takes 8 MiB of the server: it is kept only if it is used this often.
_KEPT = 60.0


@dataclass(frozen=True, slots=True)
class Plan:
    """A database to ship and the address of the server; seconds between two looks for news, and
    those without news after which a batch shows that this host is alive."""

    db: Path
    address: str
    interval: float = 10.0
    beat: float = 60.0


def run(plan: Plan) -> None:
    """Ship for ever. Raises FleetRefused if the server would refuse every further batch."""
    failures, said = 0, ""
    while True:
        try:
            with ExitStack() as opened:
                server = opened.enter_context(connect(plan.address))
                shipper = Shipper(plan.db, server, max(plan.beat, plan.interval))
                beaten = float("-inf")
                while True:
                    beaten = ship_all(shipper, beaten, plan.beat)
                    if said:
                        log.info("The fleet's server takes the history again.")
                    failures, said = 0, ""
                    if plan.interval >= _KEPT:
                        break
                    time.sleep(plan.interval)
            time.sleep(plan.interval)
        except FleetRefused:
            raise
        except (FleetError, StoreError) as err:
            failures += 1
            if str(err) != said:
                said = str(err)
                log.warning("%s It is tried again.", said)
            time.sleep(wait_after(failures))


def ship_all(shipper: Shipper, beaten: float = float("-inf"), beat: float = 0.0) -> float:
    """Ship until nothing is left; return when a batch went last, by the monotonic clock.

    A batch without news goes if the last one went that many seconds ago.
    """
    while True:
        now = time.monotonic()
        shipped = shipper.ship(even_nothing=now - beaten >= beat)
        if shipped.dropped:
            log.warning(
                "%s events were dropped by retention before they were shipped.",
                f"{shipped.dropped:,}",
            )
        if shipped.is_sent:
            beaten = now
        if shipped.is_last:
            return beaten


def wait_after(failures: int) -> float:
    """Seconds to wait after so many failures in a row."""
    longest = min(_LONGEST_WAIT, 2.0 ** min(failures, _DOUBLINGS))
    return random.random() * longest  # noqa: S311 - no secret
