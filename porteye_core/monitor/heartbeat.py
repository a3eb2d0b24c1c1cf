"""Heartbeat of the monitor's loop, sent to the service manager and watched by a thread.

The loop itself answers the service manager: a thread would still answer while the loop hangs.
"""

import logging
import sys
import threading
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import FrameType, TracebackType
from typing import Self

from porteye_core.model import WatchPlan
from porteye_core.system.systemd import ServiceManager

log = logging.getLogger("porteye")

# A scan of 5,000 processes on a busy machine takes seconds. A loop that has not turned for ten
# intervals, and at least for this many seconds, counts as stalled.
_INTERVALS, _SHORTEST = 10, 10.0
# Maximum of one wait, so that a long interval does not count as a stall.
_MAX_WAIT = 10.0
_FRAMES = 8


class Heartbeat:
    """Heartbeat of one loop, used in that loop's thread."""

    def __init__(self, manager: ServiceManager, plan: WatchPlan) -> None:
        self._manager = manager
        self._source = plan.source
        period = manager.watchdog or _MAX_WAIT * 3
        # Three turns in each period of the watchdog, so that one may be late.
        self._longest_wait = min(plan.interval_us / 1e6, period / 3, _MAX_WAIT)
        self._patience = max(_SHORTEST, _INTERVALS * self._longest_wait)
        self._thread = threading.get_ident()
        self._turned = time.monotonic()
        self._pinged_at = float("-inf")
        self._status = ""
        self._ready = False
        self._over = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="stall", daemon=True)

    def __enter__(self) -> Self:
        self._watcher.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._manager.tell(STOPPING="1", STATUS="stopping")
        self._over.set()
        self._watcher.join()
        self._manager.close()

    def paced(self, seconds: float) -> float:
        """Cap one wait so that the loop turns often enough."""
        return min(seconds, self._longest_wait)

    def turn(self, watched: int | None) -> None:
        """Report a turn of the loop; `watched`: open listeners, None if the last scan failed.

        The first turn after a successful scan makes the service ready.
        """
        self._turned = time.monotonic()
        state: dict[str, str] = {}
        if watched is not None and not self._ready:
            self._ready = True
            state["READY"] = "1"
        status = _status(watched, self._source)
        if status != self._status:
            state["STATUS"] = self._status = status
        if self._manager.watchdog and self._turned - self._pinged_at >= self._manager.watchdog / 6:
            state["WATCHDOG"] = "1"
            self._pinged_at = self._turned
        if state:
            self._manager.tell(**state)

    def _watch(self) -> None:
        """Log the place of each stall once, and its end; runs in its own thread."""
        stalled: float | None = None
        while not self._over.wait(self._patience / 4):
            turned = self._turned
            if stalled is not None and turned != stalled:
                log.warning("The loop turns again after %.1f s.", turned - stalled)
                stalled = None
            since = time.monotonic() - turned
            if stalled is None and since > self._patience:
                stalled = turned
                log.error("The loop has not turned for %.1f s. It is at %s.", since, self._where())

    def _where(self) -> str:
        frame = sys._current_frames().get(self._thread)  # noqa: SLF001 - documented for debuggers
        return "an unknown place" if frame is None else _place(frame)


def _status(watched: int | None, source: str) -> str:
    if watched is None:
        return f"the last scan by {source} failed: nothing is recorded"
    return f"watching {watched} listeners by {source}"


def _place(frame: FrameType) -> str:
    """Innermost calls of a stack, the innermost first."""
    calls: Sequence[traceback.FrameSummary] = traceback.extract_stack(frame)[-_FRAMES:]
    return ", called by ".join(
        f"{Path(call.filename).name}:{call.lineno} ({call.name})" for call in reversed(calls)
    )
