"""Damaged copies of a database, given to the real writer, to the API and to the page.

A copy is set aside or worked in, and never thrown away; nothing ends with a traceback.
"""

import logging
import sqlite3
from collections import Counter
from contextlib import closing, suppress
from itertools import cycle
from pathlib import Path
from random import Random

import pytest
from starlette.testclient import TestClient
from streamlit.testing.v1 import AppTest

from porteye_core.api import create_api
from porteye_core.config import Config
from porteye_core.errors import StoreNewer
from porteye_core.store.file import lock
from porteye_core.store.file.lock import WriterLock
from porteye_core.store.file.migrations import PAGE_SIZE
from porteye_core.store.writing.startup import open_writer
from tests.kit import configuration
from tests.kit.churn import churn
from tests.kit.damage import KINDS, Damage, page_zeroed
from tests.kit.rig import A, B, Rig, ScriptedClock
from tests.kit.seeding import PLAN, Instant
from tests.kit.service import PROJECT, monitor
from tests.kit.values import HOST, SECOND

_BEGUN, _STEPS = 1_790_000_000, 60  # seconds
_LATER = (_BEGUN + 2 * _STEPS) * SECOND
_YEAR = 365 * 86_400 * SECOND
_ASKED = (
    "/health",
    "/ports",
    "/history",
    "/history?process=nginx&limit=1000",
    "/history?port=1-65535&since=2020-01-01T00:00:00Z",
    "/history.csv",
    "/history.json",
)
_VIEWS = ("now", "listener", "timeline", "history", "monitor")
_EVENTS = "SELECT id, at, kind, seen, listener_id, port FROM event"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A database that a writer has closed."""
    db = tmp_path_factory.mktemp("whole") / "porteye.db"
    with open_writer(db, HOST, _BEGUN * SECOND) as writer:
        writer.begin_watch(_BEGUN * SECOND, PLAN)
        churn(writer, range(_BEGUN, _BEGUN + _STEPS), lambda _: None)
        writer.end_watch((_BEGUN + _STEPS) * SECOND)
    return db.read_bytes()


def damaged(whole: bytes, kind: Damage, chance: Random) -> bytes:
    copy = bytearray(whole)
    kind(copy, chance, PAGE_SIZE)
    return bytes(copy)


def put(db: Path, copy: bytes) -> None:
    """Make the folder one that has this database and nothing else."""
    for each in db.parent.iterdir():
        each.unlink()
    db.write_bytes(copy)


def readable(db: Path, how: str = "immutable=1") -> set[tuple[object, ...]]:
    """The events that plain SQLite can read one after another, until it meets damage."""
    connection = sqlite3.connect(f"{db.as_uri()}?mode=ro&{how}", uri=True)
    connection.text_factory = bytes
    found: set[tuple[object, ...]] = set()
    with closing(connection), suppress(sqlite3.Error, UnicodeDecodeError):
        found.update(connection.execute(_EVENTS))
    return found


def is_sound(db: Path) -> bool:
    connection = sqlite3.connect(f"{db.as_uri()}?mode=ro&immutable=1", uri=True)
    with closing(connection), suppress(sqlite3.Error, UnicodeDecodeError):
        return bool(connection.execute("PRAGMA integrity_check").fetchone() == ("ok",))
    return False


def watch(db: Path) -> str:
    """Watch into it for two minutes with a retention that drops all; what became of the file."""
    before, kept_before = db.read_bytes(), readable(db)
    try:
        with open_writer(db, HOST, _LATER) as writer:
            rig = Rig(db, writer, ScriptedClock())
            rig.clock.wall = _LATER
            for seen in (A, B) * 6:
                rig.scan(seen, after=10 * SECOND)
                writer.retry(rig.clock.elapsed())
            kept = readable(db, "cache=private")
            for _ in range(40):
                rig.clock.pass_(2 * SECOND)
                writer.purge_step(rig.clock.now() + _YEAR, rig.clock.elapsed())
            rig.scan(B, after=10 * SECOND)  # into another file where the damage was found late
            writer.retry(rig.clock.elapsed())
            rig.scan(B, after=10 * SECOND)
            rig.monitor.stop()
            assert rig.rows("SELECT count(*) > 0 FROM event WHERE port = 1002") == [(1,)]
    except StoreNewer:
        assert db.read_bytes() == before
        return "refused as newer"
    if aside := [each for each in db.parent.glob("*.corrupt-*") if each.name.endswith("Z")]:
        assert readable(aside[0]) >= kept_before
        return "set aside"
    assert kept >= kept_before
    return "went on"


def ask(db: Path) -> None:
    """Every question gets its answer, or 503 with the sentence that says why."""
    client = TestClient(
        create_api(Config(db=db)), base_url="http://localhost", raise_server_exceptions=False
    )
    for path in _ASKED:
        answer = client.get(path)
        assert answer.status_code in (200, 503), path
        if answer.status_code == 503:
            assert answer.json()["error"]["message"].endswith(".")


def check_readers(db: Path) -> str:
    """With a monitor and without one the API speaks; and without one only of a sound file."""
    with WriterLock(db, 1):  # as a monitor whose file is damaged while it runs
        ask(db)
    ask(db)
    client = TestClient(create_api(Config(db=db)), base_url="http://localhost")
    answered = client.get("/history").status_code == 200
    assert not answered or is_sound(db), "rows of a file that SQLite finds damaged"
    return "readers answered" if answered else "readers refused"


def test_each_page_in_turn_is_set_aside_or_worked_in(
    whole: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    db, count = tmp_path / "porteye.db", Counter[str]()
    for at in range(0, len(whole), PAGE_SIZE):
        put(db, whole[:at] + bytes(PAGE_SIZE) + whole[at + PAGE_SIZE :])
        count[watch(db)] += 1
    print(f"\n{len(whole) // PAGE_SIZE} pages: {dict(count)}")
    assert set(count) <= {"set aside", "went on"}
    assert count["set aside"] > len(whole) // PAGE_SIZE // 2


@pytest.mark.parametrize("kind", KINDS, ids=lambda each: each.__name__)
@pytest.mark.parametrize("cases", [3, pytest.param(60, marks=pytest.mark.long)])
def test_random_damage_ends_no_monitor_and_breaks_no_reader(
    kind: Damage, whole: bytes, cases: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    chance, count = Random(f"{kind.__name__} {cases}"), Counter[str]()
    db = tmp_path / "porteye.db"
    for _ in range(cases):
        put(db, damaged(whole, kind, chance))
        count[check_readers(db)] += 1
        count[watch(db)] += 1
    print(f"\n{kind.__name__}, {cases} times: {dict(count)}")
    assert count["refused as newer"] <= cases / 15  # that a header may truly say


def shown(db: Path, view: str) -> AppTest:
    configuration.forget()
    page = AppTest.from_file(str(PROJECT / "streamlit_app.py"), default_timeout=120)
    page.query_params["listener"] = "5"
    page.run()
    if view != "now":
        page.switch_page(f"porteye_core/ui/views/{view}.py").run()
    return page


@pytest.mark.parametrize("cases", [1, pytest.param(45, marks=pytest.mark.long)])
def test_the_page_shows_a_view_or_a_sentence(
    whole: bytes, cases: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance, db = Random(cases), tmp_path / "porteye.db"
    monkeypatch.setenv("PORTEYE_DB", str(db))
    monkeypatch.setenv("PORTEYE_MONITOR", "off")
    for kind, view in zip(KINDS * cases, cycle(_VIEWS)):
        put(db, damaged(whole, kind, chance))
        with WriterLock(db, 1):
            assert not shown(db, view).exception, (kind.__name__, view)
        page = shown(db, view)
        assert not page.exception, (kind.__name__, view)
        told = any("cannot be shown" in each.value for each in page.warning)
        assert told or is_sound(db)
    configuration.forget()


@pytest.mark.parametrize("kind", KINDS, ids=lambda each: each.__name__)
@pytest.mark.parametrize("cases", [pytest.param(5, marks=pytest.mark.long)])
def test_the_real_monitor_watches_whatever_is_damaged(
    kind: Damage, whole: bytes, cases: int, tmp_path: Path
) -> None:
    chance, db = Random(f"{kind.__name__} for real"), tmp_path / "porteye.db"
    for _ in range(cases):
        put(db, damaged(whole, kind, chance))
        check_the_real_monitor(db)


def test_the_real_monitor_watches_whatever_page_is_lost(whole: bytes, tmp_path: Path) -> None:
    chance, db = Random("a page"), tmp_path / "porteye.db"
    for _ in range(2):
        put(db, damaged(whole, page_zeroed, chance))
        check_the_real_monitor(db)


def check_the_real_monitor(db: Path) -> None:
    with monitor(db, "--source", "portable") as process:
        assert (lock.holder(db) or lock.Holder(0, 0)).pid == process.pid
        process.terminate()
        _, log = process.communicate(timeout=120)
    assert process.returncode == 0
    assert "Traceback" not in log
    kept = [each for each in db.parent.glob("*.corrupt-*") if each.name.endswith("Z")]
    assert not kept or f"was set aside as {kept[0]}" in log


def change(db: Path, statement: str) -> None:
    """Change a value to another one that the schema allows."""
    with closing(sqlite3.connect(db)) as connection, connection:
        assert connection.execute(statement).rowcount > 0


_IMPOSSIBLE = {
    "a time": "UPDATE event SET at = at + (1 << 61) WHERE id = 2",
    "the time of a life": "UPDATE listener SET opened_at = -(1 << 62) WHERE id = 2",
    "an address": "UPDATE listener SET address = '127.0.0.q' WHERE id = 2",
    "the parents of a process": "UPDATE process SET parents = '[{\"pid\"]'",
}


@pytest.mark.parametrize("what", _IMPOSSIBLE)
def test_a_value_that_only_damage_can_have_written_is_told(
    abandoned: Instant, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    change(abandoned.db, _IMPOSSIBLE[what])
    ask(abandoned.db)
    monkeypatch.setenv("PORTEYE_DB", str(abandoned.db))
    monkeypatch.setenv("PORTEYE_MONITOR", "off")
    for view in _VIEWS:
        assert not shown(abandoned.db, view).exception, view
    configuration.forget()


def test_limits_that_cannot_be_read_hide_nothing_else(abandoned: Instant) -> None:
    change(abandoned.db, "UPDATE watch SET limits = '[{\"nbme\": 1}]'")
    client = TestClient(create_api(Config(db=abandoned.db)), base_url="http://localhost")
    health = client.get("/health")
    assert health.status_code == 200
    assert "cannot be read" in health.text


def test_a_writer_sets_aside_what_it_cannot_read_of_a_file_too_large_to_check(
    whole: bytes, db: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("porteye_core.store.file.damage._CHECKS", ())
    count = Counter[str]()
    for at in range(0, len(whole), 2 * PAGE_SIZE):
        put(db, whole[:at] + bytes(PAGE_SIZE) + whole[at + PAGE_SIZE :])
        count[watch(db)] += 1
    assert set(count) == {"set aside", "went on"}


def test_numbers_that_no_row_can_follow_are_damage(abandoned: Instant) -> None:
    change(
        abandoned.db, "UPDATE sqlite_sequence SET seq = 9223372036854775807 WHERE name = 'event'"
    )
    assert watch(abandoned.db) == "set aside"


def test_a_version_that_is_not_that_of_the_schema_is_damage(whole: bytes, db: Path) -> None:
    db.write_bytes(whole)
    with closing(sqlite3.connect(db)) as connection:
        connection.execute("PRAGMA user_version = 1")
    assert watch(db) == "set aside"
