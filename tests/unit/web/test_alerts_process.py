"""The alerts process that the dashboard starts beside itself."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from porteye_core.config import Config
from porteye_core.store.alerts import beside, holder
from porteye_core.web import alerts_process
from porteye_core.web.alerts_process import alerts_beside, has_receivers
from tests.kit.alerts_process import settle
from tests.kit.waiting import until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")


def running(db: Path, besides: int = 0) -> int:
    """The pid of the process that judges; 0 without one."""
    found = holder(beside(db))
    return found.pid if found and found.pid != besides else 0


async def eventually(db: Path, besides: int = 0) -> int:
    return await asyncio.to_thread(until, lambda: running(db, besides), "a process judges")


def test_one_that_is_killed_is_replaced_and_it_ends_with_the_dashboard(
    db: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle(db, "")
    monkeypatch.setattr(alerts_process, "_MIN_REST", 0.01)

    async def kill_it() -> None:
        async with alerts_beside(Config(db=db)):
            first = await eventually(db)
            os.kill(first, signal.SIGKILL)
            await eventually(db, besides=first)

    asyncio.run(kill_it())
    assert running(db) == 0


def test_it_is_started_where_somebody_is_to_be_told_or_the_file_is_wrong(db: Path) -> None:
    config = Config(db=db)
    assert not has_receivers(config)
    settle(db, "", '[timers]\ngroup = "1s"\n')
    assert not has_receivers(config)
    settle(db, "")
    assert has_receivers(config)
    settle(db, "", "[[receiver]]\n")
    assert has_receivers(config)


def test_it_gets_the_files_that_the_dashboard_was_told_of(db: Path, tmp_path: Path) -> None:
    settle(db, "")
    elsewhere = tmp_path / "elsewhere.db"
    config = Config(db=db, alerts=db.with_name("alerts.toml"), alerts_db=elsewhere)

    async def start_it() -> None:
        async with alerts_beside(config):
            await asyncio.to_thread(until, lambda: holder(elsewhere), "a process judges")

    asyncio.run(start_it())
    assert not beside(db).exists()


def test_off_starts_none(db: Path) -> None:
    settle(db, "")

    async def wait_a_turn() -> None:
        async with alerts_beside(Config(db=db, start_alerts=False)):
            assert len(asyncio.all_tasks()) == 1

    asyncio.run(wait_a_turn())


def test_the_dashboard_of_a_fleet_starts_none(db: Path) -> None:
    settle(db, "")

    async def wait_a_turn() -> None:
        async with alerts_beside(Config(db=db, fleet="dbname=fleet")):
            assert len(asyncio.all_tasks()) == 1

    asyncio.run(wait_a_turn())
