"""A keeper of a ledger: what follows in time, in one transaction with the cursor."""

from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path

from porteye_core.alerts.alert_clock import Moment, Reading
from porteye_core.alerts.judge import Judge
from porteye_core.alerts.ledger import Ledger
from porteye_core.alerts.records import Records
from porteye_core.store.alerts import Connection, Cursor, cursor, set_cursor, transaction
from porteye_core.store.reading import Life


class Keeper:
    """Keeps a ledger by the alert clock, in one thread.

    look, absence: of the ledger. host: its name in a fleet, empty for the fleet itself and for a
    single machine. After an error in a transaction it is broken: another one goes on from what is
    stored.
    """

    def __init__(
        self,
        connection: Connection,
        alerts_db: Path,
        records: Records,
        judge: Judge,
        look: Callable[[Collection[int]], Iterable[Life]],
        absence: Callable[[int], int],
        now: Moment,
        host: str = "",
    ) -> None:
        self._connection, self._alerts_db, self._records = connection, alerts_db, records
        self._cursor = cursor(connection, host) or Cursor(
            0, "", "", 0, now.elapsed, now.boot, now.wall, host=host
        )
        before = Moment(self._cursor.at, self._cursor.elapsed, self._cursor.boot)
        self._reading = Reading(self._cursor.clock, before)
        self._started = self._reading.at(now)
        self._moment, self._clock, self._reached = now, self._started, self._cursor.reached
        self._ledger = Ledger(connection, records, judge, look, absence, host)
        self._is_broken = False
        self.store_besides: Callable[[], None] = lambda: None  # in the same transaction
        self.transaction: Callable[[], AbstractContextManager[None]] = lambda: transaction(
            connection, alerts_db
        )

    def noted(self) -> list[str]:
        """The lines on what was found since the last call."""
        lines, self._records.noted = self._records.noted, []
        return lines

    def _set_moment(self, now: Moment) -> None:
        self._moment, self._clock = now, self._reading.at(now)

    def _next(self) -> int | None:
        """The time at which something follows, None if nothing does."""
        return self._ledger.next_due

    def _do_next(self, due: int) -> None:
        """Do what is due then."""
        del due
        self._ledger.follow()

    def _act(self, now: Moment) -> None:
        """Do all that is due by now."""
        due = self._next()
        if due is not None and due <= self._clock:
            with self._turn(now):
                self._advance(self._clock)

    def _advance(self, until: int) -> None:
        """Do all that is due until a moment, in its order."""
        while (due := self._next()) is not None and due <= until:
            self._set_time(due)
            self._do_next(due)
        self._reached = max(self._reached, until)
        self._set_time(until)

    @contextmanager
    def _turn(self, now: Moment) -> Iterator[None]:
        """One transaction at a moment; all that it changes is stored at its end."""
        self._set_moment(now)
        self._set_time(self._clock)
        try:
            with self.transaction():
                yield
                self._ledger.store()
                self.store_besides()
                self._cursor = self._cursor_at(now)
                set_cursor(self._connection, self._cursor)
        except BaseException:
            self._is_broken = True
            raise
        self._reading = Reading(self._clock, now)

    def _cursor_at(self, now: Moment) -> Cursor:
        return replace(
            self._cursor,
            clock=self._clock,
            elapsed=now.elapsed,
            boot=now.boot,
            at=now.wall,
            reached=self._reached,
        )

    def _set_time(self, clock: int) -> None:
        self._records.now = clock
        self._records.wall = self._moment.wall - (self._clock - clock)
