"""Messages, tests and the judging process, as people look at them."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from porteye_core.errors import StoreError
from porteye_core.store.alerts import (
    AlertsHealth,
    Message,
    add_message,
    alerts_health,
    ask_test,
    beside,
    judging_since,
    latest_tests,
    newest_messages,
    open_to_read,
    open_to_write,
    transaction,
    undelivered_messages,
)
from porteye_core.store.file.lock import WriterLock
from tests.kit.alerts import fill
from tests.kit.as_nobody import NOBODY
from tests.kit.rights import posix, root


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return beside(tmp_path / "porteye.db")


def test_messages_come_newest_first_with_the_numbers_of_their_findings(file: Path) -> None:
    fill(file, time.time_ns() // 1000)
    with open_to_read(file) as connection:
        told = newest_messages(connection, 9)
        late = undelivered_messages(connection, 9)
        assert newest_messages(connection, 1) == told[:1]
    assert [(each.message.id, each.findings) for each in told] == [("msg_1", 1), ("msg_2", 1)]
    assert [each.message.id for each in late] == ["msg_2"]


def test_the_latest_test_of_each_receiver_has_its_message(file: Path) -> None:
    sent = Message("msg_t", "ops", "test", 5, "{}", tries=1, sent_at=6)
    with open_to_write(file) as connection:
        with transaction(connection, file):
            ask_test(connection, "ops", "ada", 1)
            number = ask_test(connection, "ops", "ada", 2)
            ask_test(connection, "me", "bob", 3)
            add_message(connection, sent, [])
            connection.execute("UPDATE test SET message_id = 'msg_t' WHERE id = ?", (number,))
        found = latest_tests(connection)
        assert newest_messages(connection, 9) == [], "a test tells nothing"
    assert found["ops"].test.id == number
    assert found["ops"].message == replace(sent, first_tried=None)
    assert (found["me"].test.author, found["me"].message) == ("bob", None)


def test_a_process_judges_while_it_has_the_lock(file: Path) -> None:
    assert judging_since(file) is None
    with WriterLock(file, 7):
        assert judging_since(file) == 7
    assert judging_since(file) is None


@contextmanager
def as_nobody() -> Iterator[None]:
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@posix
@root
def test_who_may_not_search_the_folder_does_not_know_whether_a_process_judges(file: Path) -> None:
    file.parent.chmod(0o700)
    with WriterLock(file, 7), as_nobody():
        with pytest.raises(StoreError, match="not known whether an alerts process runs"):
            judging_since(file)
        assert alerts_health(file) == AlertsHealth("unknown")


def test_health_counts_what_waits_and_what_was_given_up(file: Path) -> None:
    assert alerts_health(file) == AlertsHealth(None)
    fill(file, time.time_ns() // 1000)
    assert alerts_health(file) == AlertsHealth("stopped", 1, 0)
    with open_to_write(file) as connection, transaction(connection, file):
        for number in range(2):
            message = Message(f"msg_f{number}", "ops", "findings", 5, "{}", tries=12, failed_at=6)
            add_message(connection, message, [])
    with WriterLock(file, 7):
        assert alerts_health(file) == AlertsHealth("judging", 1, 2)
    file.write_bytes(b"no database at all")
    assert alerts_health(file) == AlertsHealth("stopped")
