"""The families of a database, in every state of its monitor."""

import time
from pathlib import Path

import pytest

from porteye_core import __version__
from porteye_core.errors import StoreDamaged, StoreError, StoreOlder
from porteye_core.metrics.families import FAMILIES, families
from porteye_core.metrics.family import MetricFamily
from porteye_core.model import Precision, Sample, Tick
from porteye_core.store.writing.startup import open_writer
from porteye_core.store.writing.writer import Closing, Opening, Writer
from tests.conftest import PLAN
from tests.kit.old_database import old_database
from tests.kit.seeding import MINUTE, Instant
from tests.kit.values import HOST, SECOND, endpoint, owned, process

OF_LISTENERS = {
    "porteye_listeners",
    "porteye_clients",
    "porteye_accept_queue",
    "porteye_backlog",
    "porteye_cpu_ratio",
    "porteye_memory_bytes",
}
OF_A_WATCH = {"porteye_watch_seconds", "porteye_scan_seconds", "porteye_hidden_owners"}


def of(db: Path, now: int) -> dict[str, MetricFamily]:
    return {each.name: each for each in families(db, now)}


def value(family: MetricFamily) -> float:
    (found,) = family.samples.values()
    return found


def kinds(family: MetricFamily) -> dict[str, float]:
    return {dict(labels)["kind"]: value for labels, value in family.samples.items()}


def listeners(found: dict[str, MetricFamily]) -> dict[tuple[str, ...], float]:
    samples = found["porteye_listeners"].samples.items()
    return {tuple(value for _, value in labels): count for labels, count in samples}


def test_a_monitor_that_watches(seeded: Instant) -> None:
    found = of(seeded.db, seeded.now)
    assert value(found["porteye_up"]) == 1
    ((build, one),) = found["porteye_build"].samples.items()
    assert (dict(build), one) == ({"version": __version__, "source": "portable"}, 1)
    assert listeners(found) == {
        ("tcp", "80", "everywhere", "nginx", ""): 1,
        ("udp", "53", "machine", "", ""): 1,
        ("tcp", "5432", "machine", "postgres", ""): 1,
        ("tcp", "8765", "machine", "http.server (python)", ""): 1,
    }
    assert sorted(found["porteye_clients"].samples.values()) == [0, 0, 7]
    assert sorted(found["porteye_cpu_ratio"].samples.values()) == [0, 0.015, 0.1234]
    assert sum(found["porteye_memory_bytes"].samples.values()) == 488_000_000
    assert "porteye_accept_queue" not in found  # its source sees none
    assert kinds(found["porteye_events"]) == {"opened": 5, "closed": 1}
    assert value(found["porteye_watch_seconds"]) == 3600
    assert value(found["porteye_gap_seconds"]) == 0
    assert value(found["porteye_scan_seconds"]) == 0.0015
    assert value(found["porteye_hidden_owners"]) == 1
    assert value(found["porteye_lost_records"]) == 0


def test_nothing_is_said_of_listeners_when_nobody_watches(abandoned: Instant) -> None:
    later = abandoned.now + 90 * SECOND
    found = of(abandoned.db, later)
    assert value(found["porteye_up"]) == 0
    assert not found.keys() & (OF_LISTENERS | OF_A_WATCH | {"porteye_series_left_out"})
    assert kinds(found["porteye_events"]) == {"opened": 5, "closed": 1}
    assert value(found["porteye_gap_seconds"]) == 90
    ((build, _),) = found["porteye_build"].samples.items()
    assert dict(build)["source"] == ""


def test_a_monitor_that_cannot_scan_is_not_up(seeded: Instant) -> None:
    found = of(seeded.db, seeded.now + 5 * MINUTE)
    assert value(found["porteye_up"]) == 0
    assert not found.keys() & OF_LISTENERS
    # Whether that becomes a gap is not known yet, and a counter never goes back.
    assert value(found["porteye_gap_seconds"]) == 0


