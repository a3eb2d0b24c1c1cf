"""A RowReader: the questions to one moment of the database whose answers are rows and values.

It loads no pandas, so that a command answers at once.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from porteye_core.model import Filters, Kind, Protocol
from porteye_core.pasted_text import Ranges
from porteye_core.store import engine
from porteye_core.store.file.connection import open_connection
from porteye_core.store.reading import (
    events,
    followed,
    free_port,
    json_records,
    listener,
    lookup,
    nearest_event,
    open_listeners,
    open_uses,
    past_uses,
    published,
    time_bounds,
    totals,
)
from porteye_core.store.reading import status as statuses
from porteye_core.store.reading.coverage import Coverage, MomentCoverage, Watches
from porteye_core.store.reading.listener import Boot, Former, Held, Life, PortLife, PortLives
from porteye_core.store.reading.version import Version, version


@contextmanager
def open_row_reader(db: Path) -> Iterator["RowReader"]:
    """A RowReader for one command; raises as open_reader does."""
    with open_connection(db) as connection:
        yield RowReader(connection, partial(statuses.status, connection, db))


def monitor_status(db: Path, now: int) -> statuses.Status:
    """The state of the monitor of this database, which need not be there or readable while a
    monitor has trouble with it. Raises StoreError."""
    return statuses.current(db, now)


class RowReader:
    """Asks one moment of the database. Times are microseconds since the epoch.

    status: tells the state of the monitor. `watching` says that the latest watch goes on, as
    `Status.is_current` does.
    """

    def __init__(
        self, connection: engine.Connection, status: Callable[[int], statuses.Status]
    ) -> None:
        self._connection, self._status = connection, status
        self._watches = dict[bool, Watches]()
        self._published: published.Published | None = None

    def version(self) -> Version:
        """The version of the database: an answer stays the same while it does."""
        return version(self._connection)

    def status(self, now: int) -> statuses.Status:
        """The state of the monitor that writes to the database."""
        return self._status(now)

    # What listens.

    def open_now_records(self, filters: Filters, now: int) -> list[dict[str, Any]]:
        """The listeners that are open and opened in the filters' times, with the fields PORT."""
        first, last = filters.since or 0, filters.until or now
        return [
            json_records.port(row)
            for row in open_listeners.open_now_rows(self._connection, filters, now)
            if first <= row["opened_at"] <= last
        ]

    def published(self) -> published.Published:
        """The ends of the published ports that are open, read once."""
        if self._published is None:
            self._published = published.published(self._connection)
        return self._published

    def open_at_records(
        self, filters: Filters, at: int, coverage: MomentCoverage
    ) -> list[dict[str, Any]]:
        """The listeners that were open at a moment, with the fields MOMENT; `coverage`: of it."""
        rows = open_listeners.open_at_rows(self._connection, filters, at, coverage)
        return [json_records.record(json_records.MOMENT, row) for row in rows]

    def open_then(
        self, filters: Filters, at: int, coverage: MomentCoverage
    ) -> list[tuple[Life, str]]:
        """The same as lives, each with its certainty, which is empty if it was open."""
        rows = open_listeners.open_at_rows(self._connection, filters, at, coverage)
        return [(listener.life_of(row), row["certainty"]) for row in rows]

    def open_by_id(self) -> dict[int, past_uses.PastUse]:
        """The use that each open listener is, by its id; its openings and times say nothing."""
        return past_uses.open_by_id(self._connection)

    def open_uses(self, now: int) -> Iterator[open_uses.OpenUse]:
        """The open listeners, by port, under names that survive a restart, with what each uses."""
        return open_uses.open_uses(self._connection, now)

    def past_uses(self, since: int, until: int) -> Iterator[past_uses.PastUse]:
        """All that listened at some time of a range; see past_uses."""
        return past_uses.past_uses(self._connection, since, until)

    def closed_lives(self, since: int, until: int) -> list[Life]:
        """The listeners that closed after `since`, until `until`."""
        return listener.closed_between(self._connection, since, until)

    def free_port(self, candidates: Sequence[int], now: int) -> free_port.FreePort | None:
        """The first of these ports that nobody has used for long; see free_port."""
        return free_port.free_port(self._connection, candidates, now)

    # Events.

    def previous_change(self, filters: Filters, at: int) -> int | None:
        """The time of the last event before a moment, None if there is none."""
        return nearest_event.previous_change(self._connection, filters, at)

    def next_change(self, filters: Filters, at: int) -> int | None:
        """The time of the first event after a moment, None if there is none."""
        return nearest_event.next_change(self._connection, filters, at)

    def event_records(self, filters: Filters, before: int | None = None) -> list[dict[str, Any]]:
        """The same as records with the fields EVENT."""
        return [json_records.event(row) for row in events.newest(self._connection, filters, before)]

    def records_after(self, filters: Filters, event_id: int) -> list[dict[str, Any]]:
        """The oldest events after the one of an id, newest first, with the fields EVENT."""
        return [
            json_records.event(row) for row in events.after(self._connection, filters, event_id)
        ]

    def events_ever(self) -> dict[Kind, int]:
        """The numbers of events of each kind that were ever stored, whatever is kept of them."""
        return totals.events_ever(self._connection)

    def newest_event(self) -> int:
        """The id of the newest event, 0 if there is none."""
        return events.newest_id(self._connection)

    # To follow what is stored.

    def newest(self) -> followed.Newest:
        """The ids of the newest rows."""
        return followed.newest(self._connection)

    def following(self, event_id: int, limit: int) -> list[followed.FollowedEvent]:
        """The events after the one of an id, the oldest first, with their listeners."""
        return followed.following(self._connection, event_id, limit)

    def event_mark(self, event_id: int) -> str | None:
        """Words of an event, which that of another history does not have; None without it."""
        return followed.mark(self._connection, event_id)

    def lives(self, ids: Collection[int]) -> list[Life]:
        """The listeners of these ids."""
        return followed.lives(self._connection, ids)

    def open_lives(self) -> list[Life]:
        """Every listener that is open, by id."""
        return followed.open_lives(self._connection)

    def owners(self) -> dict[int, int]:
        """Of each open listener, by id, a number that changes with its owner or its reach."""
        return followed.owners(self._connection)

    # Time.

    def timeline_range(self, filters: Filters, now: int) -> tuple[int, int] | None:
        """The range to draw for the times of these filters, None if it has not begun yet."""
        return time_bounds.bounds(self._connection, filters, now)

    def coverage(self, since: int, until: int, *, watching: bool) -> Coverage:
        """The gaps of a range, in which nobody watched."""
        return self.watched(watching=watching).coverage(since, until)

    def coverage_at(self, at: int, *, watching: bool) -> MomentCoverage:
        """The gap that a moment lies in, if any, and the interval between scans."""
        return self.watched(watching=watching).at(at)

    def watched(self, *, watching: bool) -> Watches:
        """All watches, read once."""
        if watching not in self._watches:
            self._watches[watching] = Watches(self._connection, watching=watching)
        return self._watches[watching]

    # The monitor.

    def first_watch(self) -> int | None:
        """The time at which the first watch began, None if there never was any."""
        return time_bounds.first_watch(self._connection)

    def unwatched(self, now: int, *, watching: bool) -> int | None:
        """The microseconds in which nobody watched, from the first watch on, None if there never
        was any; no gap is forgotten, whatever retention drops."""
        return totals.unwatched(self._connection, now, watching=watching)

    def database_size(self) -> int | None:
        """The bytes of the database with its WAL at the latest sampling tick, None before it."""
        return totals.database_size(self._connection)

    # One listener.

    def listener(self, listener_id: int) -> Life | None:
        """The listener of this id, None if there is none."""
        return listener.life(self._connection, listener_id)

    def boot(self, listener_id: int) -> Boot:
        """The last known boot of the machine that a listener is of."""
        return listener.boot(self._connection, listener_id)

    def choices(self, limit: int) -> list[Life]:
        """The listeners that are open, by port, to choose one from."""
        return listener.candidates(self._connection, limit)

    def holders(self, listener_id: int) -> list[Held]:
        """The processes that hold a listener, or held it when it closed, the oldest first."""
        return listener.holders(self._connection, listener_id)

    def former_owners(self, listener_id: int) -> list[Former]:
        """The owners that a listener had before, the earliest first."""
        return listener.former_owners(self._connection, listener_id)

    def before_and_after(self, of: Life) -> tuple[PortLife | None, PortLife | None]:
        """The lives of the same port and protocol just before and just after this one."""
        return listener.before_and_after(self._connection, of)

    def port_lives(self, of: Life, since: int, until: int, limit: int) -> PortLives:
        """The lives of a listener's port and protocol in a range; limit: of events."""
        return listener.port_lives(self._connection, of, since, until, limit)

    def siblings(self, of: Life) -> list[Life]:
        """The other open listeners of the same program, by port."""
        return listener.siblings(self._connection, of)

    # Lookup.

    def on_port(self, port: int, limit: int) -> list[Life]:
        """The open listeners of a port, else its last one."""
        return lookup.on_port(self._connection, port, limit)

    def on_ports(self, ports: Ranges, protocol: Protocol | None, limit: int) -> list[Life]:
        """The open listeners of these ports, else the last ones."""
        return lookup.on_ports(self._connection, ports, protocol, limit)

    def of_user(self, user: str, limit: int) -> list[Life]:
        """The open listeners of a user, else the last ones."""
        return lookup.of_user(self._connection, user, limit)

    def of_home(self, home: str, limit: int) -> list[Life]:
        """The open listeners of units and containers with this in their name, else the last
        ones."""
        return lookup.of_home(self._connection, home, limit)

    def on_address(self, address: str, limit: int) -> list[Life]:
        """The open listeners that are bound to an address, else the last one."""
        return lookup.on_address(self._connection, address, limit)

    def of_pid(self, pid: int, limit: int) -> list[Life]:
        """The open listeners of the processes with this pid, else their last one."""
        return lookup.of_pid(self._connection, pid, limit)

    def of_name(self, name: str, limit: int) -> list[Life]:
        """The open listeners of programs with this in name, title or command line, else their last
        ones."""
        return lookup.of_name(self._connection, name, limit)
