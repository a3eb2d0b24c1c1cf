"""Delivery from a real database to real receivers."""

import logging
import socket
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from porteye_core.alerts import trial
from porteye_core.alerts.backoff import Backoff
from porteye_core.alerts.delivery import Delivery
from porteye_core.alerts.receivers.kinds import AnyReceiver, Mail, Tls, Webhook
from porteye_core.alerts.timers import DAY, HOUR, MINUTE, SECOND
from porteye_core.store import alerts as store
from tests.kit.service import rows
from tests.kit.sinks import Hook, Posted, mail_server, say, webhook
from tests.kit.small_disk import fill, small_disk
from tests.kit.waiting import until


class Sending:
    """A delivery with its database and a clock that a test moves."""

    def __init__(self, db: Path, *receivers: AnyReceiver) -> None:
        self.db, self.now, self.done = db, 1_000 * DAY, threading.Event()
        self._open = store.open_to_write(db)
        self.connection = self._open.__enter__()
        self.delivery = Delivery(db, self.done.set)
        self.delivery.use(receivers)

    def add(self, receiver: str, message_id: str = "") -> str:
        message_id = message_id or trial.new_id()
        body = trial.body(message_id, "here", self.now)
        with store.transaction(self.connection, self.db):
            message = store.Message(message_id, receiver, "findings", self.now, body)
            store.add_message(self.connection, message, [])
        return message_id

    def step(self, after: int = 0) -> None:
        self.now += after
        self.delivery.step(self.connection, self.now)

    def until(self, condition: Callable[[], object], what: str) -> None:
        """Step until a condition is true, without that the clock goes on."""

        def stepped() -> object:
            self.step()
            return condition()

        until(stepped, what)

    def row(self, message_id: str) -> store.Message:
        found = self.connection.execute("SELECT * FROM message WHERE id = ?", (message_id,))
        return store.messages.message_of(found.fetchone())

    def close(self) -> None:
        self.delivery.stop(self.connection, self.now)
        self._open.__exit__(None, None, None)


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Callable[..., Sending]]:
    begun: list[Sending] = []

    def start(*receivers: AnyReceiver, db: Path | None = None) -> Sending:
        begun.append(Sending(db or tmp_path / "porteye-alerts.db", *receivers))
        return begun[-1]

    yield start
    for each in begun:
        each.close()


def hooked(hook: Hook, name: str = "ops") -> Webhook:
    return Webhook(name=name, is_tls=False, host="127.0.0.1", port=hook.port, path="/")


def test_a_message_is_sent_once_and_marked(begin: Callable[..., Sending]) -> None:
    with webhook() as hook:
        sending = begin(hooked(hook))
        message_id = sending.add("ops")
        sending.until(lambda: sending.row(message_id).sent_at, "it is sent")
        row = sending.row(message_id)
        assert (row.tries, row.next_at, row.error) == (1, None, "")
        for _ in range(3):
            sending.step(DAY)
        assert [each.headers["webhook-id"] for each in hook.taken] == [message_id]


def test_what_fails_is_tried_again_later_and_its_error_is_kept(
    begin: Callable[..., Sending], caplog: pytest.LogCaptureFixture
) -> None:
    fails = True
    tried: list[Posted] = []

    def answer(request, posted, hook) -> None:  # type: ignore[no-untyped-def]
        tried.append(posted)
        say(request, 500 if fails else 200)

    with webhook(answer) as hook:
        sending = begin(hooked(hook))
        message_id = sending.add("ops")
        sending.until(lambda: sending.row(message_id).tries == 1, "it was tried")
        row = sending.row(message_id)
        assert row.error == "127.0.0.1 answered 500."
        assert row.next_at is not None
        assert 4 * SECOND <= row.next_at - sending.now <= 6 * SECOND
        sending.step(2 * SECOND)  # not yet
        sending.now = row.next_at
        sending.until(lambda: sending.row(message_id).tries == 2, "it was tried again")
        fails = False
        sending.now += MINUTE
        sending.until(lambda: sending.row(message_id).sent_at, "it is sent")
    assert len(tried) == 3
    assert caplog.messages == [
        "Receiver ops takes no message: 127.0.0.1 answered 500.",
    ]


