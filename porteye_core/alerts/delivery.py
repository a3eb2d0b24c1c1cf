"""Delivery: each receiver takes its messages in a thread of its own, one at a time.

A message is marked as sent after the receiver's yes, and so it is sent at least once, each time
under the same id. The threads only send: one thread, that of the caller, reads and writes the
database, and keeps what the receivers said until it is stored.
"""

import logging
import platform
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING

from porteye_core.alerts import trial
from porteye_core.alerts.backoff import Backoff
from porteye_core.alerts.receivers.kinds import AnyReceiver
from porteye_core.alerts.receivers.message import Message
from porteye_core.alerts.receivers.not_sent import NotSent
from porteye_core.alerts.receivers.sending import limit_of, send
from porteye_core.alerts.receivers.time_limit import TimeLimit
from porteye_core.alerts.timers import SECOND
from porteye_core.errors import StoreError
from porteye_core.store import alerts as store

if TYPE_CHECKING:
    import sqlite3

log = logging.getLogger("porteye.delivery")

_STOP = 1.5  # seconds that the threads have to end
_BETWEEN_LOOKS = 3 * SECOND  # at what others write: each takes a lock of the file
_NEVER = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Outcome:
    """Result of a try; error: None if the receiver took the message.

    was_ended: the receiver was ended meanwhile, so that an error says nothing of it.
    """

    row: store.Message
    error: NotSent | None
    remark: str = ""
    was_ended: bool = False

    @property
    def counts(self) -> bool:
        """Tell that it is to be stored."""
        return self.error is None or not self.was_ended


@dataclass(slots=True)
class _Sender:
    """A receiver with its thread. Times are those of the caller's clock."""

    receiver: AnyReceiver
    done: Callable[[Outcome], None]
    answers: bool = False  # its last try was a success
    failures: int = 0  # without a success between them
    paused_until: int = 0
    is_ended: bool = False
    _queue: "SimpleQueue[store.Message | None]" = field(default_factory=SimpleQueue)
    _limit: TimeLimit | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def start(self) -> threading.Thread:
        """Begin to take messages."""
        name = f"receiver {self.receiver.name}"
        thread = threading.Thread(target=self._run, name=name, daemon=True)
        thread.start()
        return thread

    def give(self, row: store.Message) -> None:
        """Let it send a message."""
        self._queue.put(row)

    def end(self) -> None:
        """End the thread, and the try that it makes."""
        with self._lock:
            self.is_ended = True
            if self._limit:
                self._limit.end()
        self._queue.put(None)

    def _run(self) -> None:
        while (row := self._queue.get()) is not None:
            outcome = self._outcome(row)
            self.done(replace(outcome, was_ended=self.is_ended))

    def _outcome(self, row: store.Message) -> Outcome:
        try:
            message = Message.of(row.id, row.body)
            with limit_of(self.receiver) as limit:
                with self._lock:
                    self._limit = limit
                    if self.is_ended:
                        limit.end()
                return Outcome(row, None, send(self.receiver, message, limit))
        except NotSent as err:
            return Outcome(row, err)
        except Exception as err:  # noqa: BLE001 - one message must not end the others
            # Without its text, which may have what is secret.
            log.error("Receiver %s: %s", self.receiver.name, _place(err))
            return Outcome(row, NotSent(f"PortEye made a mistake: {type(err).__name__}."))
        finally:
            with self._lock:
                self._limit = None


