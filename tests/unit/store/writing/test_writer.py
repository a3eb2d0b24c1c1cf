"""A database that takes no write, that is damaged, or that is gone: what is seen is not lost."""

import json
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest

from porteye_core.errors import StoreHeld, StoreUnwritable
from porteye_core.model import Listener, Precision, Sample, Tick
from porteye_core.store.file import lock
from porteye_core.store.file.connection import open_connection
from porteye_core.store.reading import State, monitor_status
from porteye_core.store.writing.startup import open_writer
from porteye_core.store.writing.writer import Closing, Opening, Writer
from tests.conftest import PLAN
from tests.kit.rights import posix, root
from tests.kit.small_disk import fill, small_disk
from tests.kit.values import HOST, SECOND, by_id, endpoint, owned, process


class Scene:
    """A watch that goes on, with a listener and a tick each second."""

    def __init__(self, db: Path, writer: Writer) -> None:
        self.db, self.writer = db, writer
        self.listeners: list[Listener] = []
        self._seconds = count(2)
        self.at = SECOND
        self.begin()

    def begin(self) -> None:
        self.writer.begin_watch(self.at, PLAN)

    def see(self, times: int = 1) -> None:
        for _ in range(times):
            second = next(self._seconds)
            self.at = second * SECOND
            opening = Opening(owned(endpoint(second), process(second)), self.at, Precision.POLL)
            closed = [Closing(each, self.at, Precision.POLL) for each in self.listeners]
            self.listeners = list(self.writer.record_changes(self.at, [opening], closed))
            tick = Tick(self.at, self.at, 1, clients=0, scan_us=9, hidden=0)
            samples = [Sample(each.id, 1, 4096, 0, 0, 128) for each in self.listeners]
            self.writer.record_tick(tick, samples)

    def retry(self) -> None:
        self.writer.retry(self.at)

    def rows(self, statement: str) -> list[tuple[object, ...]]:
        with open_connection(self.db) as reader:
            return [tuple(row) for row in reader.execute(statement)]

    @property
    def opened_ports(self) -> list[object]:
        return [row[0] for row in self.rows("SELECT port FROM event WHERE kind = 'opened'")]

    @property
    def ticks(self) -> list[object]:
        return [row[0] for row in self.rows("SELECT at / 1000000 FROM tick ORDER BY id")]

    @property
    def limitations(self) -> list[str]:
        stored = self.rows("SELECT limits FROM watch ORDER BY id DESC LIMIT 1")[0][0]
        return [limit["name"] for limit in json.loads(str(stored))]

    def state(self) -> State:
        return monitor_status(self.db, self.at).state

    def check(self) -> None:
        with sqlite3.connect(self.db) as plain:
            assert plain.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
            assert plain.execute("PRAGMA foreign_key_check").fetchall() == []
        plain.close()


@contextmanager
def watch(db: Path) -> Iterator[Scene]:
    with open_writer(db, HOST, 1) as writer:
        yield Scene(db, writer)


@pytest.fixture
def scene(db: Path) -> Iterator[Scene]:
    with watch(db) as made:
        yield made


@posix
@root
def test_what_a_full_disk_does_not_take_is_stored_when_it_has_room(tmp_path: Path) -> None:
    with small_disk(tmp_path, "4m") as disk, watch(disk / "x.db") as scene:
        scene.see(5)
        filler = fill(disk)
        scene.see(200)
        scene.retry()
        assert scene.state() is State.HOLDING
        assert "full" in monitor_status(scene.db, scene.at).trouble
        assert len(scene.ticks) < 205  # and a reader reads meanwhile
        filler.unlink()
        scene.at += 2 * SECOND
        scene.retry()
        assert scene.ticks == list(range(2, 207))
        assert scene.opened_ports == list(range(2, 207))
        assert scene.limitations == ["unwritten"]
        assert scene.state() is State.WATCHING
        scene.see()
        assert scene.ticks[-1] == 207
        scene.check()


@posix
@root
def test_a_watch_that_ends_with_the_disk_full_says_what_is_lost(tmp_path: Path) -> None:
    with small_disk(tmp_path, "4m") as disk, watch(disk / "x.db") as scene:
        scene.see(5)
        fill(disk)
        scene.see(200)
        with pytest.raises(StoreUnwritable, match="changes could not be stored any more"):
            scene.writer.end_watch(scene.at)


