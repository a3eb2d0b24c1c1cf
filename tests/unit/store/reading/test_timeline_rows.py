"""The rows of a timeline: which are shown, in which order, and what stands for several ports."""

from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from porteye_core.model import Filters, Precision, Tick, WatchPlan
from porteye_core.store.reading import Grouping, Row, Rows, Shape, open_reader
from porteye_core.store.reading import timeline_rows as module
from porteye_core.store.reading.timeline_rows import fitting
from porteye_core.store.writing.startup import open_writer
from porteye_core.store.writing.writer import Closing, Opening, Writer
from tests.kit.timelines import timeline_of
from tests.kit.values import HOST, SECOND, endpoint, owned, process

UTC = ZoneInfo("UTC")
HOUR = 3600 * SECOND
BEGIN = 1_774_000_800 * SECOND  # a whole hour
END = BEGIN + 24 * HOUR
PLAN = WatchPlan("portable", 2 * SECOND, 10 * SECOND)
ANYWHERE, HERE = "0.0.0.0", "127.0.0.1"


class Machine:
    """Openings and closings, in hours since the beginning."""

    def __init__(self, writer: Writer) -> None:
        self._writer, self._pid = writer, 10

    def had(
        self,
        port: int,
        name: str,
        address: str = HERE,
        since: float = 1,
        until: float | None = None,
        seen: Precision = Precision.KERNEL,
        protocol: str = "tcp",
    ) -> None:
        self._pid += 1
        at = BEGIN + round(since * HOUR)
        where = owned(endpoint(port, protocol, address), process(self._pid, name=name))
        (life,) = self._writer.record_changes(at, [Opening(where, at, seen)])
        if until is not None:
            over = BEGIN + round(until * HOUR)
            self._writer.record_changes(over, closed=[Closing(life, over, Precision.KERNEL)])


@pytest.fixture
def machine(db: Path) -> Iterator[Machine]:
    with open_writer(db, HOST, BEGIN) as writer:
        writer.begin_watch(BEGIN, PLAN)
        yield Machine(writer)


def rows(db: Path, shape: Shape | None = None, filters: Filters | None = None) -> Rows:
    with open_reader(db) as reader:
        found = reader.timeline_rows(filters or Filters(), BEGIN, END, UTC, shape or Shape())
    assert found is not None
    return found


def ports(found: Rows) -> list[int]:
    return [row.place[0] for row in found.rows if row.place]


def test_what_can_be_reached_comes_first_then_what_was_open_for_longer(
    db: Path, machine: Machine
) -> None:
    machine.had(5432, "postgres")
    machine.had(443, "nginx", ANYWHERE)
    machine.had(80, "nginx", ANYWHERE)
    machine.had(3000, "node", ANYWHERE, since=10, until=11)
    machine.had(8000, "ruby", since=2, until=12)
    machine.had(9000, "php", since=20)
    found = rows(db)
    assert ports(found) == [80, 443, 3000, 5432, 8000, 9000]
    assert [row.is_reachable for row in found.rows] == [True] * 3 + [False] * 3
    assert [row.name for row in found.rows][:3] == ["nginx", "nginx", "node"]


def test_a_port_that_was_reachable_at_either_edge_is_so(db: Path, machine: Machine) -> None:
    machine.had(3000, "node", HERE, since=2)
    machine.had(3000, "node", ANYWHERE, since=3)
    machine.had(3001, "node", ANYWHERE, since=2, until=3)
    machine.had(3001, "node", HERE, since=3)
    reach = {row.place: row.is_reachable for row in rows(db).rows}
    assert reach == {(3000, "tcp"): True, (3001, "tcp"): False}


def test_a_name_is_that_of_the_latest_owner(db: Path, machine: Machine) -> None:
    machine.had(3000, "flask", since=1, until=2)
    machine.had(3000, "node", since=3, until=4)
    (row,) = rows(db).rows
    assert row.name == "node"


def test_rows_that_fit_leave_a_third_to_what_only_this_machine_reaches() -> None:
    far = [Row(str(number), is_reachable=True) for number in range(30)]
    near = [Row(str(number)) for number in range(30)]
    shown = fitting(far + near, 12)
    assert [row.is_reachable for row in shown] == [True] * 8 + [False] * 4
    assert fitting(far + near[:2], 12) == far[:10] + near[:2]
    assert fitting(far[:3] + near, 12) == far[:3] + near[:9]
    assert fitting(far[:3], 12) == far[:3]


def test_what_does_not_fit_is_counted(db: Path, machine: Machine) -> None:
    for port in range(8000, 8030):
        machine.had(port, "node")
    found = rows(db, Shape(rows=20))
    assert len(found.rows) == 20
    assert (found.all_rows, found.ports, found.lives) == (30, 30, 30)


@pytest.mark.parametrize("ephemeral", [(32768, 60999), (1024, 65535), (10000, 10001)])
def test_ephemeral_ports_of_this_machine_are_a_row_for_each_program(
    db: Path, machine: Machine, ephemeral: tuple[int, int]
) -> None:
    first, last = ephemeral
    machine.had(first - 1, "java")
    for port in (first, last):
        machine.had(port, "node", since=2, until=4)
    machine.had(first, "node", since=6.5, until=6.6)
    machine.had(last, "pytest", since=6.25)
    folded = rows(db, Shape(folded=4, ephemeral=ephemeral))
    assert ports(folded) == [first - 1]
    node, pytest_ = folded.rows[1:]
    assert (node.name, node.ports, node.is_ephemeral) == ("node", 2, True)
    assert (pytest_.name, pytest_.ports) == ("pytest", 1)
    assert node.density is not None
    assert pytest_.density is not None
    hours = (node.density.edges.astype("int64") - BEGIN) // HOUR
    in_hour = dict(zip(hours.tolist(), node.density.counts.tolist(), strict=False))
    assert {hour: count for hour, count in in_hour.items() if count} == {2: 2, 3: 2, 4: 2, 6: 1}
    assert pytest_.density.counts.tolist()[6:24] == [1] * 18
    assert (folded.ports, folded.lives, folded.crowds) == (3, 5, 2)
    unfolded = rows(db, Shape(ephemeral=ephemeral))
    assert sorted(ports(unfolded)) == sorted({first - 1, first, last})
    assert unfolded.lives == 5