def test_without_a_database_nobody_watches(db: Path) -> None:
    found = of(db, 1)
    assert found.keys() == {"porteye_up", "porteye_build"}
    assert value(found["porteye_up"]) == 0
    assert not db.exists()


def test_a_database_without_a_watch_has_no_gap(db: Path) -> None:
    with open_writer(db, HOST, 1):
        found = of(db, time.time_ns() // 1000)
    assert value(found["porteye_up"]) == 0
    assert "porteye_gap_seconds" not in found
    assert kinds(found["porteye_events"]) == {"opened": 0, "closed": 0}


def test_a_database_that_cannot_be_read_is_an_error(db: Path) -> None:
    old_database(db, 3)
    with pytest.raises(StoreOlder):
        families(db, 1)
    db.write_bytes(b"no database" * 1000)
    with pytest.raises(StoreError):
        families(db, 1)
    assert issubclass(StoreDamaged, StoreError)


def test_a_restart_of_monitor_and_programs_keeps_every_label(db: Path) -> None:
    at = time.time_ns() // 1000 - MINUTE
    seen = []
    for turn in (1, 2):
        with open_writer(db, HOST, at) as writer:
            writer.begin_watch(at, PLAN)
            opened = writer.record_changes(
                at,
                [
                    Opening(
                        owned(endpoint(port), each, inode=turn * 100 + port), at, Precision.POLL
                    )
                    for port, each in (
                        (80, process(turn * 1000, turn, "nginx")),
                        (3000, process(turn * 2000, turn, "node", "node /srv/app/server.js")),
                        (40000 + turn, process(turn * 3000, turn, "sshd")),
                        (9000, process(turn * 4000, turn, f"w-{turn}4321")),
                    )
                ],
            )
            tick = Tick(at, at, 4, 0, 900, 0)
            writer.record_tick(tick, [Sample(each.id, 100, 1000, 0) for each in opened])
            found = of(db, at + SECOND)
            seen.append({name: each.samples.keys() for name, each in found.items()})
            writer.record_changes(
                at + SECOND, closed=[Closing(each, at + SECOND, Precision.POLL) for each in opened]
            )
            writer.end_watch(at + SECOND)
        at += 2 * SECOND
    assert seen[0] == seen[1]
    programs = {dict(labels)["program"] for labels in seen[0]["porteye_listeners"]}
    assert programs == {"nginx", "server.js (node)", "sshd", "w-#"}


def test_a_gap_between_two_watches_counts_and_stays(db: Path) -> None:
    at = time.time_ns() // 1000 - MINUTE
    gaps = []
    for begin in (at, at + 10 * SECOND):
        with open_writer(db, HOST, begin) as writer:
            writer.begin_watch(begin, PLAN)
            writer.record_tick(Tick(begin, begin, 0, 0, 900, 0), [])
            gaps.append(value(of(db, begin)["porteye_gap_seconds"]))
            writer.end_watch(begin + 3 * SECOND)
        gaps.append(value(of(db, begin + 5 * SECOND)["porteye_gap_seconds"]))
    assert gaps == [0, 2, 7, 9]


def test_lost_records_are_those_of_the_latest_watch(db: Path, writer: Writer) -> None:
    now = time.time_ns() // 1000
    writer.begin_watch(now, PLAN)
    writer.record_tick(Tick(now, now, 0, 0, 900, 0, lost=5, size=4096), [])
    found = of(db, now)
    assert value(found["porteye_lost_records"]) == 5
    assert value(found["porteye_database_bytes"]) == 4096
    writer.begin_watch(now + SECOND, PLAN)
    writer.record_tick(Tick(now + SECOND, now + SECOND, 0, 0, 900, 0), [])
    assert value(of(db, now + SECOND)["porteye_lost_records"]) == 0


def test_every_family_is_listed_once(seeded: Instant) -> None:
    names = [each.name for each in FAMILIES]
    assert len(set(names)) == len(names) == 16
    assert of(seeded.db, seeded.now).keys() <= set(names)
    assert set(names) >= OF_LISTENERS | OF_A_WATCH
