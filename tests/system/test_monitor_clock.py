"""Clocks that are set, machines that sleep, a monitor that is stopped: scripted, and for real."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from porteye_core.model import Socket
from porteye_core.store.writing.startup import open_writer
from porteye_core.system.clock import moment
from tests.kit.opener import Opener
from tests.kit.rig import A, B, Rig, ScriptedClock
from tests.kit.rights import posix
from tests.kit.service import monitor, rows
from tests.kit.values import HOST, SECOND, endpoint
from tests.kit.waiting import until

pytestmark = pytest.mark.host

HOUR, DAY, TEN_YEARS = 3600, 86_400, 3652 * 86_400
JUMPS = "SELECT jump FROM tick WHERE jump != 0 ORDER BY id"
EVENTS = "SELECT kind FROM event WHERE port = ? ORDER BY id"
LIVES = "SELECT count(*), min(closed_at >= opened_at) FROM listener WHERE closed_at IS NOT NULL"
steps = pytest.mark.parametrize(
    "step", [-HOUR, DAY, -TEN_YEARS], ids=["an hour back", "a day forward", "ten years back"]
)
needs_faketime = pytest.mark.skipif(
    not shutil.which("faketime"), reason="libfaketime is not installed: no clock can be set here"
)


class PausedClock(ScriptedClock):
    """The process is stopped for a second after it has read the wall clock for the first time."""

    is_paused = False

    def now(self) -> int:
        read = self.wall
        if not self.is_paused:
            self.is_paused = True
            self.pass_(SECOND)
        return read


@pytest.fixture
def rig(db: Path) -> Iterator[Rig]:
    clock = ScriptedClock()
    clock.wall = 2 * TEN_YEARS * SECOND
    with open_writer(db, HOST, 1) as writer:
        yield Rig(db, writer, clock)


@steps
def test_a_clock_that_is_set_closes_nothing_and_its_step_is_recorded(rig: Rig, step: int) -> None:
    rig.scan(A)
    rig.clock.wall += step * SECOND
    rig.scan(A, after=10 * SECOND)
    rig.scan(A, after=10 * SECOND)
    assert len(rig.events) == 1
    assert rig.rows("SELECT jump FROM tick ORDER BY id") == [(0,), (step * SECOND,), (0,)]


@steps
def test_a_step_is_stored_once_however_many_listeners_open_before_the_next_beat(
    rig: Rig, step: int
) -> None:
    rig.scan(A)
    rig.clock.wall += step * SECOND
    rig.scan(A, B)
    for port in range(2001, 2031):  # each has a tick of its own
        rig.scan(A, Socket(endpoint(port)))
    assert rig.rows(JUMPS) == [(step * SECOND,)]


def test_a_step_and_its_correction_between_two_beats_are_two(rig: Rig) -> None:
    rig.scan(A)
    rig.clock.wall += HOUR * SECOND
    rig.scan(A)
    rig.scan(A)
    rig.clock.wall -= HOUR * SECOND
    rig.scan(A)
    assert rig.rows(JUMPS) == [(HOUR * SECOND,), (-HOUR * SECOND,)]


def test_a_clock_that_is_slewed_takes_no_step(rig: Rig) -> None:
    for second in range(40):
        rig.clock.wall += SECOND // 12  # as fast as chrony does it
        rig.scan(A, Socket(endpoint(2001 + second)))
    assert rig.rows(JUMPS) == []


def test_a_step_amid_a_slew_is_stored_once_and_as_large_as_it_was(rig: Rig) -> None:
    for second in range(40):
        rig.clock.wall += SECOND // 12 + (second == 15) * 3 * SECOND
        rig.scan(A, Socket(endpoint(2001 + second)))
    assert rig.rows(JUMPS) == [(3 * SECOND + SECOND // 12,)]


def test_a_pause_between_the_two_clocks_is_no_step() -> None:
    clock = PausedClock()
    assert moment(clock) == (clock.wall, clock.steady)
    assert clock.is_paused


@steps
def test_no_life_ends_before_it_began_however_the_clock_is_set(rig: Rig, step: int) -> None:
    rig.scan()
    rig.scan(A)
    rig.clock.wall += step * SECOND
    rig.scan(A, B)
    rig.clock.wall -= step * SECOND
    rig.scan()
    assert rig.rows(LIVES) == [(2, 1)]


@steps
def test_ticks_are_in_the_order_of_the_steady_clock(rig: Rig, step: int) -> None:
    for _ in range(3):
        rig.scan(A, after=10 * SECOND)
        rig.clock.wall += step * SECOND // 3
    steady = rig.rows("SELECT id, monotonic FROM tick ORDER BY monotonic")
    assert [number for number, _ in steady] == [1, 2, 3]


def test_a_machine_that_slept_has_a_gap_and_no_step(rig: Rig) -> None:
    rig.scan(A, B)
    rig.scan(A, after=8 * HOUR * SECOND)
    assert rig.events[2:] == [("closed", 1002, "gap")]
    assert rig.rows("SELECT gap, jump FROM tick ORDER BY id") == [(0, 0), (8 * HOUR * SECOND, 0)]


@needs_faketime
@steps
@pytest.mark.parametrize("source", ["portable", "sock_diag"])
def test_a_real_monitor_lives_through_a_clock_that_is_set(db: Path, source: str, step: int) -> None:
    clock = db.with_name("clock")
    clock.write_text("+0\n")

    def with_the_clock(*command: str) -> list[str]:
        found = subprocess.run(
            ["faketime", "-f", "+0", "printenv", "LD_PRELOAD"],
            capture_output=True,
            text=True,
            check=True,
        )
        settings = (
            f"LD_PRELOAD={found.stdout.strip()}",
            f"FAKETIME_TIMESTAMP_FILE={clock}",
            *("FAKETIME_NO_CACHE=1", "FAKETIME_DONT_FAKE_MONOTONIC=1", "NO_FAKE_STAT=1"),
        )
        return ["env", *settings, *command]

    flags = ("--source", source, "--sample-interval", "0.4")
    with Opener() as opener, monitor(db, *flags, within=with_the_clock) as process:
        stays, goes = opener.listen(), opener.listen()
        until(lambda: rows(db, EVENTS, stays) and rows(db, EVENTS, goes), "both are seen")
        set_to(clock, step)
        until(lambda: rows(db, JUMPS), "the step is recorded")
        opener.close(goes)
        until(lambda: len(rows(db, EVENTS, goes)) == 2, "the closing is seen")
        comes = opener.listen()
        until(lambda: rows(db, EVENTS, comes), "the opening is seen")
        beats = rows(db, "SELECT max(id) FROM tick")[0][0]
        until(lambda: rows(db, "SELECT 1 FROM tick WHERE id > ? + 3", beats), "beats follow")
        assert rows(db, EVENTS, stays) == [("opened",)]
        process.terminate()
        _, log = process.communicate(timeout=120)
    ((jump,),) = rows(db, JUMPS)
    assert isinstance(jump, int)
    assert abs(jump - step * SECOND) < 60 * SECOND
    assert rows(db, LIVES.replace("WHERE", f"WHERE port = {goes} AND")) == [(1, 1)]
    assert rows(db, LIVES)[0][1] == 1
    by_id, by_steady = (
        rows(db, f"SELECT id FROM tick ORDER BY {order}") for order in ("id", "monotonic")
    )
    assert by_id == by_steady
    assert "Traceback" not in log
    assert process.returncode == 0


def set_to(clock: Path, step: int) -> None:
    """Set the clock in one step: a process that reads it sees the one or the other."""
    new = clock.with_name("clock.new")
    new.write_text(f"{step:+d}\n")
    new.replace(clock)


@posix
@pytest.mark.parametrize("source", ["portable", "sock_diag"])
def test_a_monitor_that_was_stopped_has_one_gap_and_closes_nothing_that_stays(
    db: Path, source: str
) -> None:
    flags = ("--source", source, "--sample-interval", "0.4")
    with Opener() as opener, monitor(db, *flags) as process:
        stays, goes = opener.listen(), opener.listen()
        until(lambda: rows(db, EVENTS, stays) and rows(db, EVENTS, goes), "both are seen")
        os.kill(process.pid, signal.SIGSTOP)
        opener.close(goes)
        time.sleep(3)  # it is the time that passes that is tested
        os.kill(process.pid, signal.SIGCONT)
        until(lambda: rows(db, "SELECT 1 FROM tick WHERE gap > 0"), "the gap is recorded")
        seen = rows(db, "SELECT max(id) FROM tick")[0][0]
        until(lambda: rows(db, "SELECT 1 FROM tick WHERE id > ? + 2", seen), "it goes on")
        assert rows(db, EVENTS, stays) == [("opened",)]
        closed = "SELECT kind, seen FROM event WHERE port = ? ORDER BY id DESC LIMIT 1"
        assert rows(db, closed, goes) == [("closed", "gap")]
        gaps = rows(db, "SELECT gap, jump FROM tick WHERE gap > 0")
    assert len(gaps) == 1
    (gap, jump) = gaps[0]
    assert isinstance(gap, int)
    assert gap > 2 * SECOND
    assert jump == 0
