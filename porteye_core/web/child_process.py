"""A process that the dashboard starts, waits for, and ends."""

import asyncio
import contextlib
import logging
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from porteye_core import places
from porteye_core.system import systemd

log = logging.getLogger("porteye.launcher")

# The token belongs to the page, and the service manager's variables to the dashboard's process.
_NOT_PASSED_ON = {"PORTEYE_TOKEN", *systemd.VARIABLES}
_PATIENCE = 5.0  # seconds; monitor and alerts process end within two


async def run(
    what: str,
    words: Sequence[str],
    started: Callable[[], None] = lambda: None,
    variables: Mapping[str, str] = MappingProxyType({}),
) -> int | str:
    """Run a process to its end; return its status, or a sentence if it could not be started.

    what: its name in a sentence; started: called once it runs; variables: of its environment beside
    those of this process. Cancelled, it ends the process.
    """
    try:
        process = await asyncio.create_subprocess_exec(
            *words,
            stdin=asyncio.subprocess.DEVNULL,
            cwd=places.TOP,
            env={**_passed_on(), **variables},
        )
    except OSError as err:
        return f"{what} could not be started: {err.strerror}."
    started()
    try:
        return await process.wait()
    finally:
        if process.returncode is None:
            await _end(what, process)


def _passed_on() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in _NOT_PASSED_ON}


def how(what: str, status: int | str) -> str:
    """The sentence on an end."""
    if isinstance(status, str):
        return status
    if status >= 0:
        return f"{what} ended with status {status}."
    return f"{what} was ended by signal {-status} ({signal.strsignal(-status)})."


async def _end(what: str, process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):  # it has ended already
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), _PATIENCE)
    except TimeoutError:
        said = f"{what[:1].lower()}{what[1:]}"
        log.warning("%s, pid %d, did not end in %g s: killed", said, process.pid, _PATIENCE)
        process.kill()
        await process.wait()
