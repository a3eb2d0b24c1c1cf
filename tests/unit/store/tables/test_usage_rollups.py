"""Rollups, turnover and activity say what samples and events say, whatever happens."""

import sqlite3
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from porteye_core.model import AttributedSocket, Listener, Precision, Sample, Tick
from porteye_core.store.file import migrations
from porteye_core.store.writing.startup import open_writer
from porteye_core.store.writing.writer import Closing, Opening, Writer
from tests.conftest import PLAN
from tests.kit.counts import assert_counts_agree, table
from tests.kit.values import HOST, SECOND, endpoint, owned, process


@contextmanager
def new_writer() -> Iterator[tuple[Path, Writer]]:
    """A writer on a file of its own: hypothesis runs a test many times with one fixture."""
    with tempfile.TemporaryDirectory() as folder:
        db = Path(folder) / "x.db"
        with open_writer(db, HOST, 1) as writer:
            writer.begin_watch(1, PLAN)
            yield db, writer


HOURS = st.integers(0, 60 * 3600 * SECOND)
SOCKETS = st.builds(
    lambda port, protocol, pid: owned(
        endpoint(port, protocol), process(pid, name=f"p{pid % 3}") if pid else None
    ),
    st.integers(1, 3),
    st.sampled_from(("tcp", "udp")),
    st.integers(0, 4),
)
STEPS = st.lists(
    st.tuples(
        HOURS,
        st.lists(st.tuples(SOCKETS, st.booleans()), max_size=4),
        st.integers(0, 3),  # how many close
        st.lists(st.tuples(st.integers(0, 20), SOCKETS), max_size=2),
    ),
    max_size=12,
)


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_counts_are_those_of_the_events(
    steps: list[
        tuple[int, list[tuple[AttributedSocket, bool]], int, list[tuple[int, AttributedSocket]]]
    ],
) -> None:
    with new_writer() as (db, writer):
        left: list[Listener] = []
        for at, opening, closing, learning in steps:
            closed, left = left[:closing], left[closing:]
            reowned = [(left[i % len(left)], seen) for i, seen in learning if left]
            openings = [
                Opening(
                    seen, at, Precision.POLL, (at + SECOND, Precision.KERNEL) if short else None
                )
                for seen, short in opening
            ]
            born = writer.record_changes(
                at, openings, [Closing(each, at, Precision.POLL) for each in closed], reowned
            )
            pairs = zip(born, openings, strict=True)
            left += [each for each, opened in pairs if opened.closed is None]
        assert_counts_agree(db)


def test_an_opening_moves_to_the_first_program_that_is_learnt(db: Path, writer: Writer) -> None:
    (born,) = writer.record_changes(5, [Opening(owned(), 5, Precision.POLL)])
    assert table(db, "SELECT program_id, opened FROM activity") == [(0, 1), (0, 1)]
    writer.record_changes(6, reowned=[(born, owned(owner=process(10, name="a")))])
    assert table(db, "SELECT program_id, opened FROM activity") == [(1, 1), (1, 1)]
    writer.record_changes(7, reowned=[(born, owned(owner=process(11, name="b")))])
    assert table(db, "SELECT program_id, opened FROM activity") == [(1, 1), (1, 1)]
    assert table(db, "SELECT program_id FROM event") == [(1,)]
    assert_counts_agree(db)


SamplingTick = tuple[int, dict[int, tuple[int | None, int | None]]]
BEATS = st.lists(
    st.tuples(
        st.integers(1, 400),  # seconds since the tick before
        st.dictionaries(
            st.integers(1, 3),
            st.tuples(
                st.none() | st.integers(0, 10_000).map(lambda n: n * 60),
                st.none() | st.integers(0, 50),
            ),
        ),
    ),
    max_size=40,
)


