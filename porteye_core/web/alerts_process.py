"""Launcher of the alerts process beside the dashboard, where there is somebody to tell."""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator

from porteye_core import places
from porteye_core.alerts import settings
from porteye_core.config import Config
from porteye_core.errors import AlertsError
from porteye_core.store.alerts import holder
from porteye_core.web.child_process import how, run

log = logging.getLogger("porteye.launcher")

_WHAT = "The alerts process"
_CHECK_INTERVAL = 5.0  # seconds between two checks for a file or for another process
_MIN_REST, _MAX_REST = 1.0, 300.0  # seconds between two tries
_STEADY = 60.0  # seconds after which a start counts as successful


@contextlib.asynccontextmanager
async def alerts_beside(config: Config) -> AsyncIterator[None]:
    """Keep an alerts process running for this database while the context is open.

    One that somebody else has started is left alone. The dashboard of a fleet starts none.
    """
    if config.fleet or not config.start_alerts:
        yield
        return
    keeping = asyncio.create_task(_keep_one(config))
    try:
        yield
    finally:
        keeping.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await keeping


async def _keep_one(config: Config) -> None:
    """Start a process whenever none runs; of two that start, the lock admits one."""
    rest = _MIN_REST
    while True:
        if holder(config.alerts_file) or not has_receivers(config):
            await asyncio.sleep(_CHECK_INTERVAL)
            continue
        begun = time.monotonic()
        words = [*places.alerts_words(), *_flags(config)]
        status = await run(_WHAT, words, variables=places.ALERTS_VARIABLES)
        if time.monotonic() - begun > _STEADY:
            rest = _MIN_REST
        log.warning("%s Another is started in %g s.", how(_WHAT, status), rest)
        await asyncio.sleep(rest)
        rest = min(2 * rest, _MAX_REST)


def has_receivers(config: Config) -> bool:
    """Tell that the file of settings names a receiver, or is wrong, which the process says."""
    try:
        file = settings.find(config.alerts, config.db)
    except AlertsError:
        return False
    try:
        # Without the question to Apprise, for whose answer the page would wait.
        return bool(settings.parse(settings.text(file), file).receivers)
    except AlertsError:
        return True


def _flags(config: Config) -> list[str]:
    flags = ["--db", str(config.db), "--exit-with-parent"]
    for name, file in (
        ("--alerts", config.alerts),
        ("--alerts-db", config.alerts_db),
        ("--expected", config.expected),
    ):
        flags += [name, str(file)] if file is not None else []
    return flags
