"""Whether the loop turns: told to the service manager by the loop itself, and watched from beside.

No thread answers the manager for the loop: it would go on answering while the loop hangs.
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
from porteye_core.service_manager import ServiceManager

log = logging.getLogger("porteye")

# A look at 5,000 processes on a busy machine takes seconds; a loop that has not turned for ten
# intervals, and for this many seconds at least, hangs.
_INTERVALS, _SHORTEST = 10, 10.0
# The loop waits no longer than this, so that a long interval is not taken for a stall.
_LONGEST_WAIT = 10.0
_FRAMES = 8


class Heartbeat:
    """The pulse of one loop, in the thread that makes it."""

    def __init__(self, manager: ServiceManager, plan: WatchPlan) -> None:
        self._manager = manager
        self._source = plan.source
        period = manager.watchdog or _LONGEST_WAIT * 3
        # Three beats for each period of the watchdog: one may be late.
        self._longest_wait = min(plan.interval_us / 1e6, period / 3, _LONGEST_WAIT)
        self._patience = max(_SHORTEST, _INTERVALS * self._longest_wait)
        self._thread = threading.get_ident()
        self._turned = time.monotonic()
        self._told = float("-inf")
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
        """How much of a wait of so long comes first: the loop turns in the middle of long ones."""
        return min(seconds, self._longest_wait)

    def turn(self, watched: int | None) -> None:
        """The loop has turned; `watched`: how many listeners it sees, None if its last look failed.

        The first one that sees any number makes the service ready.
        """
        self._turned = time.monotonic()
        state: dict[str, str] = {}
        if watched is not None and not self._ready:
            self._ready = True
            state["READY"] = "1"
        status = _status(watched, self._source)
        if status != self._status:
            state["STATUS"] = self._status = status
        if self._manager.watchdog and self._turned - self._told >= self._manager.watchdog / 6:
            state["WATCHDOG"] = "1"
            self._told = self._turned
        if state:
            self._manager.tell(**state)

    def _watch(self) -> None:
        """In a thread of its own: say of each stall once where the loop hangs, and its end."""
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
        frame = sys._current_frames().get(self._thread)  # noqa: SLF001 - the documented way
        return "an unknown place" if frame is None else _place(frame)


def _status(watched: int | None, source: str) -> str:
    if watched is None:
        return f"the last look by {source} failed: nothing is recorded"
    return f"watching {watched} listeners by {source}"


def _place(frame: FrameType) -> str:
    """The innermost calls, the innermost first."""
    calls: Sequence[traceback.FrameSummary] = traceback.extract_stack(frame)[-_FRAMES:]
    return ", called by ".join(
        f"{Path(call.filename).name}:{call.lineno} ({call.name})" for call in reversed(calls)
    )
