"""The state of the monitor: its watch, its limits and its latest tick."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from porteye_core.errors import StoreError, StoreMissing
from porteye_core.model import Limitation, Watch, WatchPlan
from porteye_core.store import engine
from porteye_core.store.file import lock
from porteye_core.store.file.connection import open_connection
from porteye_core.store.tables.host_row import machine_id
from porteye_core.system.clock import timestamp

# A watch shows that it is alive at every sampling tick; a busy machine may delay one or two.
_MISSED_BEATS = 3


class State(StrEnum):
    """The state of the monitor of a database; the last three are those of a host of a fleet."""

    WATCHING = "watching"
    STARTING = "starting"  # it has the database, and has not scanned yet
    HOLDING = "holding"  # it scans, and cannot write: what it sees waits in memory
    STALLED = "stalled"  # it runs, and has not been able to scan for several ticks
    STOPPED = "stopped"
    NEVER = "never"  # no monitor ever scanned
    BEHIND = "behind"  # events follow that the host has not shipped yet
    SILENT = "silent"  # the host ships no more
    RETIRED = "retired"  # its login was taken away


@dataclass(frozen=True, slots=True)
class Status:
    """The monitor's state; `watch` is the latest one, None if there never was any.

    The numbers are of its latest sampling tick, see model.Tick; None before the first. trouble: why
    it cannot write, if that is so. host: name of the machine that it watched; is_elsewhere: that is
    not this machine, so that nothing is known of what is open here. other_hosts: names of further
    machines whose history the database has.
    """

    state: State
    pid: int | None
    watch: Watch | None
    scan_us: int | None = None
    hidden: int | None = None
    lost: int | None = None
    left_out: int | None = None
    trouble: str = ""
    host: str = ""
    is_elsewhere: bool = False
    other_hosts: tuple[str, ...] = ()

    @property
    def is_current(self) -> bool:
        """True if what is stored as open is what is open now."""
        return self.state is State.WATCHING

    @property
    def last_watched(self) -> int | None:
        """The time at which the monitor last watched; None while it watches, or if it never did."""
        return None if self.is_current or not self.watch else self.watch.seen_at


def current(db: Path, now: int) -> Status:
    """The state of the monitor of this database, which need not be there or readable while a
    monitor has trouble with it. Raises StoreError."""
    try:
        with open_connection(db) as connection:
            return status(connection, db, now)
    except StoreError as err:
        holder = lock.holder(db)
        if holder and holder.trouble:
            return Status(State.HOLDING, holder.pid, None, trouble=holder.trouble)
        if isinstance(err, StoreMissing):
            return Status(_without_watch(holder), holder.pid if holder else None, None)
        raise


def status(connection: engine.Connection, db: Path, now: int) -> Status:
    """The state of the monitor that writes to this database."""
    holder = lock.holder(db)
    pid, trouble = (holder.pid, holder.trouble) if holder else (None, "")
    found = latest(connection, holder.limitations if holder else ())
    if found is None:
        return Status(_without_watch(holder), pid, None, trouble=trouble)
    rows = connection.execute("SELECT id, name, machine_id FROM host ORDER BY id").fetchall()
    (of,) = (row for row in rows if row["id"] == found.host_id)
    return found.status(
        _state(found.watch, holder, now),
        pid,
        trouble=trouble,
        host=of["name"],
        # A monitor that holds the database is on this machine, though a container that only reads
        # may have another id.
        is_elsewhere=holder is None and of["machine_id"] != machine_id(),
        other_hosts=tuple(row["name"] for row in rows if row is not of),
    )


@dataclass(frozen=True, slots=True)
class LatestWatch:
    """The latest watch, the number of its host, and the numbers of its latest sampling tick."""

    watch: Watch
    host_id: int
    pid: int
    numbers: tuple[int | None, int | None, int | None, int | None]

    def status(self, state: State, pid: int | None, **more: Any) -> Status:
        """The state of its monitor."""
        return Status(state, pid, self.watch, *self.numbers, **more)


def latest(connection: engine.Connection, present: Sequence[Limitation] = ()) -> LatestWatch | None:
    """The latest watch, None if there never was any; present: limitations that its monitor has
    now."""
    row = connection.execute("SELECT * FROM watch ORDER BY id DESC LIMIT 1").fetchone()
    if row is None:
        return None
    tick = connection.execute(
        # The newest of all: to seek one of this watch reads every tick until it has any.
        "SELECT scan_us, hidden, lost, left_out, left_out_us FROM"
        " (SELECT * FROM tick ORDER BY id DESC LIMIT 1) AS newest WHERE watch_id = ?",
        (row["id"],),
    ).fetchone()
    scan_us, hidden, lost, left_out, left_out_us = tick or (None,) * 5
    watch = _watch(row, (*present, *_left_out(left_out, left_out_us), *_dropped(connection)))
    return LatestWatch(watch, row["host_id"], row["pid"], (scan_us, hidden, lost, left_out))


def health_record(status: Status, version: str) -> dict[str, Any]:
    """The state with the fields of the API's health, but those of a dashboard."""
    watch = status.watch
    plan = watch.plan if watch else None
    return {
        "status": status.state.value,
        "trouble": status.trouble or None,
        "host": status.host or None,
        "elsewhere": status.is_elsewhere,
        "other_hosts": list(status.other_hosts),
        "pid": status.pid,
        "source": plan.source if plan else None,
        "why": plan.why if plan else None,
        "interval_seconds": plan.interval_us / 1e6 if plan else None,
        "since": timestamp(watch.started_at) if watch else None,
        "seen": timestamp(watch.seen_at) if watch else None,
        "stopped": timestamp(watch.stopped_at) if watch and watch.stopped_at else None,
        "limits": [
            {"name": each.name, "text": each.text, "hint": each.hint}
            for each in (plan.limitations if plan else ())
        ],
        "scan_ms": None if status.scan_us is None else status.scan_us / 1000,
        "hidden": status.hidden,
        "lost": status.lost,
        "left_out": status.left_out,
        "version": version,
    }


