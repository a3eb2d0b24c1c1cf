"""The monitor that the dashboard starts beside itself."""

import asyncio
import os
import signal
import sqlite3
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack, closing, suppress
from pathlib import Path

import psutil
import pytest

from porteye_core.config import Config
from porteye_core.restarts import Restarts
from porteye_core.store.file import lock
from porteye_core.store.writing.startup import open_writer
from porteye_core.web import monitor_process
from porteye_core.web.monitor_process import monitor_beside
from tests.kit.service import monitor, rows
from tests.kit.values import HOST
from tests.kit.waiting import until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")


def test_what_is_meant_for_the_dashboard_is_not_passed_on(
    db: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    meant = {
        "PORTEYE_TOKEN": "sixteen-characters",
        "NOTIFY_SOCKET": "/run/systemd/notify",
        "WATCHDOG_USEC": "1000000",
        "WATCHDOG_PID": "1",
    }
    for name, value in {**meant, "PORTEYE_INTERVAL": "2"}.items():
        monkeypatch.setenv(name, value)

    async def names_of_the_child() -> set[str]:
        async with monitor_beside(Config(db=db), Restarts()):
            pid = await running(db)
            pairs = Path(f"/proc/{pid}/environ").read_text().split("\0")
        return {pair.partition("=")[0] for pair in pairs}

    passed_on = asyncio.run(names_of_the_child())
    assert "PORTEYE_INTERVAL" in passed_on
    assert not passed_on & set(meant)


async def eventually(condition: Callable[[], object], what: str) -> None:
    """Wait as `until` does, while this loop goes on with the monitor."""
    await asyncio.to_thread(until, condition, what)


async def running(db: Path, besides: int = 0) -> int:
    """The pid of the monitor that has the database, and has said so."""
    found = [0]

    def has_another() -> bool:
        holder = lock.holder(db)
        found[0] = holder.pid if holder else 0
        return found[0] not in (0, besides)

    await eventually(has_another, "a monitor runs")
    return found[0]


def monitors(db: Path) -> list[int]:
    """Every process of a monitor over this database that is a child of this one."""
    found: list[int] = []
    for child in psutil.Process().children():
        with suppress(psutil.NoSuchProcess):
            found += [child.pid] if str(db) in child.cmdline() else []
    return found


def test_a_monitor_that_is_killed_is_replaced_and_the_time_between_is_a_gap(db: Path) -> None:
    restarts = Restarts()

    async def kill_it() -> None:
        async with monitor_beside(Config(db=db, source="portable"), restarts):
            first = await running(db)
            await eventually(lambda: rows(db, "SELECT 1 FROM watch"), "it watches")
            os.kill(first, signal.SIGKILL)
            await eventually(lambda: restarts.pending, "the dashboard says so")
            pending = restarts.pending
            assert pending
            assert pending.ended == "The monitor was ended by signal 9 (Killed)."
            second = await running(db, besides=first)
            await eventually(lambda: len(rows(db, "SELECT 1 FROM watch")) == 2, "it watches")
            assert (restarts.count, restarts.pending) == (1, None)
            assert monitors(db) == [second]

    asyncio.run(kill_it())
    assert lock.holder(db) is None
    ended = rows(db, "SELECT stopped_at IS NULL FROM watch ORDER BY id")
    assert ended == [(1,), (0,)], "the first was killed, the second stopped with the dashboard"


def test_a_monitor_that_cannot_start_is_tried_at_growing_intervals(
    db: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_writer(db, HOST, 1):
        pass
    with closing(sqlite3.connect(db)) as connection:
        connection.execute("PRAGMA user_version = 999")
    monkeypatch.setattr(monitor_process, "_MIN_REST", 0.01)
    rest = monitor_process._rest
    said: list[tuple[str, int, float]] = []

    async def noted(restarts: Restarts, ended: str, tries: int, seconds: float) -> None:
        said.append((ended, tries, seconds))
        await rest(restarts, ended, tries, seconds)

    monkeypatch.setattr(monitor_process, "_rest", noted)

    async def let_it_fail() -> None:
        async with monitor_beside(Config(db=db), Restarts()):
            await eventually(lambda: len(said) >= 3, "it was tried three times")

    asyncio.run(let_it_fail())
    how = "The monitor ended with status 1."
    assert said[:3] == [(how, 1, 0.01), (how, 2, 0.02), (how, 3, 0.04)]


def test_of_three_dashboards_one_replaces_the_monitor(
    db: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(monitor_process, "_GRACE", 0.1)
    monkeypatch.setattr(monitor_process, "_CHECK_INTERVAL", 0.1)
    monkeypatch.setattr(monitor_process, "_MIN_REST", 0.1)

    async def kill_it() -> None:
        async with AsyncExitStack() as stack:
            for _ in range(3):
                await stack.enter_async_context(monitor_beside(Config(db=db), Restarts()))
            first = await running(db)
            await eventually(lambda: monitors(db) == [first], "the others have given up")
            os.kill(first, signal.SIGKILL)
            second = await running(db, besides=first)
            await eventually(lambda: monitors(db) == [second], "the others have given up")

    asyncio.run(kill_it())
    assert lock.holder(db) is None


def test_who_started_a_monitor_has_time_to_start_it_again(
    db: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(monitor_process, "_CHECK_INTERVAL", 0.05)
    monkeypatch.setattr(monitor_process, "_GRACE", 600.0)
    restarts = Restarts()

    async def restart_it() -> None:
        async with AsyncExitStack() as stack:
            with monitor(db) as theirs:
                await stack.enter_async_context(monitor_beside(Config(db=db), restarts))
                await asyncio.sleep(0)  # it asks who has the database
                assert monitors(db) == [theirs.pid]
            await eventually(lambda: restarts.pending, "the dashboard has noticed")
            with monitor(db) as theirs:
                assert monitors(db) == [theirs.pid]
        assert restarts.count == 0

    asyncio.run(restart_it())
    assert monitors(db) == []


def test_the_dashboard_of_a_fleet_starts_none(db: Path) -> None:
    async def tasks() -> int:
        async with monitor_beside(Config(db=db, fleet="dbname=fleet"), Restarts()):
            return len(asyncio.all_tasks())

    assert asyncio.run(tasks()) == 1
    assert not db.exists()
