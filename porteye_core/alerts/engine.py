"""The engine: one look at the database and the clock, in one transaction for all that follows.

A look follows the events that are new in their order, and between them does what was due. So it
comes to the same rows however often it looks, and wherever it is killed.
"""

from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from porteye_core.alerts.alert_clock import Moment, Reading
from porteye_core.alerts.database_file import DatabaseFile
from porteye_core.alerts.grouping import Grouping
from porteye_core.alerts.judge import DATABASE, UNWATCHED, Judge, settings_key
from porteye_core.alerts.ledger import IN_FILE, NO_FILE, Ledger
from porteye_core.alerts.records import Records, of_watch
from porteye_core.alerts.telling import Telling, is_digest_due, local_time
from porteye_core.alerts.timers import DAY, HOUR, MINUTE, SECOND, Rules
from porteye_core.alerts.watching import Watching
from porteye_core.errors import StoreError
from porteye_core.judging.acceptance import ACCEPTED, Accepted
from porteye_core.judging.blocks import Expected
from porteye_core.store import alerts as store
from porteye_core.store.alerts import (
    Connection,
    Cursor,
    Note,
    cursor,
    set_cursor,
    silences,
    transaction,
)
from porteye_core.store.reading import FollowedEvent, Life, RowReader, open_row_reader

BATCH = 500  # events in one transaction, some MB while they are read
# A scan shows interface and owner of what the kernel announced a moment before.
_OWNERS_AFTER, _OWNERS_EVERY = 2 * SECOND, MINUTE
_BETWEEN_SLOW = 5 * SECOND
_KEPT = 365 * DAY  # what is over
_WAIT_FOR_WATCH, _WAIT_FOR_MONITOR = 10 * SECOND, MINUTE
_REPLACED = (
    "The database was replaced, restored or set aside: what it does not have any more was not"
    " judged again."
)


@dataclass(frozen=True, slots=True)
class Place:
    """Databases that the engine reads and writes, and the name of the machine."""

    db: Path
    alerts_db: Path
    host: str


