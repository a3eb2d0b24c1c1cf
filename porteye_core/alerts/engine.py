"""The engine: one look at the database and the clock, in one transaction for all that follows."""

from dataclasses import dataclass, replace
from pathlib import Path

from porteye_core.alerts.alert_clock import Moment
from porteye_core.alerts.follower import Follower
from porteye_core.alerts.grouping import Grouping
from porteye_core.alerts.judge import UNWATCHED, Judge, settings_key
from porteye_core.alerts.ledger import IN_FILE, NO_FILE
from porteye_core.alerts.records import Records
from porteye_core.alerts.source import FileSource
from porteye_core.alerts.telling import Telling, is_digest_due, local_time
from porteye_core.alerts.timers import DAY, HOUR, SECOND, Rules
from porteye_core.alerts.watching import Watching
from porteye_core.judging.acceptance import ACCEPTED, Accepted
from porteye_core.judging.blocks import Expected
from porteye_core.store import alerts as store
from porteye_core.store.alerts import Connection, Cursor, Note, cursor, silences
from porteye_core.store.reading import Newest

_BETWEEN_SLOW = 5 * SECOND
KEPT = 365 * DAY  # what is over


@dataclass(frozen=True, slots=True)
class Place:
    """Databases that the engine reads and writes, and the name of the machine."""

    db: Path
    alerts_db: Path
    host: str


class Engine(Follower):
    """Judges what a database stores and tells of it, in one thread.

    After an error in a transaction it is broken: another one goes on from what is stored.
    """

    def __init__(self, connection: Connection, place: Place, now: Moment) -> None:
        self._place, self._watching = place, Watching(place.db)
        found = cursor(connection)
        grouping = Grouping(found.due, found.batched) if found else Grouping()
        self._telling = Telling(connection, grouping)
        records = Records(connection, self._telling, place.host)
        self.rules, self._accepted = Rules(), Accepted()
        self._expected: Expected | None = None
        source = FileSource(place.db)
        super().__init__(connection, place.alerts_db, source, records, self._judge(), now)
        self._slow_due = 0
        self._forget_due = self._started + HOUR
        self._notes: list[Note] = []
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
        self._expected = None if expected is None else expected.on(self._place.host)
        self.judge_again(self._judge(), now, IN_FILE if expected else NO_FILE)

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
            self.judge_again(self._judge(), now, ACCEPTED)

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
        self._set_moment(now)
        self._read_if_changed(now)
        self._watch(now)
        self._look_at_owners_if_due(now)
        if self._slow_due <= self._clock:
            self._slow_due = self._clock + _BETWEEN_SLOW
            self._look_at_the_day(now)
        self._act(now)

    def _look_at_the_day(self, now: Moment) -> None:
        """Do what depends on the time of day: accepts and silences that end, and the digest."""
        if any(each.accepted_until is not None for each in self._notes):
            self._accept(now)
        self._telling.woken(self._clock, self.rules, now.wall)
        if self._forget_due <= self._clock:
            self._forget_due = self._clock + DAY
            with self._turn(now):
                store.forget(self._connection, now.wall - KEPT)
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

    def _do_next(self, due: int) -> None:
        if due == self._ledger.next_due:
            self._ledger.follow()
        else:
            made = self._telling.tell(due, self.rules, self._records.wall, self._place.host)
            self.has_made_messages |= bool(made)

    def _cursor_at(self, now: Moment) -> Cursor:
        grouping = self._telling.grouping
        return replace(super()._cursor_at(now), due=grouping.due, batched=grouping.last)

    def _digest(self) -> None:
        self._advance(self._clock)
        self._ledger.store()  # what was counted until now
        made = self._telling.digest(self.rules, self._moment.wall, self._place.host)
        self.has_made_messages |= bool(made)
        self._records.digested()
        self._has_begun()

    def _has_begun(self) -> None:
        """Take note of a digest: the first one is that of the next day."""
        day = local_time(self._moment.wall).date().isoformat()
        self._cursor = replace(self._cursor, digested=self._clock, digest_day=day)

    def _found(self, newest: Newest) -> None:
        self._watching.stored(newest.tick, self._clock)

    def _watch(self, now: Moment) -> None:
        found = self._watching.look(self._clock, now.wall)
        if found is None or found.is_watched != self._ledger.is_on(UNWATCHED):
            return
        with self._turn(now):
            since = self._clock
            if found.since:
                since = self._reading.of_wall(found.since, now, self._started)
            self._condition(UNWATCHED, is_true=not found.is_watched, since=since, why=found.why)