def test_more_programs_than_rows_for_them_are_counted(db: Path, machine: Machine) -> None:
    for number in range(6):
        for port in range(40000, 40001 + number):
            machine.had(port, f"p{number}", since=1, until=2)
    found = rows(db, Shape(folded=2))
    assert [row.name for row in found.rows] == ["p5", "p4"]
    assert found.crowds == 6
    assert found.ports == 6


def test_ports_that_are_asked_for_by_number_are_never_folded(db: Path, machine: Machine) -> None:
    machine.had(40000, "node")
    machine.had(80, "nginx")
    asked = Filters(ports=((40000, 40009),))
    assert ports(rows(db, Shape(folded=4), asked)) == [40000]


def test_a_program_with_several_ports_is_one_row_that_says_how_many_were_open(
    db: Path, machine: Machine
) -> None:
    machine.had(80, "nginx", ANYWHERE, since=0)
    machine.had(443, "nginx", ANYWHERE, since=12)
    machine.had(5432, "postgres")
    nginx, postgres = rows(db, Shape(Grouping.PROGRAM)).rows
    assert (nginx.name, nginx.ports, nginx.place) == ("nginx", 2, None)
    assert nginx.density is not None
    assert nginx.density.counts.tolist()[:24] == [1] * 12 + [2] * 12
    assert postgres.place == (5432, "tcp")


def test_an_exposure_is_a_row_of_its_ports(db: Path, machine: Machine) -> None:
    machine.had(80, "nginx", ANYWHERE)
    machine.had(443, "nginx", ANYWHERE)
    machine.had(5432, "postgres")
    found = rows(db, Shape(Grouping.EXPOSURE))
    assert [(row.name, row.ports) for row in found.rows] == [
        ("every interface", 2),
        ("this machine only", 1),
    ]


def test_the_busiest_ports_have_their_events_in_each_bucket(db: Path, machine: Machine) -> None:
    machine.had(80, "nginx")
    for hour in (3, 4, 4.5):
        machine.had(3000, "node", since=hour, until=hour + 0.25)
    found = rows(db)
    assert list(found.busiest) == [(3000, "tcp"), (80, "tcp")]
    assert found.busiest[3000, "tcp"].tolist()[:6] == [0, 0, 0, 2, 4, 0]
    assert found.active == 2


def test_in_a_storm_ports_are_counted_by_whole_hours(
    db: Path, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.had(80, "nginx", since=0.5)
    machine.had(3000, "node", since=0.75, until=0.8)
    since, until = BEGIN + HOUR // 3, BEGIN + HOUR + HOUR // 3
    with open_reader(db) as reader:
        exact = reader.timeline_rows(Filters(), since, until, UTC, Shape())
        monkeypatch.setattr(module, "_STORM", 1)
        rounded = reader.timeline_rows(Filters(), since, until, UTC, Shape())
    assert exact is not None
    assert rounded is not None
    assert (exact.is_rounded, rounded.is_rounded) == (False, True)
    assert rounded.by_port.name == "hour"
    assert [edge - BEGIN for edge in rounded.by_port.edges][:3] == [0, HOUR, 2 * HOUR]
    assert ports(rounded) == ports(exact) == [80, 3000]
    assert rounded.lives == exact.lives == 2


def test_what_a_watch_found_at_its_beginning_or_after_a_gap_was_there_already(
    db: Path, machine: Machine
) -> None:
    machine.had(80, "nginx", since=0, seen=Precision.GAP)
    machine.had(443, "nginx", since=0, seen=Precision.GAP)
    machine.had(3000, "node", since=2)
    # A namespace of a container is scanned at the sampling ticks: what opened between two of them
    # was not there already.
    machine.had(8080, "java", since=5, seen=Precision.GAP)
    tick = Tick(BEGIN + 9 * HOUR, 1, listeners=5, clients=0, scan_us=1, hidden=0, gap=HOUR)
    machine._writer.record_tick(tick, [])
    machine.had(9000, "php", since=9, seen=Precision.GAP)
    with open_reader(db) as reader:
        found = timeline_of(reader, Filters(), BEGIN, END)
        narrowed = timeline_of(reader, Filters(process="nginx"), BEGIN, END)
        later = timeline_of(reader, Filters(), BEGIN + HOUR, END)
    assert found is not None
    assert narrowed is not None
    assert later is not None
    hours = (found.turnover["at"].astype("int64") - BEGIN) // HOUR
    there = {hour: n for hour, n in zip(hours, found.turnover["already"], strict=True) if n}
    assert there == {0: 2, 9: 1}
    assert found.turnover["opened"].sum() == 2
    assert (narrowed.turnover["already"].sum(), narrowed.turnover["opened"].sum()) == (2, 0)
    assert later.turnover["already"].sum() == 1