class Delivery:
    """The receivers of one alerts database; `woken` is called by any thread after a try."""

    def __init__(
        self, file: Path, woken: Callable[[], None], backoff: Backoff | None = None
    ) -> None:
        self._file, self._woken = file, woken
        self._backoff = backoff or Backoff()
        self._senders: dict[str, _Sender] = {}
        self._threads: list[threading.Thread] = []
        self._in_hand: dict[str, str] = {}  # by receiver the message whose outcome is not stored
        self._done: deque[Outcome] = deque()
        self._own: tuple[object, int] | None = None
        self._others = 0
        self._next_look_at_others = self._next_look = 0
        self._trouble = ""

    def use(self, receivers: Sequence[AnyReceiver]) -> None:
        """Send to these receivers from now on; one that has not changed goes on."""
        wanted = {each.name: each for each in receivers}
        for name, sender in list(self._senders.items()):
            if wanted.get(name) != sender.receiver:
                sender.end()
                del self._senders[name]
        for name, receiver in wanted.items():
            if name not in self._senders:
                sender = _Sender(receiver, self._take)
                self._senders[name] = sender
                self._threads.append(sender.start())
        self._threads = [each for each in self._threads if each.is_alive()]
        self._next_look = 0

    def step(self, connection: "sqlite3.Connection", now: int) -> None:
        """Store what the receivers said, and give them what is due.

        If the database cannot be written, what they said waits, and they get nothing more.
        """
        try:
            self._store(connection, now)
            if now < self._next_look and not self._has_changed(connection, now):
                return
            self._make_tests(connection, now)
            self._hand_out(connection, now)
            self._own = connection, connection.total_changes
            self._others = store.version(connection)
        except StoreError as err:
            if self._trouble != err.message:
                log.warning("%s Messages wait until it can be written.", err.message)
            self._trouble = err.message
        else:
            self._trouble = ""

    def _has_changed(self, connection: "sqlite3.Connection", now: int) -> bool:
        """Tell that there can be something new; what others write is asked for now and then."""
        if self._own != (connection, connection.total_changes):
            return True
        if now < self._next_look_at_others:
            return False
        self._next_look_at_others = now + _BETWEEN_LOOKS
        return store.version(connection) != self._others

    def stop(self, connection: "sqlite3.Connection", now: int) -> None:
        """End every try within two seconds, and store what was sent until then."""
        for sender in self._senders.values():
            sender.end()
        end = time.monotonic() + _STOP
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))
        try:
            self._store(connection, now)
        except StoreError as err:
            log.warning("%s What was just sent may be sent again.", err.message)

    def _take(self, outcome: Outcome) -> None:
        self._done.append(outcome)
        self._woken()

    def _store(self, connection: "sqlite3.Connection", now: int) -> None:
        outcomes = list(self._done)
        if not outcomes:
            return
        with store.transaction(connection, self._file):
            for outcome in outcomes:
                if outcome.counts:
                    self._mark(connection, outcome, now)
        for outcome in outcomes:
            self._done.popleft()
            self._in_hand.pop(outcome.row.receiver, None)
            if outcome.counts:
                self._heed(outcome, now)
        self._next_look = 0

    def _mark(self, connection: "sqlite3.Connection", outcome: Outcome, now: int) -> None:
        row, error = outcome.row, outcome.error
        if error is None:
            store.mark_sent(connection, row.id, now, outcome.remark)
            sender = self._senders.get(row.receiver)
            if sender and not sender.answers:
                store.hasten(connection, row.receiver, now)
        elif self._is_over(outcome, now):
            store.mark_failed(connection, row.id, now, error.message)
        else:
            wait = self._backoff.wait(row.tries + 1, error.wait, random.random())  # noqa: S311
            store.mark_tried(connection, row.id, now, now + wait, error.message)

    def _is_over(self, outcome: Outcome, now: int) -> bool:
        row, error = outcome.row, outcome.error
        first = now if row.first_tried is None else row.first_tried
        return error is not None and (
            error.is_final or self._backoff.is_over(row.tries + 1, now - first)
        )

    def _heed(self, outcome: Outcome, now: int) -> None:
        """Note and log what a try says of its receiver."""
        row, error = outcome.row, outcome.error
        sender = self._senders.get(row.receiver)
        if error and self._is_over(outcome, now):
            log.error("Message %s to %s is given up: %s", row.id, row.receiver, error.message)
        if sender is None:
            return
        if error is None:
            if sender.failures:
                log.info("Receiver %s takes messages again.", row.receiver)
            sender.answers, sender.failures, sender.paused_until = True, 0, 0
            return
        sender.answers = False
        if not sender.failures:
            log.warning("Receiver %s takes no message: %s", row.receiver, error.message)
        sender.failures += 1
        pause = self._backoff.wait_of_receiver(sender.failures, error.wait)
        sender.paused_until = now + pause

    def _make_tests(self, connection: "sqlite3.Connection", now: int) -> None:
        """Make the messages that somebody asked for; one to nobody has failed at once."""
        tests = store.new_tests(connection)
        if not tests:
            return
        host = platform.node()
        with store.transaction(connection, self._file):
            for test in tests:
                message_id = trial.new_id()
                is_known = test.receiver in self._senders
                message = store.Message(
                    message_id,
                    test.receiver,
                    "test",
                    now,
                    trial.body(message_id, host, now),
                    failed_at=None if is_known else now,
                    error="" if is_known else "There is no receiver of this name.",
                )
                store.add_message(connection, message, [])
                store.answer_test(connection, test.id, message_id)

    def _hand_out(self, connection: "sqlite3.Connection", now: int) -> None:
        earliest = self._earliest_tries(connection, now)
        self._next_look = _NEVER
        for name, at in earliest.items():
            sender = self._senders.get(name)
            if sender is None or name in self._in_hand:
                continue  # what becomes of the message in hand makes the next look
            begin = max(at, sender.paused_until)
            row = store.due_message(connection, name, now) if begin <= now else None
            if row is None:
                self._next_look = min(self._next_look, begin)
            else:
                self._in_hand[name] = row.id
                sender.give(row)
        self._abandon(connection, earliest, now)

    def _earliest_tries(self, connection: "sqlite3.Connection", now: int) -> dict[str, int]:
        """The time of the earliest try of each receiver; what waits for longer than any wait lasts
        was stored before the clock was set back, and is tried now."""
        earliest = store.earliest_tries(connection)
        too_late = now + 2 * self._backoff.longest
        stranded = [name for name, at in earliest.items() if at > too_late]
        if stranded:
            with store.transaction(connection, self._file):
                for name in stranded:
                    store.hasten(connection, name, now)
        return earliest | dict.fromkeys(stranded, now)

    def _abandon(
        self, connection: "sqlite3.Connection", earliest: dict[str, int], now: int
    ) -> None:
        """Give up the old messages of receivers that the file no longer has."""
        if earliest.keys() - self._senders.keys():
            with store.transaction(connection, self._file):
                error = "There is no receiver of this name any more."
                before = now - self._backoff.give_up
                store.abandon(connection, self._senders, before, now, error)
            self._next_look = min(self._next_look, now + self._backoff.longest)


def _place(err: Exception) -> str:
    trace = err.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    at = f" at {Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace else ""
    return f"{type(err).__name__}{at}"
