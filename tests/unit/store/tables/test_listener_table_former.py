"""A listener keeps its socket while its owner changes: whose it was, and until when."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from porteye_core.model import (
    AttributedSocket,
    Closing,
    Filters,
    Listener,
    Opening,
    Precision,
    Process,
    Socket,
)
from porteye_core.store.file.connection import open_connection
from porteye_core.store.reading import open_reader
from porteye_core.store.retention.orphans import drop_orphans
from porteye_core.store.retention.purge import Purge
from porteye_core.store.tables.listener_table import _MAX_FORMER
from porteye_core.store.tables.process_table import ProcessTable
from porteye_core.store.writing.writer import Writer
from tests.kit.values import SECOND, by_id, endpoint, owned, process

START = 20_000 * 86_400 * SECOND
LAUNCHER = process(10, name="launcher")


def opened(writer: Writer, owner: Process = LAUNCHER) -> Listener:
    seen = owned(endpoint(), owner, inode=7)
    (born,) = writer.record_changes(START, [Opening(seen, START, Precision.KERNEL)])
    return born


def become(writer: Writer, listener: Listener, at: int, *holders: Process) -> None:
    seen = AttributedSocket(Socket(endpoint(), 7), holders[0], holders)
    writer.record_changes(at, reowned=[(listener, seen)])


def rows(db: Path, statement: str) -> list[tuple[object, ...]]:
    with open_connection(db) as reader:
        return [tuple(row) for row in reader.execute(statement)]


def test_a_program_that_another_replaced_stays_in_the_history_with_its_time(
    db: Path, writer: Writer
) -> None:
    listener = opened(writer)
    service = process(10, name="service")
    become(writer, listener, START + 60 * SECOND, service)
    become(writer, listener, START + 90 * SECOND, service)  # which says nothing new
    with open_reader(db) as reader:
        names = {
            seconds: reader.open_at(Filters(), at, reader.coverage_at(at, watching=True))["process"]
            for seconds in (0, 59, 60, 3600)
            for at in [START + seconds * SECOND]
        }
        assert {key: list(each) for key, each in names.items()} == {
            0: ["launcher"],
            59: ["launcher"],
            60: ["service"],
            3600: ["service"],
        }
        (former,) = reader.former_owners(listener.id)
        assert (former.process, former.until) == ("launcher", START + 60 * SECOND)
    assert rows(db, "SELECT name FROM event JOIN program p ON p.id = program_id") == [("launcher",)]


def test_filters_of_a_moment_ask_for_the_owner_of_then(db: Path, writer: Writer) -> None:
    become(writer, opened(writer), START + 60 * SECOND, process(10, name="service"))
    with open_reader(db) as reader:
        for seconds, word, found in ((0, "launcher", 1), (0, "service", 0), (61, "service", 1)):
            at = START + seconds * SECOND
            how = reader.coverage_at(at, watching=True)
            assert len(reader.open_at(Filters(process=word), at, how)) == found


def test_a_folder_that_changes_is_a_change_for_each_listener_of_the_process(
    db: Path, writer: Writer
) -> None:
    first, second = opened(writer, replace(LAUNCHER, cwd="/a")), opened(writer, LAUNCHER)
    moved = replace(LAUNCHER, cwd="/b")
    seen = AttributedSocket(Socket(endpoint(), 7), moved, (moved,))
    writer.record_changes(START + SECOND, reowned=[(first, seen), (second, seen)])
    assert rows(db, "SELECT DISTINCT cwd FROM process") == [("/b",)]
    # The second was stored when the process had the row of the first.
    assert rows(db, "SELECT listener_id, cwd FROM former ORDER BY 1") == [(1, ""), (2, "")]


def test_of_too_many_former_owners_the_oldest_are_counted(db: Path, writer: Writer) -> None:
    listener = opened(writer)
    for turn in range(1, _MAX_FORMER + 6):
        become(writer, listener, START + turn * SECOND, process(10, name=f"turn {turn}"))
    with open_reader(db) as reader:
        former = reader.former_owners(listener.id)
    assert len(former) == _MAX_FORMER
    assert [each.folded for each in former[:2]] == [5, 0]
    assert former[-1].process == f"turn {_MAX_FORMER + 4}"


def test_holders_that_have_gone_are_counted_and_not_kept(db: Path, writer: Writer) -> None:
    listener = opened(writer)
    for turn in range(20):
        workers = [process(100 + 10 * turn + n) for n in range(4)]
        become(writer, listener, START + (turn + 1) * SECOND, LAUNCHER, *workers)
    assert rows(db, "SELECT count(*), max(holders_gone) FROM holder, listener") == [(5, 76)]
    assert rows(db, "SELECT count(*) FROM former") == [(0,)]


def test_a_listener_that_cannot_be_looked_for_is_unseen_until_a_scan_shows_it(
    db: Path, writer: Writer
) -> None:
    listener = opened(writer)
    lost = replace(listener, unseen_at=START + 60 * SECOND)
    writer.record_changes(START + 60 * SECOND, unseen=[lost])
    assert writer.open_listeners(by_id)[listener.id].unseen_at == START + 60 * SECOND
    with open_reader(db) as reader:
        assert reader.open_now(Filters(), START + 90 * SECOND)["unseen"].tolist() == [True]
        said = [
            reader.open_at(Filters(), at, reader.coverage_at(at, watching=True))[
                "certainty"
            ].tolist()
            for at in (START + 59 * SECOND, START + 61 * SECOND)
        ]
    assert said == [[""], ["could not be looked for any more"]]
    become(writer, listener, START + 120 * SECOND, LAUNCHER)
    assert writer.open_listeners(by_id)[listener.id].unseen_at is None


def test_a_cookie_outlives_the_monitor(db: Path, writer: Writer) -> None:
    for cookie in (5, (1 << 64) - 3):
        seen = owned(endpoint(), LAUNCHER, inode=7)
        known = replace(seen, socket=replace(seen.socket, cookie=cookie))
        (born,) = writer.record_changes(START, [Opening(known, START, Precision.POLL)])
        assert writer.open_listeners(by_id)[born.id].cookie == cookie


def test_former_owners_go_with_their_listener(db: Path, writer: Writer) -> None:
    listener = opened(writer)
    become(writer, listener, START + SECOND, process(10, name="service"))
    end = Closing(listener, START + 2 * SECOND, Precision.POLL)
    writer.record_changes(START + 2 * SECOND, closed=[end])
    with closing(sqlite3.connect(db, isolation_level=None)) as connection:
        for _ in Purge(connection).events(START + 86_400 * SECOND, "age"):
            pass
    assert rows(db, "SELECT count(*) FROM listener") == [(0,)]
    assert rows(db, "SELECT count(*) FROM former") == [(0,)]


def test_rows_that_former_owners_need_are_no_orphans(db: Path, writer: Writer) -> None:
    become(writer, opened(writer), START + SECOND, process(20, name="service"))
    with closing(sqlite3.connect(db, isolation_level=None)) as connection:
        for _ in drop_orphans(connection, ProcessTable(connection, 1)):
            pass
    named = "SELECT name FROM process JOIN program p ON p.id = program_id ORDER BY name"
    assert rows(db, named) == [("launcher",), ("service",)]


def test_a_listener_that_had_the_numbers_of_another_has_none(db: Path, writer: Writer) -> None:
    listener = opened(writer)
    writer.record_changes(START + 60 * SECOND, unseen=[replace(listener, inode=None)])
    assert rows(db, "SELECT inode, cookie, unseen_at FROM listener") == [(None, None, None)]
    assert writer.open_listeners(by_id)[listener.id].inode is None
