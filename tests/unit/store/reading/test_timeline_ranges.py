"""Questions about a range of time: what is counted ahead must equal what is counted one by one."""

import random
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pandas as pd
import pytest

from porteye_core.model import Filters, Listener, Precision, Protocol, Tick, WatchPlan
from porteye_core.store.file.connection import open_connection
from porteye_core.store.reading import busy_ports, event_counts, timeline
from porteye_core.store.reading.event_counts import fitting, pieces
from porteye_core.store.reading.time_bounds import buckets
from porteye_core.store.tables.event_counters import ACTIVITY, TURNOVER
from porteye_core.store.writing.startup import open_writer
from porteye_core.store.writing.writer import Closing, Opening, Writer
from tests.kit.values import HOST, SECOND, endpoint, owned, process

HOUR, DAY = 3600 * SECOND, 86400 * SECOND
BEGIN = 1_774_000_000 * SECOND  # a week before Europe's clocks go forward
DAYS = 20
PLAN = WatchPlan("portable", 2 * SECOND, 10 * SECOND)
PLACES = [(80, "tcp"), (443, "tcp"), (53, "tcp"), (53, "udp"), (8000, "tcp"), (8001, "tcp")]
NAMES = ["nginx", "python3", "dnsmasq"]


@dataclass(frozen=True)
class Life:
    """What is known of a life of the random history."""

    port: int
    protocol: str
    name: str
    opened: int
    closed: int | None

    def passes(self, filters: Filters) -> bool:
        in_ports = not filters.ports or any(low <= self.port <= high for low, high in filters.ports)
        of = filters.protocol in (None, self.protocol)
        return in_ports and of and filters.process in self.name

    def overlaps(self, since: int, until: int) -> bool:
        return self.opened <= until and (self.closed is None or self.closed >= since)


@dataclass(frozen=True)
class History:
    db: Path
    lives: list[Life]

    def events(self, filters: Filters, since: int, until: int) -> list[tuple[int, str, Life]]:
        return [
            (at, kind, life)
            for life in self.lives
            if life.passes(filters)
            for at, kind in ((life.opened, "opened"), (life.closed, "closed"))
            if at is not None and since <= at <= until
        ]

    def open_at(self, filters: Filters, moment: int) -> int:
        return sum(
            life.opened <= moment and (life.closed is None or life.closed > moment)
            for life in self.lives
            if life.passes(filters)
        )


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> History:
    """Six hundred lives of seconds, hours and days; some events at whole minutes, hours and days,
    where buckets begin."""
    dice = random.Random(7)
    made = []
    for _ in range(600):
        (port, protocol), name = dice.choice(PLACES), dice.choice(NAMES)
        opened = BEGIN + dice.randrange(DAYS * DAY)
        opened -= opened % dice.choice([1, 1, 60 * SECOND, HOUR, DAY])
        closed = (
            opened
            + dice.choice([0, SECOND, HOUR, DAY])
            + dice.randrange(dice.choice([SECOND, HOUR, DAY]))
        )
        made.append(
            Life(port, protocol, name, opened, closed if closed < BEGIN + DAYS * DAY else None)
        )
    db = tmp_path_factory.mktemp("history") / "porteye.db"
    with open_writer(db, HOST, BEGIN - DAY) as writer:
        writer.begin_watch(BEGIN - DAY, PLAN)
        write(writer, made)
    return History(db, made)


def write(writer: Writer, made: list[Life]) -> None:
    steps = [(life.opened, 0, number) for number, life in enumerate(made)]
    steps += [
        (life.closed, 1, number) for number, life in enumerate(made) if life.closed is not None
    ]
    born: dict[int, Listener] = {}
    for at, closing, number in sorted(steps):
        life = made[number]
        if closing:
            writer.record_changes(at, closed=[Closing(born.pop(number), at, Precision.KERNEL)])
        else:
            owner = process(10 + NAMES.index(life.name), name=life.name, cmdline=life.name)
            where = owned(endpoint(life.port, life.protocol), owner)
            (born[number],) = writer.record_changes(at, [Opening(where, at, Precision.KERNEL)])


FILTERS = [
    Filters(),
    Filters(process="nginx"),
    Filters(protocol=Protocol.UDP),
    Filters(ports=((53, 80), (8001, 8001))),
    Filters(ports=((53, 53),)),
]
RANGES = [
    (BEGIN - DAY, BEGIN + DAYS * DAY),
    (BEGIN, BEGIN + DAY),
    (BEGIN + 5 * HOUR + 17, BEGIN + 5 * HOUR + 1234 * SECOND),
    (BEGIN + 3 * DAY + 1, BEGIN + 3 * DAY + 5 * HOUR),
    (BEGIN + 2 * DAY + 12345, BEGIN + 15 * DAY + 7 * HOUR + 99),
]
ZONES = ["UTC", "Europe/Berlin", "Asia/Kolkata", "America/St_Johns"]


