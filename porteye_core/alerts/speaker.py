"""A speaker: what was found becomes messages, in the transaction of what it comes from."""

from dataclasses import replace

from porteye_core.alerts.alert_clock import Moment
from porteye_core.alerts.judge import settings_key
from porteye_core.alerts.keeper import Keeper
from porteye_core.alerts.telling import Telling, is_digest_due, local_time
from porteye_core.alerts.timers import DAY, HOUR, SECOND, Rules
from porteye_core.store import alerts as store
from porteye_core.store.alerts import Cursor, silences

_BETWEEN_SLOW = 5 * SECOND
KEPT = 365 * DAY  # what is over


class Speaker(Keeper):
    """Tells of what its ledger finds, and of what else its Telling is given.

    speaks_of: the name of the machine in messages, None for the hosts of a fleet.
    """

    _telling: Telling
    _speaks_of: str | None

    def _begin_to_speak(self) -> None:
        """Set the times of what is rare; the ledger is there."""
        self._slow_due = 0
        self._forget_due = self._started + HOUR
        self.rules = Rules()
        self.has_made_messages = False

    def set_trouble(self, file: str, trouble: str, now: Moment) -> None:
        """Say that a file cannot be used, or that it can again."""
        key = settings_key(file)
        if trouble or self._ledger.is_on(key):
            with self._turn(now):
                self._condition(key, is_true=bool(trouble), since=self._clock, why=trouble)

    def _condition(self, key: str, *, is_true: bool, since: int, why: str = "") -> None:
        self._ledger.condition(key, is_true=is_true, since=since, now=self._clock, why=why)

    def _read_silences(self, now: Moment) -> None:
        self._telling.silences = silences(self._connection, now.wall)

    def _look_at_the_day(self, now: Moment) -> None:
        """Do now and then what depends on the time of day: silences that end, and the digest."""
        if self._slow_due > self._clock:
            return
        self._slow_due = self._clock + _BETWEEN_SLOW
        self._renew_accepts(now)
        self._telling.woken(self._clock, self.rules, now.wall)
        if self._forget_due <= self._clock:
            self._forget_due = self._clock + DAY
            with self._turn(now):
                store.forget(self._connection, now.wall - KEPT)
        of = self._cursor
        if is_digest_due(self.rules, now.wall, self._clock, of.digested, of.digest_day):
            with self._turn(now):
                self._digest()

    def _renew_accepts(self, now: Moment) -> None:
        """Let the accepts end whose time is over."""

    def _next(self) -> int | None:
        due = (self._ledger.next_due, self._telling.grouping.due)
        return min((each for each in due if each is not None), default=None)

    def _do_next(self, due: int) -> None:
        if due == self._ledger.next_due:
            self._ledger.follow()
        else:
            made = self._telling.tell(due, self.rules, self._records.wall, self._speaks_of)
            self.has_made_messages |= bool(made)

    def _cursor_at(self, now: Moment) -> Cursor:
        grouping = self._telling.grouping
        return replace(super()._cursor_at(now), due=grouping.due, batched=grouping.last)

    def _digest(self) -> None:
        self._advance(self._clock)
        self._ledger.store()  # what was counted until now
        made = self._telling.digest(self.rules, self._moment.wall, self._speaks_of)
        self.has_made_messages |= bool(made)
        self._has_digested()
        self._has_begun()

    def _has_digested(self) -> None:
        """Begin to count what is brief anew."""
        self._records.digested()

    def _has_begun(self) -> None:
        """Take note of a digest: the first one is that of the next day."""
        day = local_time(self._moment.wall).date().isoformat()
        self._cursor = replace(self._cursor, digested=self._clock, digest_day=day)