def _without_watch(holder: lock.Holder | None) -> State:
    if holder is None:
        return State.NEVER
    return State.HOLDING if holder.trouble else State.STARTING


def _state(watch: Watch, holder: lock.Holder | None, now: int) -> State:
    if holder is None:
        return State.STOPPED
    if holder.trouble:
        return State.HOLDING
    if watch.stopped_at is not None or watch.started_at < holder.since:
        return State.STARTING
    late = now - watch.seen_at > _MISSED_BEATS * watch.plan.sample_interval_us
    return State.STALLED if late else State.WATCHING


def _watch(row: engine.Row, further: tuple[Limitation, ...]) -> Watch:
    limitations = (*_limits(row["limits"]), *further)
    plan = WatchPlan(
        row["source"], row["interval"], row["sample_interval"], limitations, row["why"]
    )
    return Watch(row["id"], row["started_at"], row["seen_at"], row["stopped_at"], plan)


def _limits(text: str) -> tuple[Limitation, ...]:
    """The limits of a watch; what damage made of them does not hide everything else."""
    try:
        return tuple(Limitation(**limit) for limit in json.loads(text))
    except (TypeError, ValueError):
        return (
            Limitation("unreadable", "The limits of this watch cannot be read: it is damaged."),
        )


def _left_out(count: int | None, longest_us: int | None) -> tuple[Limitation, ...]:
    """Limitation for the namespaces that the latest tick had no time for."""
    if not count:
        return ()
    what = "1 network namespace was" if count == 1 else f"{count:,} network namespaces were"
    wait = "" if longest_us is None else f" The longest wait is {math.ceil(longest_us / 1e6):,} s."
    text = f"{what} not scanned at the latest sample, for lack of time, and will be at later ones."
    return (Limitation("left_out", text + wait),)


def _dropped(connection: engine.Connection) -> tuple[Limitation, ...]:
    """The history that is missing; that samples become rollups with age is no loss."""
    rows = connection.execute(
        "SELECT kind, before, reason FROM dropped WHERE reason = 'size' OR kind = 'events'"
    )
    return tuple(Limitation("dropped", _lost(*row)) for row in rows)


def _lost(kind: str, before: int, reason: str) -> str:
    moment = datetime.fromtimestamp(before / 1e6, UTC).strftime("%Y-%m-%d %H:%M UTC")
    what = f"{kind.capitalize()} from before {moment} were dropped"
    if reason == "size":
        return f"{what}, so that the database stays within --max-size."
    whose = "the fleet's retention" if reason == "fleet" else "--keep-events"
    return f"{what}, as {whose} says; what is still open stays."
