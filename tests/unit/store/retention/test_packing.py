"""What is packed is what its events come to, whatever happens before, meanwhile and afterwards."""

import random
import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from benchmarks.history.plain import plain_count
from porteye_core.errors import StoreDamaged
from porteye_core.model import Filters, Listener, Precision, Protocol, RetentionPolicy
from porteye_core.store.file.connection import open_connection
from porteye_core.store.reading import busy_ports, ephemeral_ports, event_counts
from porteye_core.store.reading.event_total import event_total
from porteye_core.store.retention import packing
from porteye_core.store.retention.step_budget import StepBudget
from porteye_core.store.writing.startup import open_writer
from porteye_core.store.writing.writer import Closing, Opening, Writer
from tests.conftest import PLAN
from tests.kit.counts import assert_counts_agree, pack_all, packed_pairs, table
from tests.kit.old_database import BEGUN, old_database
from tests.kit.stored import database_of
from tests.kit.values import HOST, SECOND, endpoint, owned, process

MINUTE, HOUR, DAY = 60 * SECOND, 3600 * SECOND, 86_400 * SECOND
BEGIN = 20_000 * DAY
KEEP = RetentionPolicy(events=DAY)
PORTS = (53, 80, 8000, 40_000, 65_535)


@dataclass
class Scene:
    """A history that is written with chance, and the monotonic clock of its writer."""

    db: Path
    chance: random.Random
    now: int = BEGIN
    elapsed: int = 0
    alive: list[Listener] = field(default_factory=list)

    def live(self, writer: Writer) -> None:
        """Let something open, close, become known, or be found late."""
        self.now += int(10 ** self.chance.uniform(3, 10.6))
        opened = []
        for _ in range(self.chance.randrange(5)):
            late = self.chance.choice([0, 0, 0, MINUTE, 3 * HOUR, DAY // 2])
            at = max(BEGIN, self.now - self.chance.randrange(late + 1))
            who = self.chance.choice(
                [None, process(pid := self.chance.randrange(400), name=f"p{pid % 9}")]
            )
            protocol = self.chance.choice(list(Protocol))
            closed = self.chance.choice(
                [None, (at + self.chance.randrange(MINUTE), Precision.POLL)]
            )
            seen = owned(endpoint(self.chance.choice(PORTS), protocol), who)
            opened.append(Opening(seen, at, Precision.POLL, closed))
        gone = [each for each in self.alive if self.chance.random() < 0.2]
        self.alive = [each for each in self.alive if each not in gone]
        born = writer.record_changes(
            self.now, opened, [Closing(each, self.now, Precision.POLL) for each in gone]
        )
        self.alive += [
            each for each, opening in zip(born, opened, strict=True) if opening.closed is None
        ]
        nameless = [each for each in self.alive if each.owner is None]
        if nameless and self.chance.random() < 0.3:
            learnt = self.chance.choice(nameless)
            now_known = owned(learnt.endpoint, process(900, name="learnt"))
            writer.record_changes(self.now, reowned=[(learnt, now_known)])

    def step(self, writer: Writer) -> None:
        """Let the writer do what it does between two scans."""
        self.elapsed += self.chance.choice([2 * SECOND, 2 * SECOND, 2 * MINUTE, 2 * HOUR])
        writer.purge_step(self.now, self.elapsed)


@pytest.mark.parametrize("seed", range(4))
def test_packs_agree_with_the_events_at_every_moment(
    db: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Small steps: an hour takes several, and much happens between them."""
    monkeypatch.setattr(packing, "_FEW_EVENTS", 3)
    monkeypatch.setattr(packing, "StepBudget", lambda **_: StepBudget(2, 1, 2))
    scene = Scene(db, random.Random(seed))
    with open_writer(db, HOST, BEGIN, KEEP) as writer:
        writer.begin_watch(BEGIN, PLAN)
    packed = 0
    for _ in range(6):
        with open_writer(db, HOST, scene.now, KEEP) as writer:
            writer.begin_watch(scene.now, PLAN)
            for _ in range(40):
                scene.live(writer)
                for _ in range(scene.chance.randrange(12)):
                    scene.step(writer)
                assert_counts_agree(db)
            packed = max(packed, len(packed_pairs(db)))
        if scene.chance.random() < 0.5:
            scene.now = max(BEGIN, scene.now - 2 * HOUR)  # the clock was set back
    assert packed > 50
    assert table(db, "SELECT kind FROM dropped WHERE kind = 'events'") == [("events",)]


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_questions_have_the_same_answers_however_much_is_packed(db: Path, share: float) -> None:
    chance = random.Random(7)
    scene = Scene(db, chance)
    with open_writer(db, HOST, BEGIN) as writer:
        writer.begin_watch(BEGIN, PLAN)
        for _ in range(150):
            scene.live(writer)
    pack_all(db, scene.now)
    with closing(sqlite3.connect(db)) as connection:
        buckets = connection.execute("SELECT DISTINCT resolution, bucket FROM pack").fetchall()
        dropped = [each for each in buckets if chance.random() >= share]
        connection.executemany("DELETE FROM pack WHERE resolution = ? AND bucket = ?", dropped)
        connection.commit()
    assert len(buckets) > 100
    for _ in range(60):
        event_counts.forget()
        with open_connection(db) as reader:
            assert_answers_are_exact(reader, random_filters(scene))


def random_filters(scene: Scene) -> Filters:
    chance = scene.chance
    since, until = sorted(chance.randrange(BEGIN - HOUR, scene.now + HOUR) for _ in range(2))
    return Filters(
        since=since,
        until=until,
        ports=chance.choice([(), (), ((80, 80),), ((1, 9000),), ((53, 53), (60_000, 65_535))]),
        process=chance.choice(["", "", "p1", "p", "learnt", "absent"]),
        protocol=chance.choice([None, None, *Protocol]),
    )


def assert_answers_are_exact(reader: sqlite3.Connection, asked: Filters) -> None:
    """Compare a count, the ports and the counts by time and port with the events one by one."""
    assert asked.since is not None
    assert asked.until is not None
    events = [tuple(row) for row in reader.execute(*one_by_one(asked))]
    assert event_total(reader, asked) == len(events)
    assert event_total(reader, asked) == reader.execute(*plain_count(asked)).fetchone()[0]
    edges = list(range(asked.since // HOUR * HOUR, asked.until + HOUR, HOUR))
    turnover = event_counts.turnover(reader, asked, edges)
    ports = sorted({(port, protocol) for port, protocol, *_ in events})
    cells = event_counts.by_port(reader, asked, ports or [(1, "tcp")], edges)
    busiest = busy_ports.busiest(reader, asked, asked.since, asked.until)
    crowds = ephemeral_ports.by_name(reader, asked, asked.since, asked.until, edges)
    for crowd in crowds:
        of = [each for each in events if each[2] == crowd.name]
        assert {port for port, *_ in of} <= set(crowd.ports.tolist())
        for kind, counts in (("opened", crowd.opened), ("closed", crowd.closed)):
            at = [(each[4] - edges[0]) // HOUR for each in of if each[3] == kind]
            assert counts.tolist() == [at.count(place) for place in range(len(edges) - 1)]
    assert {name for _, _, name, *_ in events} <= {crowd.name for crowd in crowds}
    for place, kind in enumerate(("opened", "closed")):
        at = [(each[4] - edges[0]) // HOUR for each in events if each[3] == kind]
        assert turnover[kind].tolist() == [at.count(each) for each in range(len(edges) - 1)]
        by_cell = [
            (port, protocol, (moment - edges[0]) // HOUR)
            for port, protocol, _, of, moment in events
            if of == kind
        ]
        assert {
            tuple(cell[:3]): cell[3 + place]
            for cell in cells.itertuples(index=False, name=None)
            if cell[3 + place]
        } == {cell: by_cell.count(cell) for cell in by_cell}
        of_ports = dict(
            zip(zip(busiest["port"], busiest["protocol"], strict=True), busiest[kind], strict=True)
        )
        assert {port: count for port, count in of_ports.items() if count} == {
            cell[:2]: sum(each[:2] == cell[:2] for each in by_cell) for cell in by_cell
        }


def one_by_one(asked: Filters) -> tuple[str, tuple[object, ...]]:
    """Port, protocol, program name, kind and time of each event that the filters let through."""
    ranges = " OR ".join(f"e.port BETWEEN {low} AND {high}" for low, high in asked.ports) or "1"
    statement = (
        "SELECT e.port, l.protocol, coalesce(g.name, ''), e.kind, e.at FROM event e"
        " JOIN listener l ON l.id = e.listener_id LEFT JOIN program g ON g.id = e.program_id"
        f" WHERE e.at BETWEEN ? AND ? AND ({ranges}) AND (? = '' OR g.name LIKE ?)"
        " AND (? = '' OR l.protocol = ?)"
    )
    protocol = asked.protocol or ""
    named = asked.process, f"%{asked.process}%"
    return statement, (asked.since, asked.until, *named, protocol, protocol)


def test_an_earlier_database_is_packed_in_short_steps_while_it_answers(db: Path) -> None:
    old_database(db, 8)
    with closing(sqlite3.connect(db)) as connection:  # as the writer of that version left it
        wanted = connection.execute("SELECT count(*) FROM event WHERE at > 0").fetchone()[0]
    late = BEGUN + 400 * DAY
    with open_writer(db, HOST, late) as writer:
        assert not packed_pairs(db)
        answers = set()
        for step in range(400):
            writer.purge_step(late, step * 2 * SECOND)
            event_counts.forget()
            with open_connection(db) as reader:
                answers.add(event_total(reader, Filters(ports=((1, 65_535),))))
        assert answers == {wanted}
    assert packed_pairs(db)


def test_a_quiet_minute_waits_for_the_hour_and_a_busy_one_does_not(db: Path) -> None:
    with open_writer(db, HOST, BEGIN) as writer:
        writer.begin_watch(BEGIN, PLAN)
        writer.purge_step(BEGIN, 0)
        elapsed = step_until(writer, BEGIN + HOUR, 2 * HOUR)  # the first round takes all
        at = BEGIN + 2 * HOUR + SECOND
        open_ports(writer, at, 5)
        elapsed = step_until(writer, at + 3 * MINUTE, elapsed + 2 * MINUTE)
        assert minutes(db) == set()
        open_ports(writer, at + 4 * MINUTE, 300)
        step_until(writer, at + 7 * MINUTE, elapsed + 2 * MINUTE)
        assert minutes(db) == {at - SECOND, at - SECOND + 4 * MINUTE}


def open_ports(writer: Writer, at: int, count: int) -> None:
    closed = (at, Precision.KERNEL)
    opened = [
        Opening(owned(endpoint(1 + number), process()), at, Precision.KERNEL, closed)
        for number in range(count)
    ]
    writer.record_changes(at, opened)


def step_until(writer: Writer, now: int, elapsed: int) -> int:
    """Take the steps of one round; returns the monotonic time of the last."""
    writer.purge_step(now, elapsed)
    while database_of(writer)._packing._round is not None:
        elapsed += 2 * SECOND
        writer.purge_step(now, elapsed)
    return elapsed


def minutes(db: Path) -> set[object]:
    return {pair[1] for pair in packed_pairs(db) if pair[0] == 60}


def test_a_storm_is_left_as_it_is(db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A minute or an hour that would take the monitor's memory is read as events and rows."""
    monkeypatch.setattr(packing, "_MAX_EVENTS", 40)
    monkeypatch.setattr(packing, "_MAX_PAIRS", 40)
    with open_writer(db, HOST, BEGIN) as writer:
        writer.begin_watch(BEGIN, PLAN)
        open_ports(writer, BEGIN + SECOND, 50)
        open_ports(writer, BEGIN + 5 * HOUR, 3)
    pack_all(db, BEGIN + 3 * DAY)
    assert {pair[:2] for pair in packed_pairs(db)} == {
        (60, BEGIN + 5 * HOUR),
        (3600, BEGIN + 5 * HOUR),
    }
    with open_connection(db) as reader:
        assert event_total(reader, Filters(protocol=Protocol.TCP)) == 106


@pytest.fixture
def packed(db: Path) -> Path:
    with open_writer(db, HOST, BEGIN) as writer:
        writer.begin_watch(BEGIN, PLAN)
        open_ports(writer, BEGIN + SECOND, 50)
        open_ports(writer, BEGIN + 2 * DAY, 1)
    pack_all(db, BEGIN + 4 * DAY)
    return db


@pytest.mark.parametrize(
    ("column", "blob"),
    [
        pytest.param("programs", b"\1", id="arrays of two lengths"),
        pytest.param("programs", b"\xff" * 50, id="a program that there is not"),
        pytest.param("ports", b"\1", id="half a port"),
    ],
)
def test_a_pack_that_no_monitor_can_have_written_is_damage(
    packed: Path, column: str, blob: bytes
) -> None:
    with closing(sqlite3.connect(packed)) as connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        connection.execute(f"UPDATE pack SET {column} = ? WHERE length(ports) = 100", (blob,))
        connection.commit()
    with pytest.raises(StoreDamaged), open_connection(packed) as reader:
        event_total(reader, Filters(process="nginx"))