@pytest.mark.parametrize("filters", FILTERS, ids=str)
@pytest.mark.parametrize(("since", "until"), RANGES)
@pytest.mark.parametrize("zone", ZONES)
def test_counts_per_bucket_equal_those_made_one_by_one(
    history: History, filters: Filters, since: int, until: int, zone: str
) -> None:
    asked = Filters(filters.ports, filters.process, filters.protocol, since=since, until=until)
    edges = buckets(since, until, ZoneInfo(zone), by_port=filters != Filters()).edges
    with open_connection(history.db) as reader:
        found = event_counts.turnover(reader, asked, edges)
    events = history.events(filters, since, until)
    for kind in ("opened", "closed"):
        times = [at for at, what, _ in events if what == kind]
        expected = [sum(first <= at < last for at in times) for first, last in pairwise(edges)]
        assert list(found[kind]) == expected
        assert sum(expected) == len(times)
    ends = [min(edge - 1, until) for edge in edges[1:]]
    assert list(found["open"]) == [history.open_at(filters, end) for end in ends]


@pytest.mark.parametrize("filters", FILTERS, ids=str)
@pytest.mark.parametrize(("since", "until"), RANGES)
@pytest.mark.parametrize("rows_a_seek", [0, 1_000_000])
def test_ports_cells_and_lives_equal_those_counted_one_by_one(
    history: History,
    filters: Filters,
    since: int,
    until: int,
    rows_a_seek: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(event_counts, "_ROWS_A_SEEK", rows_a_seek)
    asked = Filters(filters.ports, filters.process, filters.protocol, since=since, until=until)
    edges = buckets(since, until, ZoneInfo("Europe/Berlin"), by_port=True).edges
    with open_connection(history.db) as reader:
        busiest = busy_ports.busiest(reader, asked, since, until)
        rows = [
            (int(port), protocol)
            for port, protocol in zip(busiest["port"], busiest["protocol"], strict=True)
        ]
        cells = event_counts.by_port(reader, asked, rows, edges)
        drawn = timeline.lives(reader, asked, since, until, rows, rows_a_seek)
    overlapping = [
        life for life in history.lives if life.passes(filters) and life.overlaps(since, until)
    ]
    assert Counter((life.port, life.protocol) for life in overlapping) == Counter(
        dict(zip(rows, busiest["lives"], strict=True))
    )
    events = history.events(filters, since, until)
    per_row = Counter((life.port, life.protocol) for _, _, life in events)
    assert [per_row[row] for row in rows] == list(busiest["opened"] + busiest["closed"])
    assert [per_row[row] for row in rows] == sorted(per_row.values(), reverse=True) + [0] * (
        len(rows) - len(per_row)
    )
    expected: Counter[tuple[int, str, int]] = Counter()
    for at, _, life in events:
        expected[life.port, life.protocol, sum(edge <= at for edge in edges) - 1] += 1
    keys = zip(cells["port"], cells["protocol"], cells["bucket"], strict=True)
    assert dict(zip(keys, cells["opened"] + cells["closed"], strict=True)) == dict(expected)
    assert sorted(zip(drawn["port"], drawn["opened_at"].astype("int64"), strict=True)) == sorted(
        (life.port, life.opened) for life in overlapping
    )


@pytest.mark.parametrize(
    ("filters", "only"),
    [
        pytest.param(Filters(ports=((53, 80),)), [], id="filtered"),
        pytest.param(Filters(process="nginx"), [53, 8000], id="drawn"),
    ],
)
def test_of_some_ports_no_other_is_read_where_they_are_counted(
    history: History, filters: Filters, only: list[int]
) -> None:
    parts = event_counts.parts_by_port(filters, BEGIN, BEGIN + DAYS * DAY, [], only)
    with open_connection(history.db) as reader:
        plans = [
            reader.execute(f"EXPLAIN QUERY PLAN {part.question.sql}", part.question.parameters)
            for part in parts
        ]
        steps = [str(step["detail"]) for plan in plans for step in plan]
    counted = [step for step in steps if step.startswith("SEARCH a ")]
    assert counted
    assert all("bucket=? AND port" in step for step in counted), counted


@pytest.mark.parametrize(("since", "until"), RANGES[1:])
def test_stretches_cover_every_life_and_nothing_else(
    history: History, since: int, until: int
) -> None:
    asked = Filters(since=since, until=until)
    edges = buckets(since, until, ZoneInfo("UTC"), by_port=True).edges
    with open_connection(history.db) as reader:
        busiest = timeline.named(reader, busy_ports.busiest(reader, asked, since, until))
        rows = list(zip(busiest["port"], busiest["protocol"], strict=True))
        cells = event_counts.by_port(reader, asked, rows, edges)
    counted = busy_ports.counted(busiest, cells, len(edges) - 1)
    found = timeline.stretches(busiest, *counted, edges)
    for port, protocol in rows:
        own = found[(found["port"] == port) & (found["protocol"] == protocol)]
        starts, ends = own["start"].astype("int64"), own["end"].astype("int64")
        members = [
            life
            for life in history.lives
            if (life.port, life.protocol) == (port, protocol) and life.overlaps(since, until)
        ]
        for first, last in pairwise(edges):
            held = any(
                life.opened < last
                and (life.closed is None or life.closed >= max(first, since))
                and life.opened <= until
                for life in members
            )
            assert held == any((starts <= first) & (ends >= last)), (port, first)
        opened = sum(life.opened >= since for life in members)
        assert own["opened"].sum() == opened


def test_a_port_names_its_program_or_says_that_it_had_several(db: Path, writer: Writer) -> None:
    python, nginx = process(1, name="python3"), process(2, name="nginx")
    openings = [
        *(
            Opening(owned(endpoint(80), each), 5 * SECOND, Precision.POLL)
            for each in (python, nginx)
        ),
        Opening(owned(endpoint(81), nginx), 5 * SECOND, Precision.POLL),
        Opening(owned(endpoint(82)), 5 * SECOND, Precision.POLL),
    ]
    writer.record_changes(5 * SECOND, openings)
    with open_connection(db) as reader:
        found = timeline.named(reader, busy_ports.busiest(reader, Filters(), SECOND, 9 * SECOND))
    named = dict(zip(found["port"], found["process"].fillna("several"), strict=True))
    assert named == {80: "several", 81: "nginx", 82: ""}


def test_an_edge_knows_the_last_scan_before_it(db: Path) -> None:
    with open_writer(db, HOST, 1) as writer:
        writer.begin_watch(100 * SECOND, PLAN)
        first = owned(endpoint(80), process())
        (standing,) = writer.record_changes(
            100 * SECOND, [Opening(first, 100 * SECOND, Precision.GAP)]
        )
        polled = owned(endpoint(81), process())
        writer.record_changes(150 * SECOND, [Opening(polled, 150 * SECOND, Precision.POLL)])
        exact = owned(endpoint(82), process())
        writer.record_changes(160 * SECOND, [Opening(exact, 160 * SECOND, Precision.KERNEL)])
        writer.end_watch(200 * SECOND)
        writer.begin_watch(300 * SECOND, PLAN)
        writer.record_changes(300 * SECOND, closed=[Closing(standing, 300 * SECOND, Precision.GAP)])
        late = owned(endpoint(83), process())
        writer.record_changes(400 * SECOND, [Opening(late, 400 * SECOND, Precision.GAP)])
        writer.record_tick(
            Tick(400 * SECOND, 1, listeners=3, clients=0, scan_us=1, hidden=0, gap=60 * SECOND), []
        )
    with open_connection(db) as reader:
        rows = [(80, "tcp"), (81, "tcp"), (82, "tcp"), (83, "tcp")]
        found = timeline.lives(reader, Filters(), 0, 500 * SECOND, rows, 9).set_index("port")
    assert pd.isna(found["opened_from"][80])  # nobody had ever scanned before
    assert [at(found["opened_from"][port]) for port in (81, 82, 83)] == [148, 160, 340]
    assert at(found["closed_from"][80]) == 200


def at(moment: pd.Timestamp) -> int:
    return round(moment.timestamp())


def test_pieces_cover_a_range_once_and_whole() -> None:
    dice = random.Random(3)
    for _ in range(200):
        since = BEGIN + dice.randrange(3 * DAY)
        until = since + dice.randrange(1, dice.choice([SECOND, HOUR, 9 * DAY]))
        for resolutions in (TURNOVER, ACTIVITY, ()):
            parts = pieces(since, until, resolutions)
            assert [parts[0].since, *(each.until for each in parts)] == [
                *(each.since for each in parts),
                until,
            ]
            assert parts[0].since == since
            for part in parts:
                bucket = part.resolution * SECOND or 1
                assert part.since % bucket == part.until % bucket == 0


def test_buckets_of_the_tables_that_cross_an_edge_are_not_used() -> None:
    assert fitting(TURNOVER, [HOUR, 2 * HOUR]) == (60, 3600)
    assert fitting(TURNOVER, [90 * SECOND]) == ()
