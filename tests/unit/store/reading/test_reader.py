"""Filters to DataFrames, on a history that is known."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from porteye_core.model import Filters, Hidden, Precision, Program, Protocol
from porteye_core.store.file.connection import open_connection
from porteye_core.store.reading import (
    Coverage,
    Reader,
    busy_ports,
    event_counts,
    gap_frame,
    open_reader,
    timeline,
)
from porteye_core.store.reading.listener_rows import FRESH_US
from porteye_core.store.reading.status import status
from porteye_core.store.writing.writer import Closing, Opening, Writer
from tests.kit.seeding import MINUTE, Instant
from tests.kit.values import SECOND, by_id, endpoint, owned, process

ALL = Filters()


def listed(instant: Instant, filters: Filters) -> list[int]:
    with open_reader(instant.db) as reader:
        return list(reader.open_now(filters, instant.now)["port"])


def test_what_is_open_is_listed_by_port_with_its_owner_and_sample(seeded: Instant) -> None:
    with open_reader(seeded.db) as reader:
        table = reader.open_now(ALL, seeded.now)
    assert list(table["port"]) == [53, 80, 5432, 8765]
    postgres = table.iloc[2]
    assert postgres["process"] == "postgres"
    assert postgres["cmdline"] == "postgres -D /data"
    assert postgres["cpu"] == 12.34
    assert postgres["rss"] == 80_000_000
    assert postgres["service"] == "postgresql"
    assert postgres["since"] == pd.Timestamp(seeded.now - 60 * MINUTE, unit="us", tz="UTC")
    assert table.iloc[3]["age"] == 10
    assert table.iloc[1]["clients"] == 7


@pytest.mark.parametrize(
    ("unit", "container", "home"),
    [
        ("nginx.service", "", "nginx"),
        ("cups.socket", "", "cups.socket"),
        ("docker.service", "docker 0123456789ab", "docker 0123456789ab"),
        ("", "", ""),
    ],
)
def test_a_listener_is_at_home_in_its_container_or_its_unit(
    db: Path, writer: Writer, unit: str, container: str, home: str
) -> None:
    owner = replace(process(100, name="nginx"), unit=unit, container=container)
    writer.record_changes(SECOND, [Opening(owned(endpoint(80), owner), SECOND, Precision.POLL)])
    with open_reader(db) as reader:
        assert list(reader.open_now(ALL, 2 * SECOND)["home"]) == [home]


def test_an_unknown_owner_is_a_reason_and_its_numbers_are_missing(seeded: Instant) -> None:
    with open_reader(seeded.db) as reader:
        dns = reader.open_now(ALL, seeded.now).iloc[0]
    assert dns["process"] == "still searched for"
    assert pd.isna(dns["cpu"])
    assert pd.isna(dns["pid"])


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (Filters(ports=((80, 80), (5000, 6000))), [80, 5432]),
        (Filters(process="NGINX"), [80]),
        (Filters(process="http.server"), [8765]),
        (Filters(protocol=Protocol.UDP), [53]),
        (Filters(process="%"), []),
        (Filters(process="_ttp"), []),
        (Filters(process="' OR 1=1 --"), []),
    ],
)
def test_filters_let_through_what_they_say(
    seeded: Instant, filters: Filters, expected: list[int]
) -> None:
    assert listed(seeded, filters) == expected


def test_the_history_is_newest_first_and_limited(seeded: Instant) -> None:
    with open_reader(seeded.db) as reader:
        table = reader.events(replace(ALL, limit=2))
        assert reader.event_count(replace(ALL, limit=2)) == 6
    assert list(table["kind"]) == ["opened", "closed"]
    assert list(table["port"]) == [8765, 8765]
    assert table["at"].dtype == "datetime64[us, UTC]"


def test_times_bound_the_history(seeded: Instant) -> None:
    since, until = seeded.now - 35 * MINUTE, seeded.now - 15 * MINUTE
    with open_reader(seeded.db) as reader:
        table = reader.events(replace(ALL, since=since, until=until))
    assert list(table["kind"]) == ["closed", "opened"]


def test_an_owner_learnt_later_is_found_in_the_whole_history(db: Path, writer: Writer) -> None:
    (born,) = writer.record_changes(5, [Opening(owned(), 5, Precision.POLL)])
    writer.record_changes(6, reowned=[(born, owned(owner=process()))])
    writer.record_changes(7, closed=[Closing(born, 7, Precision.POLL)])
    range_ = Filters(process="nginx", since=1, until=9)
    with open_connection(db) as connection:
        found = Reader(connection, partial(status, connection, db)).events(range_)
        assert list(found["process"]) == ["nginx", "nginx"]
        assert event_counts.turnover(connection, range_, [0, 5, 6, 10])["open"].min() == 0


def test_an_empty_answer_has_its_columns(seeded: Instant) -> None:
    nothing = Filters(ports=((1, 1),), since=seeded.now - MINUTE, until=seeded.now)
    with open_connection(seeded.db) as connection:
        reader = Reader(connection, partial(status, connection, seeded.db))
        assert "cmdline" in reader.open_now(nothing, seeded.now)
        assert "at" in reader.events(nothing)
        edges = [seeded.now - MINUTE, seeded.now + SECOND]
        assert timeline.lives(connection, nothing, 0, seeded.now, [], 0).empty
        assert busy_ports.busiest(connection, nothing, 0, seeded.now).empty
        assert event_counts.by_port(connection, nothing, [(1, "tcp")], edges).empty
        assert event_counts.turnover(connection, nothing, edges)["open"].max() == 0
    assert gap_frame(Coverage(0, seeded.now, ())).empty


def test_a_stale_sample_is_not_shown_as_current(seeded: Instant) -> None:
    with open_reader(seeded.db) as reader:
        later = reader.open_now(ALL, seeded.now + FRESH_US + 11 * SECOND)
    assert later["cpu"].isna().all()


NAMES = ["nginx", "Na%me", "a_b", "back\\slash", "quo'te", "x" * 50]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(needle=st.text(alphabet="naGX%_\\'\" bk", min_size=1, max_size=4))
def test_a_process_filter_finds_what_python_finds(db: Path, writer: Writer, needle: str) -> None:
    if not writer.open_listeners(by_id):
        seen = [
            owned(endpoint(port), process(port, name=name, cmdline="-"))
            for port, name in enumerate(NAMES, 1)
        ]
        writer.record_changes(1, [Opening(each, 1, Precision.POLL) for each in seen])
    wanted = {i for i, name in enumerate(NAMES, 1) if needle.lower() in name.lower()}
    with open_reader(db) as reader:
        found = reader.open_now_records(Filters(process=needle), 1)
        ports_found = {row["port"] for row in found}
    assert ports_found == wanted


def test_an_owner_that_ended_at_once_is_named_and_its_command_line_says_why(
    writer: Writer, db: Path
) -> None:
    brief = process(4711, name="brief")
    brief = replace(brief, program=Program("brief"))
    gone = replace(owned(endpoint(99), brief), hidden=Hidden.GONE)
    unseen = replace(owned(endpoint(98)), hidden=Hidden.KERNEL)
    writer.record_changes(1, [Opening(each, 1, Precision.KERNEL) for each in (gone, unseen)])
    with open_reader(db) as reader:
        for table in (reader.open_now(ALL, 2), reader.events(ALL)):
            rows = table.set_index("port")
            assert rows.loc[99, "process"] == "brief"
            assert rows.loc[99, "pid"] == 4711
            assert rows.loc[99, "cmdline"] == "(ended before it could be read)"
            assert rows.loc[98, "process"] == "kernel or other container"
            assert rows["cmdline"].isna()[98]