@settings(max_examples=60, deadline=None)
@given(BEATS)
def test_a_rollup_is_that_of_every_beat(ticks: list[SamplingTick]) -> None:
    with new_writer() as (db, writer):
        sockets = [owned(endpoint(port)) for port in (1, 2, 3)]
        writer.record_changes(1, [Opening(each, 1, Precision.POLL) for each in sockets])
        expected: dict[tuple[int, int, int], list[tuple[int | None, int | None]]] = defaultdict(
            list
        )
        at = 0
        for after, used in ticks:
            at += after * SECOND
            writer.record_tick(
                Tick(at, at, 3, 0, 0, 0),
                [Sample(n, cpu=cpu, clients=clients) for n, (cpu, clients) in used.items()],
            )
            for number, values in used.items():
                for resolution in (300, 3600):
                    bucket = at - at % (resolution * SECOND)
                    expected[resolution, bucket, number].append(values)
        writer.end_watch(at)
        rows = table(
            db,
            "SELECT resolution, bucket, listener_id, beats, cpu_sum, cpu_max,"
            " clients_max FROM rollup",
        )
    assert {row[:3] for row in rows} == set(expected)
    for *key, count, cpu_sum, cpu_max, clients_max in rows:
        seen = expected[tuple(key)]  # type: ignore[index]
        cpu = [each for each, _ in seen if each is not None]
        clients = [each for _, each in seen if each is not None]
        assert count == len(seen)
        assert (cpu_max, clients_max) == (max(cpu, default=None), max(clients, default=None))
        if len(cpu) == len(seen):
            assert cpu_sum == sum(cpu)
        elif not cpu:
            assert cpu_sum is None
        else:  # what could not be read never moves the mean out of what was
            assert isinstance(cpu_sum, int)
            assert min(cpu) - 1 <= cpu_sum / count <= max(cpu)


def test_the_hour_has_what_a_killed_writer_counted_last(db: Path) -> None:
    hour = 3600 * SECOND
    with open_writer(db, HOST, 1) as writer:
        writer.begin_watch(hour, PLAN)
        (born,) = writer.record_changes(hour, [Opening(owned(), hour, Precision.POLL)])
        for tick in range(3):
            at = hour + tick * 10 * SECOND
            writer.record_tick(Tick(at, at, 1, 0, 0, 0), [Sample(born.id, cpu=100)])
    with open_writer(db, HOST, 1) as writer:
        writer.begin_watch(2 * hour, PLAN)
        writer.record_tick(Tick(2 * hour, 2 * hour, 1, 0, 0, 0), [Sample(born.id, cpu=900)])
    assert table(db, "SELECT beats, cpu_sum, cpu_max FROM rollup WHERE resolution = 3600") == [
        (3, 300, 100)
    ]


def test_an_older_database_is_brought_up_to_date_with_its_events_counted(db: Path) -> None:
    made = sqlite3.connect(db, isolation_level=None)
    made.executescript(migrations.STEPS[0])
    made.executescript(f"""
        PRAGMA user_version = 1;
        PRAGMA application_id = {migrations.APPLICATION_ID};
        INSERT INTO host VALUES (1, 'here', 'm1', 'Linux', 1, NULL, '', 0);
        INSERT INTO program VALUES (1, x'00', 'nginx', '', '', ''), (2, x'01', 'dns', '', '', '');
        """)
    lives = [(80, "tcp", 1, 1), (80, "tcp", None, 1), (53, "udp", None, None), (53, "udp", 2, 2)]
    for number, (port, protocol, of_event, of_life) in enumerate(lives, start=1):
        opened, closed = number * 1700 * SECOND, number * 40_000 * SECOND
        made.execute(
            "INSERT INTO listener (id, host_id, protocol, family, address, port, user, program_id,"
            " opened_at, opened_seen, closed_at, closed_seen)"
            " VALUES (?, 1, ?, 'ipv4', '', ?, '', ?, ?, 'poll', ?, 'poll')",
            (number, protocol, port, of_life, opened, closed),
        )
        for at, kind in ((opened, "opened"), (closed, "closed")):
            made.execute(
                "INSERT INTO event (host_id, at, kind, seen, listener_id, port, program_id)"
                " VALUES (1, ?, ?, 'poll', ?, ?, ?)",
                (at, kind, number, port, of_event),
            )
    made.close()
    with open_writer(db, HOST, 1) as writer:
        assert_counts_agree(db)
        assert table(db, "SELECT sum(opened), sum(closed) FROM turnover WHERE resolution = 60") == [
            (4, 4)
        ]
        writer.begin_watch(1, PLAN)
        writer.record_changes(5, [Opening(owned(endpoint(53, "udp")), 5, Precision.POLL)])
        assert_counts_agree(db)
