"""Sums over time that is over are asked once, and again as soon as they may have changed."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from porteye_core.model import Filters, Precision, Protocol, RetentionPolicy
from porteye_core.store.file.connection import open_connection
from porteye_core.store.reading import busy_ports, event_counts
from porteye_core.store.reading.event_total import event_total
from porteye_core.store.reading.time_bounds import buckets
from porteye_core.store.writing.startup import open_writer
from porteye_core.store.writing.writer import Opening, Writer
from tests.conftest import PLAN
from tests.kit.values import HOST, SECOND, endpoint, owned, process

HOUR = 3600 * SECOND
DAY = 24 * HOUR
BEGIN = 20_000 * DAY
NOW = BEGIN + 3 * DAY + 5 * HOUR
TCP = Filters(protocol=Protocol.TCP, since=BEGIN, until=NOW)
EDGES = buckets(BEGIN, NOW, ZoneInfo("UTC"), by_port=True).edges


@pytest.fixture
def written(db: Path) -> Iterator[Writer]:
    """Three days in which a port is opened every hour, and the writer that wrote them."""
    event_counts.forget()
    with open_writer(db, HOST, BEGIN, RetentionPolicy(events=2 * DAY)) as writer:
        writer.begin_watch(BEGIN, PLAN)
        for hour in range(77):
            open_port(writer, BEGIN + hour * HOUR + SECOND)
        yield writer


def open_port(writer: Writer, at: int, port: int = 80) -> None:
    """Open it, and close it at once: two events."""
    owner, closed = process(port, name=f"server-{port}"), (at, Precision.KERNEL)
    writer.record_changes(at, [Opening(owned(endpoint(port), owner), at, Precision.KERNEL, closed)])


def of_busy_ports(db: Path) -> int:
    with open_connection(db) as reader:
        found = busy_ports.busiest(reader, TCP, BEGIN, NOW)
    return int(found["opened"].sum() + found["closed"].sum())


def of_a_port_by_time(db: Path) -> int:
    with open_connection(db) as reader:
        cells = event_counts.by_port(reader, TCP, [(80, "tcp")], EDGES)
    return int(cells["opened"].sum() + cells["closed"].sum())


def by_time(db: Path) -> int:
    with open_connection(db) as reader:
        found = event_counts.turnover(reader, TCP, EDGES)
    return int(found["opened"].sum() + found["closed"].sum())


def of_a_protocol(db: Path) -> int:
    with open_connection(db) as reader:
        return event_total(reader, TCP)


def of_a_word(db: Path) -> int:
    with open_connection(db) as reader:
        return event_total(reader, Filters(process="server", since=BEGIN, until=NOW))


Count = Callable[[Path], int]
every_count = pytest.mark.parametrize(
    "count", [of_busy_ports, of_a_port_by_time, by_time, of_a_protocol, of_a_word]
)


def answers_read(db: Path, count: Count) -> int:
    """How many answers about what is over come from the database."""
    before = event_counts._cached.cache_info().misses
    count(db)
    return event_counts._cached.cache_info().misses - before


@every_count
def test_what_is_over_is_read_once(db: Path, written: Writer, count: Count) -> None:
    assert answers_read(db, count) > 0
    open_port(written, NOW - 60 * SECOND)  # what happens now changes nothing of it
    assert answers_read(db, count) == 0


@every_count
def test_an_event_that_is_found_late_is_counted(db: Path, written: Writer, count: Count) -> None:
    before = count(db)
    open_port(written, BEGIN + DAY + 7 * HOUR + SECOND)
    open_port(written, NOW - SECOND)
    assert count(db) == before + 4


@every_count
def test_what_was_dropped_is_counted_no_longer(db: Path, written: Writer, count: Count) -> None:
    before = count(db)
    written.purge_step(NOW, 0)  # the first round is a minute after the start
    for turn in range(1, 50):
        written.purge_step(NOW, turn * 2 * HOUR)
    with open_connection(db) as reader:
        (left,) = reader.execute("SELECT count(*) FROM event").fetchone()
    assert count(db) == left < before


@every_count
def test_a_new_watch_may_know_more(db: Path, written: Writer, count: Count) -> None:
    count(db)
    written.end_watch(NOW)
    written.begin_watch(NOW + SECOND, PLAN)
    assert answers_read(db, count) > 0


@every_count
def test_an_owner_that_was_learnt_late_is_counted_ten_minutes_later(
    db: Path, written: Writer, count: Count, monkeypatch: pytest.MonkeyPatch
) -> None:
    count(db)
    later = time.monotonic() + 601
    monkeypatch.setattr(time, "monotonic", lambda: later)
    assert answers_read(db, count) > 0


def test_another_database_in_its_place_is_asked_itself(db: Path, written: Writer) -> None:
    assert busy(db) == {80: 77}
    written.close()
    other = db.with_name("other.db")
    with open_writer(other, HOST, BEGIN) as writer:
        writer.begin_watch(BEGIN, PLAN)
        for hour in range(77):
            open_port(writer, BEGIN + hour * HOUR + SECOND, 81)
    other.replace(db)
    assert busy(db) == {81: 77}


def busy(db: Path) -> dict[int, int]:
    with open_connection(db) as reader:
        found = busy_ports.busiest(reader, TCP, BEGIN, NOW)
    return dict(zip(found["port"], found["opened"], strict=True))


def test_a_database_that_was_deleted_while_it_is_read_answers_still(
    db: Path, written: Writer
) -> None:
    written.close()
    with open_connection(db) as reader:
        reader.execute("SELECT count(*) FROM event").fetchone()
        db.unlink()
        assert event_total(reader, TCP) == 2 * 77
