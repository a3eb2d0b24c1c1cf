"""A follower of one database: its events in their order, in one transaction with what they mean.

Between two events it does what was due. So it comes to the same rows however often it looks, and
wherever it is killed.
"""

from collections.abc import Collection, Iterable
from dataclasses import replace
from pathlib import Path

from porteye_core.alerts.alert_clock import Moment
from porteye_core.alerts.judge import DATABASE, Judge
from porteye_core.alerts.keeper import Keeper
from porteye_core.alerts.records import Records, of_watch
from porteye_core.alerts.source import Source
from porteye_core.alerts.timers import MINUTE, SECOND
from porteye_core.errors import StoreError
from porteye_core.store.alerts import Connection
from porteye_core.store.reading import FollowedEvent, Life, Newest, RowReader

BATCH = 500  # events in one transaction, some MB while they are read
# A scan shows interface and owner of what the kernel announced a moment before.
_OWNERS_AFTER, _OWNERS_EVERY = 2 * SECOND, MINUTE
_WAIT_FOR_WATCH, _WAIT_FOR_MONITOR = 10 * SECOND, MINUTE
_REPLACED = (
    "The database was replaced, restored or set aside: what it does not have any more was not"
    " judged again."
)


class Follower(Keeper):
    """Follows the database of one host; host: its name in a fleet, empty for a single machine."""

    def __init__(
        self,
        connection: Connection,
        alerts_db: Path,
        source: Source,
        records: Records,
        judge: Judge,
        now: Moment,
        host: str = "",
    ) -> None:
        super().__init__(
            connection, alerts_db, records, judge, self._look, self._absence, now, host
        )
        self._source = source
        self._reader: RowReader | None = None
        self._owners: dict[int, int] = {}
        self._owners_due: int | None = None
        self._owners_looked, self._process = 0, -1
        self._is_loaded = False

    def judge_again(self, judge: Judge, now: Moment, why: str) -> None:
        """Judge by another file or by other accepts; why: the reason of what ends."""
        if not self._is_loaded:
            self._ledger.judge = judge
            return
        with self._turn(now):
            self._ledger.judge_again(judge, self._clock, why)

    # The database.

    def _read_if_changed(self, now: Moment) -> None:
        if not self._source.has_changed():
            return
        try:
            with self._source.open() as self._reader:
                self._follow(self._reader, now)
        except StoreError:
            self._source.forget()
            if self._is_broken:
                raise
            # Nothing could be read: the watch says so if it lasts.
        finally:
            self._reader = None

    def _follow(self, reader: RowReader, now: Moment) -> None:
        newest = reader.newest()
        self._found(newest)
        if not self._cursor.file:
            self._begin(reader, now, newest.event)
        elif self._is_replaced(reader, newest.event):
            self._begin(reader, now, newest.event, is_replaced=True)
        elif not self._is_loaded:
            with self._turn(now):
                self._ledger.load(self._clock)
        self._is_loaded = True
        while self._cursor.event_id < newest.event:
            events = reader.following(self._cursor.event_id, BATCH)
            if not events:  # retention was faster
                break
            with self._turn(now):
                for event in events:
                    self._take(event)
                self._move(reader, events[-1].id)
        if newest.process != self._process or self._clock - self._owners_looked >= _OWNERS_EVERY:
            self._process = newest.process
            self._look_at_owners_soon()

    def _found(self, newest: Newest) -> None:
        """Take note of the newest rows that were read."""

    def _begin(
        self, reader: RowReader, now: Moment, newest: int, *, is_replaced: bool = False
    ) -> None:
        """Begin at the newest event of a database: what was before is not told."""
        with self._turn(now):
            if is_replaced:
                found = of_watch(DATABASE, _REPLACED, now.wall, now.wall)
                self._records.begin(found)
            else:
                self._has_begun()
            lives = reader.open_lives()
            self._ledger.begin_anew(lives, self._opened, self._clock)
            self._move(reader, newest)

    def _has_begun(self) -> None:
        """Take note of the first beginning, in its transaction."""

    def _move(self, reader: RowReader, event_id: int) -> None:
        mark = reader.event_mark(event_id) or ""
        file = self._file_at(event_id)
        self._cursor = replace(self._cursor, event_id=event_id, mark=mark, file=file)

    def _file_at(self, event_id: int) -> str:
        """The text by which the database is known again, with this event as the last one."""
        del event_id
        return self._source.identity

    def _opened(self, life: Life) -> int:
        return self._reading.of_wall(life.opened_at, self._moment, self._reached)

    def _take(self, event: FollowedEvent) -> None:
        at = self._reading.of_wall(event.at, self._moment, self._reached)
        self._advance(at)
        if event.life is None:
            self._ledger.closed(event.listener_id, at)
        else:
            self._ledger.opened(event.life, at)
            self._look_at_owners_soon()

    def _is_replaced(self, reader: RowReader, newest: int) -> bool:
        of = self._cursor
        is_other_file = of.file != self._source.identity
        if of.event_id == 0:
            return is_other_file and newest > 0
        mark = reader.event_mark(of.event_id)
        if mark is None:  # retention has dropped it, or it never was there
            return newest < of.event_id or is_other_file
        return mark != of.mark

    # What is read besides.

    def _look(self, ids: Collection[int]) -> Iterable[Life]:
        if not ids:
            return []
        if self._reader is not None:
            return self._reader.lives(ids)
        with self._source.open() as reader:
            return reader.lives(ids)

    def _look_at_owners_soon(self) -> None:
        if self._owners_due is None:
            self._owners_due = self._clock + _OWNERS_AFTER

    def _look_at_owners_if_due(self, now: Moment) -> None:
        """Judge again whatever has another owner or another reach than before."""
        if self._owners_due is None or self._owners_due > self._clock:
            return
        self._owners_due, self._owners_looked = None, self._clock
        try:
            with self._source.open() as reader:
                owners, lives = self._owned_anew(reader)
        except StoreError:
            return
        self._judge_owners(owners, lives, now)

    def _owned_anew(self, reader: RowReader) -> tuple[dict[int, int], list[Life]]:
        """The owners of all that is open, and the listeners that would be judged in another way."""
        owners = reader.owners()
        changed = [
            each
            for each in self._ledger.entries
            if each in owners and owners[each] != self._owners.get(each)
        ]
        return owners, [each for each in reader.lives(changed) if self._ledger.differs(each)]

    def _judge_owners(self, owners: dict[int, int], lives: list[Life], now: Moment) -> None:
        self._owners = owners
        if lives:
            with self._turn(now):
                for life in lives:
                    self._ledger.seen_again(life, self._clock)

    def _absence(self, due: int) -> int:
        """Microseconds for which nothing may be called missing yet, 0 if it may."""
        passed = self._clock - due
        judge = self._ledger.judge
        up = self._source.up(self._moment) - passed
        if up < judge.timers.boot:
            return judge.timers.boot - up
        assert judge.expected is not None
        until = self._moment.wall - passed
        since = until - judge.expected.defaults.missing
        try:
            if self._reader is not None:
                return self._unwatched(self._reader, since, until)
            with self._source.open() as reader:
                return self._unwatched(reader, since, until)
        except StoreError:  # nobody knows, as without a monitor
            return _WAIT_FOR_MONITOR

    def _unwatched(self, reader: RowReader, since: int, until: int) -> int:
        is_watching = reader.status(self._moment.wall).is_current
        if not is_watching:
            return _WAIT_FOR_MONITOR
        found = reader.coverage(since, until, watching=True)
        return _WAIT_FOR_WATCH if found.unwatched else 0
