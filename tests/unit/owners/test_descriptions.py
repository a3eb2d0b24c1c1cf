"""Descriptions of processes are renewed when they change, and not as often as a server counts."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import psutil
import pytest

from porteye_core.model import Process, ProcessKey
from porteye_core.owners import processes
from porteye_core.owners.descriptions import Descriptions
from porteye_core.owners.processes import Spent
from tests.kit.opener import Opener
from tests.kit.values import process

HOUR = 3600
PID = 10


class FakeTime:
    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@dataclass
class Counting:
    """Processes of which each shows in its title how much it has done."""

    done: int = 0
    readings: list[int] = field(default_factory=list)

    def started_at(self, pid: int) -> int:
        return 5

    def started_by(self, pid: int, at: int) -> int:
        return 5

    def glance(self, pid: int) -> int:
        return self.done

    def read(self, key: ProcessKey) -> Process:
        self.readings.append(self.done)
        return process(key.pid, key.started_at, cmdline=f"worker: {self.done} jobs")

    def user_name(self, uid: int) -> str:
        return "www"

    def spent(self, key: ProcessKey) -> Spent | None:
        return None


@pytest.fixture
def clock() -> FakeTime:
    return FakeTime()


def shown(descriptions: Descriptions) -> str:
    found = descriptions.of(PID)
    assert found is not None
    return found.program.cmdline


def test_a_title_that_counts_is_shown_ever_more_rarely(clock: FakeTime) -> None:
    reader = Counting()
    descriptions = Descriptions(reader, clock)
    titles = []
    for _ in range(24 * HOUR):
        titles.append(shown(descriptions))
        reader.done += 1
        clock.seconds += 1
    different = len(set(titles))
    assert titles[:9] == [f"worker: {number} jobs" for number in range(9)]
    assert different < 9 + 12 + 24  # the first, those with a doubled pause, then one an hour
    assert len(reader.readings) == different  # nor is it read any more often


def test_a_change_that_was_kept_back_is_shown_after_the_pause(clock: FakeTime) -> None:
    reader = Counting()
    descriptions = Descriptions(reader, clock)
    for _ in range(20):
        shown(descriptions)
        reader.done += 1
    assert shown(descriptions) != "worker: 20 jobs"
    clock.seconds += HOUR
    assert shown(descriptions) == "worker: 20 jobs"


def test_a_process_that_changes_once_a_day_is_never_kept_back(clock: FakeTime) -> None:
    reader = Counting()
    descriptions = Descriptions(reader, clock)
    for reader.done in range(100):
        assert shown(descriptions) == f"worker: {reader.done} jobs"
        clock.seconds += 24 * HOUR


def test_one_process_that_counts_keeps_no_other_back(clock: FakeTime) -> None:
    reader = Counting()
    descriptions = Descriptions(reader, clock)
    for _ in range(20):
        shown(descriptions)
        reader.done += 1
    other = descriptions.of(PID + 1)
    assert other is not None
    assert other.program.cmdline == "worker: 20 jobs"


def test_what_is_out_of_use_is_forgotten(clock: FakeTime) -> None:
    descriptions = Descriptions(Counting(), clock)
    kept, _ = descriptions.of(PID), descriptions.of(PID + 1)
    assert kept is not None
    descriptions.keep({kept.key})
    assert descriptions._known.keys() == {kept.key}


@pytest.fixture
def opener() -> Iterator[Opener]:
    with Opener() as started:
        yield started


@pytest.mark.skipif(not psutil.LINUX, reason="names are given through /proc")
def test_a_real_process_that_goes_on_renaming_itself_is_slowed_down(
    clock: FakeTime, opener: Opener
) -> None:
    descriptions = Descriptions(processes(0), clock)
    names = []
    for number in range(30):
        opener.rename(f"job {number}".encode())
        found = descriptions.of(opener.pid)
        assert found is not None
        assert descriptions.changed([found]) == {}
        names.append(found.program.name)
    assert names[:10] == [f"job {number}" for number in range(10)]
    assert set(names[10:]) == {"job 9"}
