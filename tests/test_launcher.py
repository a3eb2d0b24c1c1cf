"""The monitor that the dashboard starts beside itself."""

import asyncio
import sys
from pathlib import Path

import pytest

from porteye_core.config import Config
from porteye_core.launcher import monitor_beside
from porteye_core.store import lock
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
        async with monitor_beside(Config(db=db)):
            until(lambda: lock.holder(db), "the monitor runs")
            holder = lock.holder(db)
            assert holder
            pairs = Path(f"/proc/{holder.pid}/environ").read_text().split("\0")
        return {pair.partition("=")[0] for pair in pairs}

    passed_on = asyncio.run(names_of_the_child())
    assert "PORTEYE_INTERVAL" in passed_on
    assert not passed_on & set(meant)