def test_what_waits_goes_at_once_when_the_receiver_answers_again(
    begin: Callable[..., Sending],
) -> None:
    fails = True
    with webhook(lambda request, *_: say(request, 500 if fails else 200)) as hook:
        sending = begin(hooked(hook))
        first = sending.add("ops")
        for tries in range(1, 11):
            sending.until(lambda n=tries: sending.row(first).tries == n, "tried")  # type: ignore[misc]
            sending.now = sending.row(first).next_at or 0
        fails = False
        sending.now -= 30 * MINUTE
        second = sending.add("ops")
        for each in (second, first):
            sending.until(lambda of=each: sending.row(of).sent_at, "it is sent")  # type: ignore[misc]


def test_a_clock_that_was_set_back_between_two_starts_strands_no_message(
    begin: Callable[..., Sending],
) -> None:
    fails = True
    with webhook(lambda request, *_: say(request, 500 if fails else 200)) as hook:
        early = begin(hooked(hook))
        message_id = early.add("ops")
        early.until(lambda: early.row(message_id).tries == 1, "it was tried")
        fails = False
        late = begin(hooked(hook))
        late.now -= 365 * DAY
        late.until(lambda: late.row(message_id).sent_at, "it is sent")


def test_a_receiver_that_is_gone_gets_no_more_tries(begin: Callable[..., Sending]) -> None:
    with webhook(lambda request, *_: say(request, 410)) as hook:
        sending = begin(hooked(hook))
        message_id = sending.add("ops")
        sending.until(lambda: sending.row(message_id).failed_at, "it is given up")
    assert sending.row(message_id).error == "127.0.0.1 answered 410: it wants no more messages."


def test_after_three_days_a_message_is_kept_as_failed_and_logged_once(
    begin: Callable[..., Sending], caplog: pytest.LogCaptureFixture
) -> None:
    with webhook(lambda request, *_: say(request, 503)) as hook:
        sending = begin(hooked(hook))
        message_id = sending.add("ops")
        for tries in range(1, 100):
            sending.until(lambda n=tries: sending.row(message_id).tries == n, "tried")  # type: ignore[misc]
            if sending.row(message_id).failed_at is not None:
                break
            sending.now = (sending.row(message_id).next_at or 0) + MINUTE
        row = sending.row(message_id)
        assert row.failed_at is not None
        assert row.first_tried is not None
        assert 3 * DAY <= row.failed_at - row.first_tried <= 3 * DAY + 2 * HOUR
        assert 70 <= row.tries <= 100
        sending.step(DAY)
    given_up = f"Message {message_id} to ops is given up: 127.0.0.1 answered 503."
    assert caplog.messages.count(given_up) == 1


def test_a_receiver_that_wants_to_be_left_alone_is(begin: Callable[..., Sending]) -> None:
    with webhook(lambda request, *_: say(request, 429, Retry_After="600")) as hook:
        sending = begin(hooked(hook))
        first, second = sending.add("ops"), sending.add("ops")

        def tries() -> int:
            return sending.row(first).tries + sending.row(second).tries

        sending.until(lambda: tries() == 1, "the first was tried")
        sending.step(599 * SECOND)
        sending.step()
        assert tries() == 1
        sending.now += SECOND
        sending.until(lambda: tries() > 1, "the next is tried")


def test_receivers_that_hang_hold_up_no_other(begin: Callable[..., Sending]) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as hanging_hook,
        socket.create_server(("127.0.0.1", 0)) as hanging_mail,
        webhook() as hook,
        mail_server() as mails,
    ):
        mail = Mail(
            name="mail",
            host="127.0.0.1",
            port=hanging_mail.getsockname()[1],
            tls=Tls.OFF,
            sender="a@host.example",
            to=("b@host.example",),
        )
        sending = begin(
            replace(hooked(hook), name="stuck", port=hanging_hook.getsockname()[1]),
            mail,
            hooked(hook),
            replace(mail, name="works", port=mails.port),
        )
        waiting = [sending.add(name) for name in ("stuck", "mail")]
        working = [sending.add(name) for name in ("ops", "works") * 3]
        begun = time.monotonic()
        sending.until(
            lambda: all(sending.row(each).sent_at for each in working), "the others are sent"
        )
        # Those that hang still do: their limits are 20 s and 60 s.
        assert time.monotonic() - begun < 20
        assert [sending.row(each).tries for each in waiting] == [0, 0]
        begun = time.monotonic()
        sending.delivery.stop(sending.connection, sending.now)
        assert time.monotonic() - begun < 2  # the promise of a stop
        assert [sending.row(each).tries for each in waiting] == [0, 0]


