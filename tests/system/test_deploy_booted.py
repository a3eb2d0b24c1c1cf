"""The unit in the hands of a systemd that is process 1."""

import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from tests.kit.booted import Booted, booted, unbootable
from tests.kit.waiting import until

pytestmark = pytest.mark.skipif(bool(unbootable()), reason=unbootable() or "it can be")

_WATCHDOG = 10  # seconds, for the unit's minute


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[Booted]:
    with booted(tmp_path, f"WatchdogSec={_WATCHDOG}\n") as running:
        until(lambda: running.shown("ActiveState") == "active", "the monitor is ready")
        yield running


def another(systemd: Booted, before: psutil.Process) -> psutil.Process:
    """The main process that has come in the place of one."""

    def found() -> psutil.Process | None:
        now = systemd.main()
        return now if now is not None and now.pid != before.pid else None

    started = until(found, "it is started again")
    until(lambda: systemd.shown("ActiveState") == "active", "it is ready again")
    assert started is not None
    return started


def watches(systemd: Booted) -> list[bool]:
    """Of each watch, whether it was ended."""
    db = systemd.state / "porteye" / "porteye.db"
    with closing(sqlite3.connect(f"{db.as_uri()}?mode=ro", uri=True)) as connection:
        found = connection.execute("SELECT stopped_at IS NOT NULL FROM watch ORDER BY id")
        return [bool(ended) for (ended,) in found]


def test_systemd_starts_the_monitor_again_when_it_is_killed_or_stalls_and_stops_it_cleanly(
    systemd: Booted,
) -> None:
    assert systemd.shown("StatusText").startswith("watching ")
    first = systemd.main()
    assert first is not None
    first.send_signal(signal.SIGKILL)
    second = another(systemd, first)
    second.send_signal(signal.SIGSTOP)
    another(systemd, second)
    assert int(systemd.shown("NRestarts")) >= 2
    systemd.systemctl("stop", "porteye.service")
    assert systemd.shown("ActiveState") == "inactive"
    assert systemd.shown("Result") == "success"
    *cut, last = watches(systemd)
    assert not any(cut)
    assert last
