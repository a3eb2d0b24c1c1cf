"""The loop of the shipper: patience with a server that is away, and none with one that refuses."""

import time
from pathlib import Path

import pytest

from porteye_core.errors import FleetRefused
from porteye_core.fleet import service
from porteye_core.fleet.service import Plan, run, wait_after
from porteye_core.store.fleet.server import connect
from porteye_core.store.writing.writer import Writer
from tests.kit.fleet import fleet, rows_at_home, rows_that_arrived
from tests.kit.postgres import needs_postgres
from tests.kit.seeding import seed
from tests.kit.values import SECOND

pytestmark = needs_postgres

NOW = 1_790_000_000 * SECOND


class _Over(Exception):
    """Ends a loop that has no end."""


def test_the_waits_after_failures_are_drawn_below_half_a_minute() -> None:
    waits = [wait_after(failures) for failures in range(1, 2_000)]
    assert all(0 <= each <= service._LONGEST_WAIT for each in waits)
    assert len({round(each, 3) for each in waits}) > 1_000


def test_a_server_that_is_away_is_waited_for_and_told_once(
    db: Path, writer: Writer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    seed(writer, NOW)
    with fleet() as running:
        address = running.enrol("web1")
        away = address.replace("host=", "host=/nowhere")
        addresses = iter([away, away, away, address])
        monkeypatch.setattr(service, "connect", lambda _: connect(next(addresses)))
        waits: list[float] = []

        def sleep(seconds: float) -> None:
            waits.append(seconds)
            if len(waits) == 4:
                raise _Over

        with monkeypatch.context() as patch, caplog.at_level("INFO", "porteye"):
            patch.setattr(time, "sleep", sleep)
            with pytest.raises(_Over):
                run(Plan(db, "", 10.0))
        assert rows_that_arrived(running) == rows_at_home(db)
    assert waits[-1] == 10.0
    told = [record.message for record in caplog.records]
    assert [each.split(":")[0] for each in told] == [
        "The fleet's server cannot be reached",
        "The fleet's server takes the history again.",
    ]


def test_a_refusal_ends_it(db: Path, writer: Writer) -> None:
    seed(writer, NOW)
    with fleet() as running, pytest.raises(FleetRefused, match="No host is enrolled"):
        run(Plan(db, running.address, 10.0))


def test_a_host_that_has_shipped_its_rows_of_the_day_says_so_and_goes_on(
    db: Path, writer: Writer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    seed(writer, NOW)
    with fleet() as running:
        address = running.enrol("web1")
        running.ask("UPDATE setting SET rows_a_day = 1")

        def sleep(seconds: float) -> None:
            if seconds == 10.0:
                raise _Over
            if len(caplog.records) == 1:
                running.ask("UPDATE setting SET rows_a_day = DEFAULT")

        with monkeypatch.context() as patch, caplog.at_level("INFO", "porteye"):
            patch.setattr(time, "sleep", sleep)
            with pytest.raises(_Over):
                run(Plan(db, address, 10.0))
        assert rows_that_arrived(running) == rows_at_home(db)
    assert "may ship 1 a day: the next are taken from" in caplog.records[0].message
    assert caplog.records[1].message == "The fleet's server takes the history again."
