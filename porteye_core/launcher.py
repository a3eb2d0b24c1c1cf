"""Starts the monitor service beside the dashboard, and ends the one it started."""

import asyncio
import contextlib
import logging
import os
import sys
from collections.abc import AsyncIterator

from porteye_core import service_manager
from porteye_core.config import PROJECT, Config
from porteye_core.store import lock

log = logging.getLogger("porteye.launcher")

# The token is the page's; a service manager that started the dashboard waits for the dashboard.
_NOT_PASSED_ON = {"PORTEYE_TOKEN", *service_manager.VARIABLES}
_PATIENCE = 5.0  # seconds; the monitor ends within one


@contextlib.asynccontextmanager
async def monitor_beside(config: Config) -> AsyncIterator[None]:
    """While the context is open a monitor watches into this database: ours if nobody's did."""
    if not config.start_monitor or lock.holder(config.db) is not None:
        yield
        return
    monitor = await asyncio.create_subprocess_exec(
        sys.executable,
        str(PROJECT / "monitor_service.py"),
        "--db",
        str(config.db),
        "--exit-with-parent",
        stdin=asyncio.subprocess.DEVNULL,
        env={name: value for name, value in os.environ.items() if name not in _NOT_PASSED_ON},
    )
    try:
        yield
    finally:
        await _end(monitor)


async def _end(monitor: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):  # it has ended already
        monitor.terminate()
    try:
        await asyncio.wait_for(monitor.wait(), _PATIENCE)
    except TimeoutError:
        log.warning("the monitor, pid %d, did not end in %g s: killed", monitor.pid, _PATIENCE)
        monitor.kill()
        await monitor.wait()