def test_what_another_process_keeps_from_being_written_is_written_after_it(scene: Scene) -> None:
    scene.see()
    other = sqlite3.connect(scene.db, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    scene.see(60)
    assert scene.state() is State.HOLDING
    assert scene.ticks == [2]
    other.execute("ROLLBACK")
    other.close()
    scene.retry()
    assert scene.ticks == list(range(2, 63))
    assert scene.limitations == ["unwritten"]
    scene.check()


def test_between_two_tries_a_second_passes(scene: Scene) -> None:
    other = sqlite3.connect(scene.db, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    scene.see()
    scene.writer.retry(10 * SECOND)
    other.execute("ROLLBACK")
    other.close()
    scene.writer.retry(11 * SECOND - 1)
    assert scene.ticks == []
    scene.writer.retry(11 * SECOND)
    assert scene.ticks == [2]


def test_a_deleted_database_is_begun_anew_and_says_so(scene: Scene) -> None:
    scene.see(3)
    for suffix in ("", "-wal", "-shm"):
        scene.db.with_name(scene.db.name + suffix).unlink()
    scene.see()
    assert scene.state() is State.HOLDING
    scene.retry()
    assert scene.writer.is_renewed
    assert scene.writer.open_listeners(by_id) == {}
    assert not scene.writer.is_renewed
    scene.listeners = []
    scene.begin()
    scene.see(2)
    assert scene.opened_ports == [6, 7]
    assert scene.limitations == ["replaced"]
    assert scene.state() is State.WATCHING
    scene.check()


def test_a_restored_database_goes_on_where_it_ended(db: Path, tmp_path: Path) -> None:
    with watch(db) as scene:
        scene.see(3)
    shutil.copy(db, tmp_path / "kept")
    db.unlink()
    with watch(db) as scene:
        scene.see()
        (tmp_path / "kept").replace(db)
        scene.see()
        scene.retry()
        assert [each.endpoint.port for each in scene.writer.open_listeners(by_id).values()] == [4]
        scene.listeners = []
        scene.begin()
        scene.see()
        assert scene.opened_ports == [2, 3, 4, 4]
        scene.check()


@posix
def test_a_database_that_is_moved_away_takes_along_what_was_written(
    scene: Scene, tmp_path: Path
) -> None:
    scene.see(3)
    moved = scene.db.rename(tmp_path / "moved.db")
    scene.see()
    with open_connection(moved) as reader:
        assert len(reader.execute("SELECT 1 FROM tick").fetchall()) == 3
    scene.retry()
    assert scene.ticks == []


def test_a_folder_that_goes_and_comes_back_has_a_database_again(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    with watch(folder / "x.db") as scene:
        scene.see(3)
        shutil.rmtree(folder)
        scene.see(2)
        scene.retry()
        folder.mkdir()
        scene.at += 2 * SECOND
        scene.retry()  # the lock is there again, and the file is missed
        scene.retry()
        assert scene.writer.is_renewed
        assert lock.holder(scene.db) == lock.Holder(os.getpid(), 1)
        scene.writer.open_listeners(by_id)
        scene.listeners = []
        scene.begin()
        scene.see()
        assert scene.ticks == [7]


def test_a_damaged_database_is_set_aside_as_it_is(scene: Scene) -> None:
    scene.see(40)
    with sqlite3.connect(scene.db) as plain:
        plain.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    plain.close()
    size = scene.db.stat().st_size
    with scene.db.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xa5" * (size - 4096))
    for _ in range(100):  # the pages that it remembers are written first
        scene.see()
        if scene.state() is State.HOLDING:
            break
    scene.retry()
    assert scene.writer.is_renewed
    scene.writer.open_listeners(by_id)
    scene.listeners = []
    scene.begin()
    scene.see()
    assert scene.limitations == ["set_aside"]
    assert len(scene.ticks) == 1
    [kept] = [each for each in scene.db.parent.glob("*.corrupt-*") if each.suffix[-1] == "Z"]
    assert b"\xa5" * 4096 in kept.read_bytes()
    scene.check()


@pytest.mark.parametrize(
    ("at", "damage"), [(0, bytes(512)), (100, b"\xff" * 3000)], ids=["header", "schema"]
)
def test_a_database_that_was_damaged_meanwhile_is_set_aside_at_the_start(
    db: Path, at: int, damage: bytes
) -> None:
    with watch(db) as scene:
        scene.see(20)
    with db.open("r+b") as file:
        file.seek(at)
        file.write(damage)
    damaged = db.read_bytes()
    with watch(db) as scene:
        scene.see()
        assert scene.limitations == ["set_aside"]
        scene.check()
    [kept] = db.parent.glob("*.corrupt-*")
    assert kept.read_bytes() == damaged


def test_a_cut_off_watch_has_its_file_checked(db: Path) -> None:
    with watch(db) as scene:
        scene.see(200)
        [[page]] = scene.rows("SELECT rootpage FROM sqlite_schema WHERE name = 'event_port'")
        [[size]] = scene.rows("PRAGMA page_size")
    with db.open("r+b") as file:
        file.seek((int(str(page)) - 1) * int(str(size)))
        file.write(bytes(int(str(size))))
    with watch(db) as scene:
        scene.see()
        assert scene.limitations == ["set_aside"]


@posix
def test_a_lock_that_was_deleted_is_taken_again(scene: Scene) -> None:
    lock.path_of(scene.db).unlink()
    scene.see()
    assert lock.holder(scene.db) == lock.Holder(os.getpid(), 1)
    with pytest.raises(StoreHeld), open_writer(scene.db, HOST, 2):
        pass


@posix
def test_a_writer_whose_lock_another_has_writes_no_more(scene: Scene) -> None:
    lock.path_of(scene.db).unlink()
    with lock.WriterLock(scene.db, 5), pytest.raises(StoreHeld):
        scene.see()
    assert scene.ticks == []
