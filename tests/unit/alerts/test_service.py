"""The loop of the alerts process, in this process."""

import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from porteye_core.alerts import service
from porteye_core.alerts.command_line import main
from porteye_core.alerts.service import Service
from porteye_core.alerts.timers import MINUTE
from porteye_core.config import Config
from porteye_core.errors import StoreError, StoreHeld
from porteye_core.judging import expected_file
from porteye_core.store.alerts import (
    Connection,
    Cursor,
    beside,
    kept_text,
    open_to_read,
    receivers,
    set_cursor,
    writing,
)
from porteye_core.store.writing.writer import Writer
from tests.kit.alerts_process import SETTINGS, answers, settle

FILE = "[[expected]]\nport = 22\n"


def turns(count: int, then: Callable[[int], None] = lambda turn: None) -> Callable[[float], bool]:
    """A wait that takes no time, and asks to stop after so many."""
    passed = [0]

    def wait(_seconds: float) -> bool:
        passed[0] += 1
        then(passed[0])
        return passed[0] >= count

    return wait


def kept(connection: Connection, name: str) -> str | None:
    found = kept_text(connection, name)
    return found and found.text


def serve(db: Path, wait: Callable[[float], bool]) -> None:
    Service(Config(db=db), wait, lambda: None, lambda: False).run()


def test_it_keeps_the_texts_that_are_in_force_and_shows_the_receivers(
    db: Path, writer: Writer, caplog: pytest.LogCaptureFixture
) -> None:
    settle(db, FILE)
    with caplog.at_level(logging.INFO, "porteye.alerts"):
        serve(db, turns(2))
    with open_to_read(beside(db)) as connection:
        assert kept(connection, "expected.toml") == FILE
        assert "counts" in (kept(connection, "alerts.toml") or "")
        assert [each.name for each in receivers(connection)] == ["counts"]
    assert f"following {db}, into {beside(db)}" in caplog.messages


def test_a_file_with_secrets_is_not_kept_where_a_group_may_read_it(
    db: Path, writer: Writer
) -> None:
    db.parent.chmod(0o770)
    settle(db, FILE)
    serve(db, turns(1))
    with open_to_read(beside(db)) as connection:
        assert kept(connection, "expected.toml") == FILE
        assert kept_text(connection, "alerts.toml") is None


