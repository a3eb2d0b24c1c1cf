"""Launcher of the monitor service beside the dashboard."""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator

from porteye_core import places
from porteye_core.config import Config
from porteye_core.errors import GAVE_WAY
from porteye_core.restarts import Restart, Restarts
from porteye_core.store.file import lock
from porteye_core.web.child_process import how, run

log = logging.getLogger("porteye.launcher")

_WHAT = "The monitor"
_CHECK_INTERVAL = 2.0  # seconds between two checks for a monitor of somebody else
# Seconds in which somebody else may restart a monitor. deploy/porteye.service restarts after 2 s,
# and gives up if another monitor has the database.
_GRACE = 10.0
_MIN_REST, _MAX_REST = 1.0, 300.0  # seconds between two tries
_LISTEN_INTERVAL = 0.2  # seconds between two looks at whether a viewer asks for the next try
_STEADY = 60.0  # seconds after which a start counts as successful


@contextlib.asynccontextmanager
async def monitor_beside(config: Config, restarts: Restarts) -> AsyncIterator[None]:
    """Keep a monitor running for this database while the context is open.

    Another monitor of the database is left alone. The dashboard's own one gives way to a monitor
    that somebody starts. The dashboard of a fleet shows what others watch, and starts none.
    """
    if config.fleet or not config.start_monitor:
        yield
        return
    keeping = asyncio.create_task(_keep_one(config, restarts))
    try:
        yield
    finally:
        keeping.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await keeping


async def _keep_one(config: Config, restarts: Restarts) -> None:
    """Start a monitor whenever none runs; of two that start, the database's lock admits one."""
    tries, rest = 0, _MIN_REST
    while True:
        if lock.holder(config.db) is not None:
            await _until_free(config, restarts)
            tries, rest = 0, _MIN_REST
            continue
        begun = time.monotonic()
        status = await _run(config, restarts)
        if status == GAVE_WAY:
            await _until_free(config, restarts)
            continue
        ended = how(_WHAT, status)
        tries += 1
        if time.monotonic() - begun > _STEADY:
            tries, rest = 1, _MIN_REST
        log.warning("%s Another is started in %g s.", ended, rest)
        await _rest(restarts, ended, tries, rest)
        rest = min(2 * rest, _MAX_REST)


async def _until_free(config: Config, restarts: Restarts) -> None:
    """Wait until another monitor has ended and nobody has restarted it."""
    restarts.pending = None
    while lock.holder(config.db) is not None:
        await asyncio.sleep(_CHECK_INTERVAL)
    await _rest(restarts, "The monitor has ended.", 0, _GRACE)


async def _rest(restarts: Restarts, ended: str, tries: int, seconds: float) -> None:
    at = time.time_ns() // 1000 + round(seconds * 1e6)
    restarts.pending, restarts.is_asked = Restart(ended, tries, at), False
    end = time.monotonic() + seconds
    while not restarts.is_asked and (left := end - time.monotonic()) > 0:
        await asyncio.sleep(min(left, _LISTEN_INTERVAL))


async def _run(config: Config, restarts: Restarts) -> int | str:
    """Run a monitor to its end; return its status, or a sentence if it could not be started."""

    def started() -> None:
        if restarts.pending is not None:
            restarts.count += 1
        restarts.pending = None

    flags = ["--db", str(config.db), "--exit-with-parent", "--give-way"]
    return await run(_WHAT, [*places.monitor_words(), *flags], started)