def test_a_full_disk_loses_nothing(tmp_path: Path, begin: Callable[..., Sending]) -> None:
    answered = threading.Event()

    def answer(request, posted, hook) -> None:  # type: ignore[no-untyped-def]
        answered.wait(60)
        hook.taken.append(posted)
        say(request, 200)

    with small_disk(tmp_path, "1m") as disk, webhook(answer) as hook:
        sending = begin(hooked(hook), db=disk / "porteye-alerts.db")
        first, second = sending.add("ops", "msg_a"), sending.add("ops", "msg_b")
        sending.step()
        filler = fill(disk)
        answered.set()
        until(lambda: hook.taken, "the receiver has taken it")
        until(sending.done.is_set, "the try is over")
        for _ in range(3):
            sending.step(HOUR)
        assert sending.row(first).sent_at is None  # cannot be stored
        assert len(hook.taken) == 1  # and is not sent again meanwhile
        filler.unlink()
        for each in (first, second):
            sending.until(lambda of=each: sending.row(of).sent_at, "all is stored")  # type: ignore[misc]
        sending.close()
    assert [each.headers["webhook-id"] for each in hook.taken] == [first, second]


def test_a_database_that_another_process_locks_loses_nothing(
    begin: Callable[..., Sending],
) -> None:
    with webhook() as hook:
        sending = begin(hooked(hook))
        sending.connection.execute("PRAGMA busy_timeout = 10")
        message_id = sending.add("ops")
        sending.step()
        other = sqlite3.connect(sending.db)
        other.execute("BEGIN EXCLUSIVE")
        until(sending.done.is_set, "the try is over")
        sending.step(HOUR)
        other.rollback()
        other.close()
        sending.until(lambda: sending.row(message_id).sent_at, "it is stored")
    assert len(hook.taken) == 1


def test_a_test_that_somebody_asks_for_is_sent_to_that_receiver(
    begin: Callable[..., Sending],
) -> None:
    with webhook() as hook:
        sending = begin(hooked(hook), replace(hooked(hook), name="other"))
        sending.step()
        page = sqlite3.connect(sending.db)
        for name in ("ops", "none"):
            page.execute(
                "INSERT INTO test (receiver, asked_at, author) VALUES (?, 1, 'me')", (name,)
            )
        page.commit()
        page.close()
        sending.now += 3 * SECOND
        sending.until(lambda: hook.taken, "the test came")
    (posted,) = hook.taken
    assert b'"type":"porteye.test"' in posted.body
    made = rows(
        sending.db,
        "SELECT m.receiver, m.error FROM test JOIN message m ON m.id = message_id ORDER BY test.id",
    )
    assert made == [("ops", ""), ("none", "There is no receiver of this name.")]


def test_another_file_of_alerts_is_used_from_then_on(begin: Callable[..., Sending]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as hanging, webhook() as hook:
        stuck = replace(hooked(hook), port=hanging.getsockname()[1])
        sending = begin(stuck)
        message_id = sending.add("ops")
        sending.step()
        sending.delivery.use([hooked(hook)])
        sending.until(lambda: sending.row(message_id).sent_at, "the new address got it")
        assert sending.row(message_id).tries == 1
        sending.delivery.use([])
        left = sending.add("ops")
        sending.step(3 * DAY)
        assert sending.row(left).failed_at is None
        sending.step(HOUR)
        assert sending.row(left).error == "There is no receiver of this name any more."


def test_a_mistake_in_one_message_ends_no_other(
    begin: Callable[..., Sending], caplog: pytest.LogCaptureFixture
) -> None:
    with webhook() as hook:
        sending = begin(hooked(hook))
        with store.transaction(sending.connection, sending.db):
            wrong = store.Message("msg_a", "ops", "findings", sending.now, "[]")
            store.add_message(sending.connection, wrong, [])
        good = sending.add("ops", "msg_b")
        sending.until(lambda: sending.row("msg_a").tries, "the wrong one was tried")
        sending.now += SECOND
        sending.until(lambda: sending.row(good).sent_at, "the good one is sent")
    assert sending.row("msg_a").error == "PortEye made a mistake: ValueError."
    assert caplog.records[0].levelno == logging.ERROR


def test_an_idle_look_reads_no_table(begin: Callable[..., Sending]) -> None:
    sending = begin()
    sending.step()
    statements: list[str] = []
    sending.connection.set_trace_callback(statements.append)
    for _ in range(9):
        sending.step(SECOND)
    assert statements == ["PRAGMA data_version"] * 3


def test_the_waits_are_those_of_the_document() -> None:
    assert Backoff() == Backoff(5 * SECOND, HOUR, 3 * DAY, 12, SECOND, MINUTE)