@pytest.mark.parametrize("change", ["the file is deleted", "a group may read the database"])
def test_a_kept_text_with_secrets_is_dropped_without_a_rest(
    db: Path, writer: Writer, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    monkeypatch.setattr(service, "_BETWEEN_READINGS", 0)
    secret = f"# {'correct horse ' * 1000}\n"  # on pages of its own
    settle(db, FILE, SETTINGS + secret)
    serve(db, turns(2))
    assert b"correct horse" in beside(db).read_bytes()

    def make_it(turn: int) -> None:
        if turn == 1 and change == "the file is deleted":
            db.with_name("alerts.toml").unlink()
        elif turn == 1:
            beside(db).chmod(0o660)

    serve(db, turns(3, make_it))
    with open_to_read(beside(db)) as connection:
        assert kept_text(connection, "alerts.toml") is None
        assert kept(connection, "expected.toml") == FILE
    assert b"correct horse" not in beside(db).read_bytes()


def test_a_file_that_was_deleted_while_nothing_ran_is_not_kept_either(
    db: Path, writer: Writer
) -> None:
    settle(db, FILE)
    serve(db, turns(2))
    db.with_name("alerts.toml").unlink()
    serve(db, turns(1))
    with open_to_read(beside(db)) as connection:
        assert kept_text(connection, "alerts.toml") is None


def test_a_file_that_is_deleted_is_in_force_no_more_also_for_the_next_process(
    db: Path, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle(db, FILE)
    monkeypatch.setattr(service, "_BETWEEN_READINGS", 0)
    monkeypatch.setattr(expected_file, "OF_SYSTEM", db.with_name("none.toml"))

    def delete(turn: int) -> None:
        if turn == 1:
            db.with_name("expected.toml").unlink()

    serve(db, turns(3, delete))
    assert answers(db, "SELECT text FROM kept_text WHERE name = 'expected.toml'") == []
    said = answers(db, "SELECT why FROM finding WHERE kind = 'settings' AND ended_at IS NULL")
    assert len(said) == 1
    assert "There is no file of expected ports" in said[0][0]
    serve(db, turns(2))
    assert answers(db, "SELECT count(*) FROM finding WHERE kind = 'settings'") == [(1,)]


def test_without_a_database_it_waits_for_one(db: Path) -> None:
    settle(db, FILE)
    serve(db, turns(2))
    assert answers(db, "SELECT key FROM identity") == [('["unwatched"]',)]


def test_a_second_one_is_refused(db: Path, writer: Writer) -> None:
    settle(db, FILE)

    def begin_another(_turn: int) -> None:
        with pytest.raises(StoreHeld, match="already judges"):
            serve(db, turns(1))

    serve(db, turns(1, begin_another))


def test_an_alerts_database_that_is_deleted_or_broken_is_begun_anew(
    db: Path,
    writer: Writer,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settle(db, FILE)
    monkeypatch.setattr(service, "_BETWEEN_READINGS", 0)

    def break_it(turn: int) -> None:
        if turn == 1:
            beside(db).unlink()
            beside(db).write_bytes(b"no database")
        if turn == 3:
            beside(db).unlink()

    serve(db, turns(6, break_it))
    said = [each for each in caplog.messages if "It is tried again." in each]
    assert "another file has its name" in said[0]
    assert len(said) == 2
    assert answers(db, "SELECT name FROM receiver") == [("counts",)]


@pytest.mark.parametrize(("lasting", "rests"), [(MINUTE, [1.0, 2.0, 4.0]), (0, [1.0, 1.0, 1.0])])
def test_the_rest_after_an_error_grows_until_a_service_has_lasted(
    db: Path,
    writer: Writer,
    monkeypatch: pytest.MonkeyPatch,
    lasting: int,
    rests: list[float],
) -> None:
    settle(db, FILE)
    monkeypatch.setattr(service, "_BETWEEN_READINGS", 0)
    monkeypatch.setattr(service, "_LASTING", lasting)
    waits: list[float] = []

    def wait(seconds: float) -> bool:
        waits.append(seconds)
        if len(waits) % 2:  # a look; after the next one the service rests
            beside(db).unlink()
        return len(waits) == 6

    serve(db, wait)
    assert waits[1::2] == rests


def test_a_wrong_file_is_logged_once(
    db: Path, writer: Writer, caplog: pytest.LogCaptureFixture
) -> None:
    settle(db, "[[expected]]\nprt = 22\n")
    serve(db, turns(3))
    said = [each for each in caplog.records if "prt" in each.getMessage()]
    assert [each.levelname for each in said] == ["ERROR"]
    assert answers(db, "SELECT kind FROM finding") == [("settings",)]


def test_a_wrong_flag_is_a_sentence_and_a_status(
    db: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert main(["--db", str(db), "--log-level", "loud"]) == 2
    assert "--log-level loud is not known" in caplog.text


def test_an_alerts_database_of_a_fleet_judges_no_single_machine(db: Path, writer: Writer) -> None:
    settle(db, FILE)
    with writing(beside(db)) as connection:
        set_cursor(connection, Cursor(0, "", "[]", 0, 0, "", 0, host="web1"))
    with pytest.raises(StoreError, match="is the alerts database of a fleet"):
        serve(db, turns(1))


def test_an_alerts_database_of_a_single_machine_judges_no_fleet(db: Path, writer: Writer) -> None:
    settle(db, FILE)
    serve(db, turns(2))
    config = Config(db=db, alerts_db=beside(db), fleet="host=nowhere.example")
    with pytest.raises(StoreError, match="is the alerts database of a single machine"):
        Service(config, turns(1), lambda: None, lambda: False).run()


def test_the_address_of_a_fleet_is_in_no_line_of_the_log(
    db: Path, writer: Writer, caplog: pytest.LogCaptureFixture
) -> None:
    settle(db, FILE)
    address = "host=/nowhere user=judge password=correct-horse"
    config = Config(db=db, fleet=address)
    with caplog.at_level(logging.DEBUG):
        Service(config, turns(3), lambda: None, lambda: False).run()
    assert "The fleet's server cannot be asked" in caplog.text
    assert "correct-horse" not in caplog.text
    assert address not in repr(config)
