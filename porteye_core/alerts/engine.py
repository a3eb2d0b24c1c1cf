"""The engine: one look at the database and the clock, in one transaction for all that follows."""

from dataclasses import dataclass
from pathlib import Path

from porteye_core.alerts.alert_clock import Moment
from porteye_core.alerts.follower import Follower
from porteye_core.alerts.grouping import Grouping
from porteye_core.alerts.judge import UNWATCHED, Judge
from porteye_core.alerts.ledger import IN_FILE, NO_FILE
from porteye_core.alerts.records import Records
from porteye_core.alerts.source import FileSource
from porteye_core.alerts.speaker import Speaker
from porteye_core.alerts.telling import Telling
from porteye_core.alerts.timers import Rules
from porteye_core.alerts.watching import Watching
from porteye_core.judging.acceptance import ACCEPTED, Accepted
from porteye_core.judging.blocks import Expected
from porteye_core.store import alerts as store
from porteye_core.store.alerts import Connection, Note, cursor
from porteye_core.store.reading import Newest


@dataclass(frozen=True, slots=True)
class Place:
    """Databases that the engine reads and writes, and the name of the machine."""

    db: Path
    alerts_db: Path
    host: str


class Engine(Speaker, Follower):
    """Judges what a database stores and tells of it, in one thread.

    After an error in a transaction it is broken: another one goes on from what is stored.
    """

    def __init__(self, connection: Connection, place: Place, now: Moment) -> None:
        self._place, self._speaks_of, self._watching = place, place.host, Watching(place.db)
        self._telling = Telling(connection, Grouping.of(cursor(connection)))
        records = Records(connection, self._telling, place.host)
        self._accepted = Accepted()
        self._expected: Expected | None = None
        self._notes: list[Note] = []
        judge = Judge(None, self._accepted, Rules().timers)
        source = FileSource(place.db)
        Follower.__init__(self, connection, place.alerts_db, source, records, judge, now)
        self._begin_to_speak()

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
        self._read_silences(now)
        self._accept(now)

    def _accept(self, now: Moment) -> None:
        accepted = Accepted.of(self._notes, now.wall)
        if self._accepted.keys != accepted.keys:
            self._accepted = accepted
            self.judge_again(self._judge(), now, ACCEPTED)

    # Looks.

    def look(self, now: Moment) -> None:
        """Follow what is new, and do what is due. Raises StoreError if it cannot be written."""
        self._set_moment(now)
        self._read_if_changed(now)
        self._watch(now)
        self._look_at_owners_if_due(now)
        self._look_at_the_day(now)
        self._act(now)

    def next_due(self) -> int | None:
        """Microseconds from the latest look until something follows; None if nothing does."""
        known = [each for each in (self._next(), self._owners_due) if each is not None]
        return max(0, min(known) - self._clock) if known else None

    def _renew_accepts(self, now: Moment) -> None:
        if any(each.accepted_until is not None for each in self._notes):
            self._accept(now)

    def _found(self, newest: Newest) -> None:
        self._watching.stored(newest.tick, self._clock)

    def _watch(self, now: Moment) -> None:
        found = self._watching.look(self._clock, now.wall)
        if found is None or found.is_watched != self._ledger.is_on(UNWATCHED):
            if found is not None and not found.is_watched:
                self._ledger.explain(UNWATCHED, found.why)
            return
        with self._turn(now):
            since = self._clock
            if found.since:
                since = self._reading.of_wall(found.since, now, self._started)
            self._condition(UNWATCHED, is_true=not found.is_watched, since=since, why=found.why)
