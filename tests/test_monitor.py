"""The loop, with a clock and a source that do as they are told, on a real database."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from porteye_core.errors import SourceError
from porteye_core.model import Limit, Socket, WatchPlan
from porteye_core.monitor import Monitor
from porteye_core.owner import OwnerFinder, UsageMeter
from porteye_core.store.reader import open_reader
from porteye_core.store.sqlite import Writer, open_writer
from tests.kit.values import HOST, SECOND, endpoint

PLAN = WatchPlan("scripted", 1 * SECOND, 10 * SECOND)
A, B = Socket(endpoint(1001)), Socket(endpoint(1002))


class ScriptedClock:
    def __init__(self) -> None:
        self.wall = 1_000 * SECOND
        self.steady = 50 * SECOND

    def now(self) -> int:
        return self.wall

    def elapsed(self) -> int:
        return self.steady

    def pass_(self, micros: int) -> None:
        self.wall += micros
        self.steady += micros


class ScriptedSource:
    name = "scripted"

    def __init__(self) -> None:
        self.sockets: tuple[Socket, ...] = ()
        self.failing = False
        self.counted: list[bool] = []

    def read(self, *, count_clients: bool) -> tuple[Socket, ...]:
        if self.failing:
            raise SourceError("The table could not be read.")
        self.counted.append(count_clients)
        return tuple(self.sockets)

    def limits(self) -> tuple[Limit, ...]:
        return ()


class Rig:
    """A monitor whose every look is one call."""

    def __init__(self, db: Path, writer: Writer, clock: ScriptedClock) -> None:
        self.db, self.clock, self.source = db, clock, ScriptedSource()
        self.monitor = Monitor(
            source=self.source,
            finder=OwnerFinder(privileged=True),
            meter=UsageMeter(),
            writer=writer,
            clock=clock,
            plan=PLAN,
        )

    def look(self, *sockets: Socket, after: int = SECOND, failing: bool = False) -> None:
        self.clock.pass_(after)
        self.source.sockets, self.source.failing = sockets, failing
        self.monitor.look()

    def rows(self, statement: str) -> list[tuple[object, ...]]:
        with open_reader(self.db) as reader:
            return [tuple(row) for row in reader.execute(statement)]

    @property
    def events(self) -> list[tuple[object, ...]]:
        return self.rows("SELECT kind, port, seen FROM event ORDER BY id")


@pytest.fixture
def rig(db: Path) -> Iterator[Rig]:
    with open_writer(db, HOST, 1) as writer:
        yield Rig(db, writer, ScriptedClock())


def test_what_opens_and_closes_between_looks_is_seen_by_poll(rig: Rig) -> None:
    rig.look()
    rig.look(A)
    rig.look()
    assert rig.events == [("opened", 1001, "poll"), ("closed", 1001, "poll")]


def test_what_was_there_before_the_first_look_opened_in_a_gap(rig: Rig) -> None:
    rig.look(A)
    assert rig.events == [("opened", 1001, "gap")]


def test_a_failed_look_is_a_gap_and_closes_nothing(rig: Rig) -> None:
    rig.look(A)
    rig.look(failing=True)
    assert len(rig.events) == 1
    rig.look(A)
    assert len(rig.events) == 1
    assert rig.rows("SELECT gap FROM tick WHERE gap > 0") == [(2 * SECOND,)]


def test_what_changed_during_failed_looks_is_seen_in_a_gap(rig: Rig) -> None:
    rig.look(A)
    rig.look(failing=True)
    rig.look(B)
    assert rig.events[1:] == [("closed", 1001, "gap"), ("opened", 1002, "gap")]


def test_a_failure_is_logged_once_until_it_is_over(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "porteye"):
        for failing in (False, True, True, True, False, True):
            rig.look(A, failing=failing)
    assert len(caplog.records) == 2


def test_no_watch_begins_before_the_first_look_succeeds(rig: Rig) -> None:
    rig.look(failing=True)
    assert rig.rows("SELECT * FROM watch") == []
    rig.look(A)
    assert rig.rows("SELECT started_at FROM watch") == [(rig.clock.now(),)]


def test_a_look_that_comes_much_too_late_saw_a_gap(rig: Rig) -> None:
    rig.look(A)
    rig.look(after=60 * SECOND)
    assert rig.events[1:] == [("closed", 1001, "gap")]
    assert rig.rows("SELECT gap FROM tick WHERE gap > 0") == [(60 * SECOND,)]


def test_a_clock_that_is_set_is_recorded_and_ends_no_life_too_early(rig: Rig) -> None:
    rig.look()
    rig.look(A)
    rig.clock.wall -= 3600 * SECOND
    rig.look(after=10 * SECOND)
    assert rig.rows("SELECT jump FROM tick WHERE jump != 0") == [(-3600 * SECOND,)]
    assert rig.rows("SELECT closed_at >= opened_at FROM listener") == [(1,)]
    assert rig.rows("SELECT gap FROM tick WHERE gap > 0") == [(10 * SECOND,)]


def test_samples_come_at_their_own_beat_and_for_what_has_just_opened(rig: Rig) -> None:
    for _ in range(12):
        rig.look(A)
    assert rig.source.counted == [True] + [False] * 9 + [True, False]
    rig.look(A, B)
    assert rig.rows("SELECT tick_id, port FROM sample JOIN listener l ON l.id = listener_id") == [
        (1, 1001),
        (2, 1001),
        (3, 1002),
    ]


def test_a_restart_logs_nothing_again_and_closes_what_has_gone(db: Path) -> None:
    clock = ScriptedClock()
    with open_writer(db, HOST, 1) as writer:
        first = Rig(db, writer, clock)
        first.look(A, B)
        first.monitor.stop()
    clock.pass_(100 * SECOND)
    with open_writer(db, HOST, 2) as writer:
        second = Rig(db, writer, clock)
        second.look(A)
    assert second.events[2:] == [("closed", 1002, "gap")]
    assert second.rows("SELECT count(*) FROM watch") == [(2,)]


def test_a_failed_first_look_after_a_restart_closes_nothing(db: Path) -> None:
    clock = ScriptedClock()
    with open_writer(db, HOST, 1) as writer:
        Rig(db, writer, clock).look(A)
    with open_writer(db, HOST, 2) as writer:
        again = Rig(db, writer, clock)
        again.look(failing=True)
        again.look(A)
    assert len(again.events) == 1


def test_the_loop_looks_until_it_is_told_to_stop(rig: Rig) -> None:
    waits: list[float] = []

    def wait(seconds: float) -> bool:
        waits.append(seconds)
        rig.clock.pass_(round(seconds * SECOND))
        return len(waits) == 3

    rig.monitor.run(wait)
    assert waits == [1.0, 1.0, 1.0]
    assert rig.rows("SELECT stopped_at FROM watch") == [(rig.clock.now(),)]


def test_a_monitor_whose_parent_has_gone_ends(rig: Rig) -> None:
    rig.monitor.run(lambda seconds: False, orphaned=lambda: True)
    assert rig.rows("SELECT stopped_at IS NOT NULL FROM watch") == [(1,)]


def test_a_hidden_owner_is_counted_with_the_tick(rig: Rig) -> None:
    rig.look(A, B)
    assert rig.rows("SELECT hidden, listeners FROM tick") == [(2, 2)]
    assert rig.rows("SELECT DISTINCT hidden FROM listener") == [("kernel",)]
