"""The watch itself: whether a monitor stores what happens, and since when none does."""

from dataclasses import dataclass
from pathlib import Path

from porteye_core.alerts.timers import SECOND
from porteye_core.errors import StoreError
from porteye_core.spoken_times import second
from porteye_core.store.reading import State, Status, monitor_status

# A monitor stores a tick every ten seconds; without one its state is asked for.
_SILENT = 15 * SECOND
_BETWEEN_LOOKS = 10 * SECOND


@dataclass(frozen=True, slots=True)
class Watched:
    """State of the watch. since: the wall time of the last proof that somebody watched, if nobody
    does; 0 if there never was any. why: the words for it."""

    is_watched: bool = False
    since: int = 0
    why: str = ""


class Watching:
    """Looks whether a monitor watches, rarely while its ticks come."""

    def __init__(self, db: Path) -> None:
        self._db = db
        self._tick = -1
        self._progress: int | None = None  # by the alert clock
        self._looked: int | None = None

    def stored(self, tick: int, clock: int) -> None:
        """Take note of the newest tick that was read."""
        if tick != self._tick:
            if self._tick >= 0:
                self._progress = clock
            self._tick = tick

    def look(self, clock: int, wall: int) -> Watched | None:
        """The answer, None while the one before still holds."""
        if self._progress is not None and clock < self._progress + _SILENT:
            return Watched(is_watched=True)
        if self._looked is not None and clock < self._looked + _BETWEEN_LOOKS:
            return None
        self._looked = clock
        try:
            return _watched(monitor_status(self._db, wall))
        except StoreError as err:
            return Watched(why=f"Nobody knows what listens: {err}")


def _watched(status: Status) -> Watched:
    if status.state is State.WATCHING:
        return Watched(is_watched=True)
    if status.watch is None:
        return Watched(why="Nobody has watched yet: no monitor has scanned.")
    since = status.watch.seen_at
    said = f"Nobody has watched since {second(since)}"
    if status.state is State.HOLDING:
        said = f"Nothing has been stored since {second(since)}: {status.trouble}"
    elif status.state is State.STALLED:
        said += ": the monitor runs, but cannot scan"
    elif status.state is State.STARTING:
        said += ": a monitor is starting"
    elif status.watch.stopped_at is not None:
        said += ": the monitor was stopped"
    else:
        said += ": the monitor was killed, or the machine was off"
    return Watched(since=since, why=f"{said.rstrip('.')}.")
