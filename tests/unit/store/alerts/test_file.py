"""The file of the alerts database."""

import sqlite3
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from porteye_core.errors import StoreError, StoreMissing, StoreNewer
from porteye_core.store.alerts import (
    Finding,
    Message,
    Receiver,
    add_finding,
    add_message,
    beside,
    finding,
    forget_text,
    keep_text,
    kept_text,
    open_findings,
    open_to_read,
    open_to_write,
    receivers,
    revision,
    set_receivers,
    transaction,
    writing,
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return beside(tmp_path / "porteye.db")


def test_a_new_file_is_its_owners_alone_and_survives_a_power_cut(file: Path) -> None:
    with open_to_write(file) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone()[0] == "delete"
        assert connection.execute("PRAGMA synchronous").fetchone()[0] == 2
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_folder_that_a_group_shares_shares_the_file(file: Path) -> None:
    file.parent.chmod(0o770)
    with open_to_write(file):
        pass
    assert stat.S_IMODE(file.stat().st_mode) == 0o660


def test_a_finding_is_read_as_it_was_stored(file: Path) -> None:
    stored = Finding(0, "[]", "listener", "new", 1, 2, port=22, protocol="tcp", program="sshd")
    with open_to_write(file) as connection, transaction(connection, file):
        number = add_finding(connection, stored)
    with open_to_read(file) as connection:
        found = finding(connection, number)
        assert [found] == open_findings(connection)
    assert found == Finding(number, "[]", "listener", "new", 1, 2, port=22, protocol="tcp",
                            program="sshd")  # fmt: skip


def test_what_fails_in_a_transaction_leaves_nothing(file: Path) -> None:
    with open_to_write(file) as connection:
        with pytest.raises(ZeroDivisionError), transaction(connection, file):
            print(add_finding(connection, Finding(0, "[]", "listener", "new", 1, 2)) / 0)
        assert open_findings(connection) == []


def test_a_finding_cannot_be_in_two_messages_to_one_receiver(file: Path) -> None:
    with open_to_write(file) as connection:
        with transaction(connection, file):
            number = add_finding(connection, Finding(0, "[]", "listener", "new", 1, 2))
            add_message(connection, Message("a", "mail", "findings", 1, "{}"), [(number, "begin")])
            add_message(connection, Message("b", "hook", "findings", 1, "{}"), [(number, "begin")])
            add_message(connection, Message("c", "mail", "findings", 1, "{}"), [(number, "end")])
        with pytest.raises(StoreError, match="UNIQUE"), transaction(connection, file):
            add_message(connection, Message("d", "mail", "findings", 1, "{}"), [(number, "begin")])


def test_a_receiver_that_stays_keeps_its_time(file: Path) -> None:
    with open_to_write(file) as connection, transaction(connection, file):
        set_receivers(connection, [Receiver("mail", "mail", "a@b", "", 1)])
        set_receivers(connection, [Receiver("mail", "mail", "c@d", "new", 2)])
        assert receivers(connection) == [Receiver("mail", "mail", "c@d", "new", 1)]


def test_the_last_good_text_replaces_the_one_before(file: Path) -> None:
    with open_to_write(file) as connection, transaction(connection, file):
        assert kept_text(connection, "expected.toml") is None
        keep_text(connection, "expected.toml", "a", 1)
        keep_text(connection, "expected.toml", "b", 2)
        assert kept_text(connection, "expected.toml") == ("b", 2)
        forget_text(connection, "expected.toml")
        assert kept_text(connection, "expected.toml") is None


def test_processes_that_begin_at_once_make_one_schema(file: Path) -> None:
    failed: list[BaseException] = []

    def opened() -> None:
        try:
            with open_to_write(file) as connection:
                assert open_findings(connection) == []
        except BaseException as err:  # noqa: BLE001 - whatever it is fails the test
            failed.append(err)

    threads = [threading.Thread(target=opened) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert failed == []


def test_a_reader_needs_a_file_and_cannot_write(file: Path) -> None:
    with pytest.raises(StoreMissing), open_to_read(file):
        pass
    with open_to_write(file):
        pass
    with pytest.raises(StoreError, match="readonly"), open_to_read(file) as connection:
        connection.execute("DELETE FROM note")


def test_a_read_that_fails_is_an_error_of_the_store(file: Path) -> None:
    with pytest.raises(StoreError, match="cannot be read"), open_to_write(file) as connection:
        connection.execute("SELECT * FROM nothing")


def test_another_database_is_refused(file: Path) -> None:
    sqlite3.connect(file).execute("CREATE TABLE listener (id)").connection.close()
    with pytest.raises(StoreError, match="not an alerts database"), open_to_write(file):
        pass


def test_a_file_of_a_newer_version_is_refused(file: Path) -> None:
    with open_to_write(file) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(StoreNewer), open_to_write(file):
        pass
    with pytest.raises(StoreNewer), open_to_read(file):
        pass


def test_who_asks_for_the_revision_leaves_the_lock_of_another_thread(file: Path) -> None:
    with open_to_write(file):
        pass
    other = (
        "import sqlite3, sys; connection = sqlite3.connect(sys.argv[1], 0, isolation_level=None);"
        " connection.execute('BEGIN IMMEDIATE')"
    )
    with writing(file):
        assert revision(file) is not None
        found = subprocess.run(
            [sys.executable, "-c", other, str(file)], capture_output=True, text=True, check=False
        )
    assert "database is locked" in found.stderr


def test_another_file_of_the_name_has_another_revision(file: Path) -> None:
    with open_to_write(file):
        pass
    first = revision(file)
    file.unlink()
    assert revision(file) is None
    with open_to_write(file):
        pass
    assert revision(file) not in (None, first)


def test_a_file_that_cannot_be_reached_is_not_one_that_is_absent(file: Path) -> None:
    unreachable = file.with_name("a" * 300)
    with pytest.raises(StoreError, match="cannot be read") as raised, open_to_read(unreachable):
        pass
    assert not isinstance(raised.value, StoreMissing)


def test_sqlite_finds_nothing_wrong_with_a_file_that_has_messages(file: Path) -> None:
    with open_to_write(file) as connection, transaction(connection, file):
        number = add_finding(connection, Finding(0, "[]", "listener", "new", 1, 2))
        add_message(connection, Message("msg_1", "hook", "findings", 3, "{}"), [(number, "begin")])
    with open_to_read(file) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
