"""The attack surface over time: its line, and the name of each step."""

from pathlib import Path

from porteye_core.model import Filters, Precision
from porteye_core.store.reading import Step, Surface, open_reader
from tests.kit.values import SECOND
from tests.unit.store.reading.test_timeline_rows import (
    ANYWHERE,
    BEGIN,
    END,
    HOUR,
    Machine,
    machine,
)

__all__ = ["machine"]


def surface(
    db: Path, filters: Filters | None = None, since: int = BEGIN, events: int = 0
) -> Surface:
    with open_reader(db) as reader:
        return reader.surface(filters or Filters(), since, END, events)


def told(found: Surface) -> list[tuple[float, bool, int, str]]:
    return [((step.at - BEGIN) / HOUR, step.is_up, step.port, step.process) for step in found.steps]


def test_each_listener_that_comes_within_reach_or_goes_is_a_step(
    db: Path, machine: Machine
) -> None:
    machine.had(80, "nginx", ANYWHERE, since=0, seen=Precision.GAP)
    machine.had(3000, "node", ANYWHERE, since=3)
    machine.had(5432, "postgres", since=4)
    machine.had(8080, "redis", ANYWHERE, since=5, until=7)
    found = surface(db)
    assert found.begun == 1  # nginx was there when PortEye began to watch
    assert told(found) == [
        (3, True, 3000, "node"),
        (5, True, 8080, "redis"),
        (7, False, 8080, "redis"),
    ]
    frame = found.frame
    assert list(frame["count"]) == [2, 3, 2]
    assert [(at - BEGIN) / HOUR for at in frame["at"].astype("int64")] == [3, 5, 7]


def test_a_restart_within_a_minute_is_no_step(db: Path, machine: Machine) -> None:
    second = SECOND / HOUR
    machine.had(443, "nginx", ANYWHERE, since=1, until=4)
    machine.had(443, "nginx", ANYWHERE, since=4 + 59 * second, until=8)
    machine.had(443, "nginx", ANYWHERE, since=8 + 61 * second)
    assert [(round(at, 3), up) for at, up, *_ in told(surface(db))] == [
        (1, True),
        (8, False),
        (8.017, True),
    ]


def test_a_change_from_local_to_reachable_is_a_step(db: Path, machine: Machine) -> None:
    machine.had(3000, "node", since=1, until=5)
    machine.had(3000, "node", ANYWHERE, since=5.001)
    assert [(up, port) for _, up, port, _ in told(surface(db))] == [(True, 3000)]


def test_the_line_begins_where_the_range_or_the_first_watch_does(
    db: Path, machine: Machine
) -> None:
    machine.had(3000, "node", ANYWHERE, since=3)
    machine.had(3001, "node", ANYWHERE, since=6, until=9)
    assert surface(db, since=BEGIN - 9 * HOUR).since == BEGIN
    later = surface(db, since=BEGIN + 4 * HOUR)
    assert (later.since, later.begun) == (BEGIN + 4 * HOUR, 1)
    assert [port for _, _, port, _ in told(later)] == [3001, 3001]


def test_of_many_events_only_lives_of_an_hour_or_longer_are_read_and_that_is_said(
    db: Path, machine: Machine
) -> None:
    machine.had(3000, "node", ANYWHERE, since=3, until=3.5)
    machine.had(8080, "redis", ANYWHERE, since=4, until=6)
    assert len(surface(db).steps) == 4
    assert not surface(db).is_long
    few = surface(db, events=1_000_000)
    assert few.is_long
    assert {step.port for step in few.steps} == {8080}


def test_filters_narrow_the_line(db: Path, machine: Machine) -> None:
    machine.had(3000, "node", ANYWHERE, since=3)
    machine.had(8080, "redis", ANYWHERE, since=4)
    assert {step.port for step in surface(db, Filters(process="redis")).steps} == {8080}
    assert surface(db, Filters(ports=((1, 9),))).frame.empty


def test_a_step_knows_its_listener_and_how_exact_its_time_is(db: Path, machine: Machine) -> None:
    machine.had(3000, "node", ANYWHERE, since=3, seen=Precision.POLL)
    (step,) = surface(db).steps
    with open_reader(db) as reader:
        life = reader.listener(step.listener)
    assert life is not None
    assert step == Step(
        BEGIN + 3 * HOUR,
        is_up=True,
        port=3000,
        protocol="tcp",
        process="node",
        listener=life.id,
        seen=Precision.POLL,
    )


def test_a_moment_counts_what_was_open_and_what_of_it_was_reachable(
    db: Path, machine: Machine
) -> None:
    machine.had(80, "nginx", ANYWHERE, since=1)
    machine.had(5432, "postgres", since=2)
    machine.had(3000, "node", ANYWHERE, since=3, until=4)
    with open_reader(db) as reader:
        counts = [reader.open_count(Filters(), BEGIN + at * HOUR) for at in (0, 1, 2, 3, 5)]
        assert reader.open_count(Filters(process="post"), BEGIN + 3 * HOUR) == (1, 0)
    assert counts == [(0, 0), (1, 1), (2, 1), (3, 2), (2, 1)]
