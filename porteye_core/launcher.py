"""Keeps a monitor service running beside the dashboard, and ends the one it started."""

import asyncio
import contextlib
import logging
import os
import signal
import sys
import time
from collections.abc import AsyncIterator

from porteye_core import service_manager
from porteye_core.config import PROJECT, Config
from porteye_core.restarts import Restart, Restarts
from porteye_core.store import lock

log = logging.getLogger("porteye.launcher")

# The token is the page's; a service manager that started the dashboard waits for the dashboard.
_NOT_PASSED_ON = {"PORTEYE_TOKEN", *service_manager.VARIABLES}
_PATIENCE = 5.0  # seconds; the monitor ends within one
_BEAT = 2.0  # seconds between two questions for a monitor of somebody else
# Seconds in which somebody else may start a monitor again: deploy/porteye.service does after 2,
# and gives up for good where another monitor has the database.
_GRACE = 10.0
_SHORTEST_REST, _LONGEST_REST = 1.0, 300.0  # seconds between two tries
_STEADY = 60.0  # seconds after which a monitor did not fail at its start


@contextlib.asynccontextmanager
async def monitor_beside(config: Config, restarts: Restarts) -> AsyncIterator[None]:
    """While the context is open a monitor watches into this database: ours if nobody's does."""
    if not config.start_monitor:
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
    """Start a monitor whenever none runs. The database's lock decides between two that start."""
    tries, rest = 0, _SHORTEST_REST
    while True:
        if lock.holder(config.db) is not None:
            await _until_free(config, restarts)
            tries, rest = 0, _SHORTEST_REST
            continue
        begun = time.monotonic()
        ended = await _run(config, restarts)
        tries += 1
        if time.monotonic() - begun > _STEADY:
            tries, rest = 1, _SHORTEST_REST
        log.warning("%s Another is started in %g s.", ended, rest)
        await _rest(restarts, ended, tries, rest)
        rest = min(2 * rest, _LONGEST_REST)


async def _until_free(config: Config, restarts: Restarts) -> None:
    """Wait until the monitor of somebody else has ended, and nobody has started another."""
    restarts.pending = None
    while lock.holder(config.db) is not None:
        await asyncio.sleep(_BEAT)
    await _rest(restarts, "The monitor has ended.", 0, _GRACE)


async def _rest(restarts: Restarts, ended: str, tries: int, seconds: float) -> None:
    at = time.time_ns() // 1000 + round(seconds * 1e6)
    restarts.pending = Restart(ended, tries, at)
    await asyncio.sleep(seconds)


async def _run(config: Config, restarts: Restarts) -> str:
    """Run a monitor to its end; returns how it ended."""
    try:
        monitor = await asyncio.create_subprocess_exec(
            sys.executable,
            str(PROJECT / "monitor_service.py"),
            "--db",
            str(config.db),
            "--exit-with-parent",
            stdin=asyncio.subprocess.DEVNULL,
            env={name: value for name, value in os.environ.items() if name not in _NOT_PASSED_ON},
        )
    except OSError as err:
        return f"The monitor could not be started: {err.strerror}."
    if restarts.pending is not None:
        restarts.count += 1
    restarts.pending = None
    try:
        return _how(await monitor.wait())
    finally:
        if monitor.returncode is None:
            await _end(monitor)


def _how(status: int) -> str:
    if status >= 0:
        return f"The monitor ended with status {status}."
    return f"The monitor was ended by signal {-status} ({signal.strsignal(-status)})."


async def _end(monitor: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):  # it has ended already
        monitor.terminate()
    try:
        await asyncio.wait_for(monitor.wait(), _PATIENCE)
    except TimeoutError:
        log.warning("the monitor, pid %d, did not end in %g s: killed", monitor.pid, _PATIENCE)
        monitor.kill()
        await monitor.wait()