class Engine:
    """Judges what a database stores, in one thread.

    After an error in a transaction it is broken: another one goes on from what is stored.
    """

    def __init__(self, connection: Connection, place: Place, now: Moment) -> None:
        self._connection, self._place = connection, place
        self._file, self._watching = DatabaseFile(place.db), Watching(place.db)
        self._cursor = cursor(connection) or Cursor(0, "", "", 0, now.elapsed, now.boot, now.wall)
        before = Moment(self._cursor.at, self._cursor.elapsed, self._cursor.boot)
        self._reading = Reading(self._cursor.clock, before)
        self._started = self._reading.at(now)
        self._moment, self._clock, self._reached = now, self._started, self._cursor.reached
        self._reader: RowReader | None = None
        self._owners: dict[int, int] = {}
        self._owners_due: int | None = None
        self._owners_looked, self._process, self._slow_due = 0, -1, 0
        self._forget_due = self._started + HOUR
        self._notes: list[Note] = []
        self.rules, self._accepted = Rules(), Accepted()
        self._expected: Expected | None = None
        grouping = Grouping(self._cursor.due, self._cursor.batched)
        self._telling = Telling(connection, grouping)
        self._records = Records(connection, self._telling, place.host)
        self._ledger = Ledger(connection, self._records, self._judge(), self._look, self._absence)
        self._is_loaded = self._is_broken = False
        self.has_made_messages = False

    def _judge(self) -> Judge:
        return Judge(self._expected, self._accepted, self.rules.timers)

    # Settings.

    def set_rules(self, rules: Rules) -> None:
        """Put other timers, windows and receivers in force."""
        self.rules = self._records.rules = rules
        self._ledger.judge.timers = rules.timers

    def set_expected(self, expected: Expected | None, now: Moment) -> None:
        """Put another file of expected ports in force; None: there is none, and the watch alone is
        judged."""
        self._expected = expected
        self._judge_again(now, IN_FILE if expected else NO_FILE)

    def read_notes(self, now: Moment) -> None:
        """Read accepts and silences again."""
        self._notes = store.notes(self._connection)
        self._records.labels = {each.key: each.label for each in self._notes}
        self._telling.silences = silences(self._connection, now.wall)
        self._accept(now)

    def _accept(self, now: Moment) -> None:
        accepted = Accepted.of(self._notes, now.wall)
        if self._accepted.keys != accepted.keys:
            self._accepted = accepted
            self._judge_again(now, ACCEPTED)

    def _judge_again(self, now: Moment, why: str) -> None:
        if not self._is_loaded:
            self._ledger.judge = self._judge()
            return
        with self._turn(now):
            self._ledger.judge_again(self._judge(), self._clock, why)

    def set_trouble(self, file: str, trouble: str, now: Moment) -> None:
        """Say that a file cannot be used, or that it can again."""
        key = settings_key(file)
        if trouble or self._ledger.is_on(key):
            with self._turn(now):
                self._condition(key, is_true=bool(trouble), since=self._clock, why=trouble)

    def _condition(self, key: str, *, is_true: bool, since: int, why: str = "") -> None:
        self._ledger.condition(key, is_true=is_true, since=since, now=self._clock, why=why)

    # Looks.

    def look(self, now: Moment) -> None:
        """Follow what is new, and do what is due. Raises StoreError if it cannot be written."""
        self._moment, self._clock = now, self._reading.at(now)
        if self._file.has_changed():
            self._read(now)
        self._watch(now)
        if self._owners_due is not None and self._owners_due <= self._clock:
            self._look_at_owners(now)
        if self._slow_due <= self._clock:
            self._slow_due = self._clock + _BETWEEN_SLOW
            self._look_at_the_day(now)
        due = self._next()
        if due is not None and due <= self._clock:
            with self._turn(now):
                self._advance(self._clock)

    def _look_at_the_day(self, now: Moment) -> None:
        """Do what depends on the time of day: accepts and silences that end, and the digest."""
        if any(each.accepted_until is not None for each in self._notes):
            self._accept(now)
        self._telling.woken(self._clock, self.rules, now.wall)
        if self._forget_due <= self._clock:
            self._forget_due = self._clock + DAY
            with self._turn(now):
                store.forget(self._connection, now.wall - _KEPT)
        of = self._cursor
        if is_digest_due(self.rules, now.wall, self._clock, of.digested, of.digest_day):
            with self._turn(now):
                self._digest()

    def noted(self) -> list[str]:
        """The lines on what was found since the last call."""
        lines, self._records.noted = self._records.noted, []
        return lines

    def next_due(self) -> int | None:
        """Microseconds from the latest look until something follows; None if nothing does."""
        known = [each for each in (self._next(), self._owners_due) if each is not None]
        return max(0, min(known) - self._clock) if known else None

    def _next(self) -> int | None:
        due = (self._ledger.next_due, self._telling.grouping.due)
        return min((each for each in due if each is not None), default=None)

    @contextmanager
    def _turn(self, now: Moment) -> Iterator[None]:
        """One transaction at a moment; all that it changes is stored at its end."""
        self._moment, self._clock = now, self._reading.at(now)
        self._set_time(self._clock)
        try:
            with transaction(self._connection, self._place.alerts_db):
                yield
                self._ledger.store()
                grouping = self._telling.grouping
                self._cursor = replace(
                    self._cursor,
                    clock=self._clock,
                    elapsed=now.elapsed,
                    boot=now.boot,
                    at=now.wall,
                    reached=self._reached,
                    due=grouping.due,
                    batched=grouping.last,
                )
                set_cursor(self._connection, self._cursor)
        except BaseException:
            self._is_broken = True
            raise
        self._reading = Reading(self._clock, now)

    def _set_time(self, clock: int) -> None:
        self._records.now = clock
        self._records.wall = self._moment.wall - (self._clock - clock)

    def _advance(self, until: int) -> None:
        """Do all that is due until a moment, in its order."""
        while (due := self._next()) is not None and due <= until:
            self._set_time(due)
            if due == self._ledger.next_due:
                self._ledger.follow()
            else:
                wall = self._records.wall
                made = self._telling.tell(due, self.rules, wall, self._place.host)
                self.has_made_messages |= bool(made)
        self._reached = max(self._reached, until)
        self._set_time(until)

    def _digest(self) -> None:
        self._advance(self._clock)
        self._ledger.store()  # what was counted until now
        wall = self._moment.wall
        made = self._telling.digest(self.rules, wall, self._place.host)
        self.has_made_messages |= bool(made)
        self._records.digested()
        self._note_digest()

    def _note_digest(self) -> None:
        day = local_time(self._moment.wall).date().isoformat()
        self._cursor = replace(self._cursor, digested=self._clock, digest_day=day)

    # The database.

    def _read(self, now: Moment) -> None:
        try:
            with open_row_reader(self._place.db) as self._reader:
                self._follow(self._reader, now)
        except StoreError:
            self._file.forget()
            if self._is_broken:
                raise
            # Nothing could be read: the watch says so if it lasts.
        finally:
            self._reader = None

    def _follow(self, reader: RowReader, now: Moment) -> None:
        newest = reader.newest()
        self._watching.stored(newest.tick, self._clock)
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

    def _begin(
        self, reader: RowReader, now: Moment, newest: int, *, is_replaced: bool = False
    ) -> None:
        """Begin at the newest event of a database: what was before is not told."""
        with self._turn(now):
            if is_replaced:
                found = of_watch(DATABASE, _REPLACED, now.wall, now.wall)
                self._records.begin(found)
            else:
                self._note_digest()
            lives = reader.open_lives()
            self._ledger.begin_anew(lives, self._opened, self._clock)
            self._move(reader, newest)

    def _move(self, reader: RowReader, event_id: int) -> None:
        mark = reader.event_mark(event_id) or ""
        self._cursor = replace(self._cursor, event_id=event_id, mark=mark, file=self._file.identity)

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
        is_other_file = of.file != self._file.identity
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
        with open_row_reader(self._place.db) as reader:
            return reader.lives(ids)

    def _look_at_owners_soon(self) -> None:
        if self._owners_due is None:
            self._owners_due = self._clock + _OWNERS_AFTER

    def _look_at_owners(self, now: Moment) -> None:
        """Judge again whatever has another owner or another reach than before."""
        self._owners_due, self._owners_looked = None, self._clock
        try:
            with open_row_reader(self._place.db) as reader:
                owners = reader.owners()
                changed = [
                    each
                    for each in self._ledger.entries
                    if each in owners and owners[each] != self._owners.get(each)
                ]
                lives = [each for each in reader.lives(changed) if self._ledger.differs(each)]
        except StoreError:
            return
        self._owners = owners
        if lives:
            with self._turn(now):
                for life in lives:
                    self._ledger.seen_again(life, self._clock)

    def _watch(self, now: Moment) -> None:
        found = self._watching.look(self._clock, now.wall)
        if found is None or found.is_watched != self._ledger.is_on(UNWATCHED):
            return
        with self._turn(now):
            since = self._clock
            if found.since:
                since = self._reading.of_wall(found.since, now, self._started)
            self._condition(UNWATCHED, is_true=not found.is_watched, since=since, why=found.why)

    def _absence(self, due: int) -> int:
        """Microseconds for which nothing may be called missing yet, 0 if it may."""
        passed = self._clock - due
        up = self._moment.elapsed - passed
        if up < self.rules.timers.boot:
            return self.rules.timers.boot - up
        assert self._expected is not None
        until = self._moment.wall - passed
        since = until - self._expected.defaults.missing
        try:
            if self._reader is not None:
                return self._unwatched(self._reader, since, until)
            with open_row_reader(self._place.db) as reader:
                return self._unwatched(reader, since, until)
        except StoreError:  # nobody knows, as without a monitor
            return _WAIT_FOR_MONITOR

    def _unwatched(self, reader: RowReader, since: int, until: int) -> int:
        is_watching = reader.status(self._moment.wall).is_current
        if not is_watching:
            return _WAIT_FOR_MONITOR
        found = reader.coverage(since, until, watching=True)
        return _WAIT_FOR_WATCH if found.unwatched else 0
