"""What changed between two moments, with what opened and closed in between."""

from pathlib import Path

import pytest

from porteye_core.model import Filters, Precision
from porteye_core.store.reading import Changes, Reader, open_reader
from porteye_core.store.writing.writer import Closing, Opening, Writer
from tests.kit.seeding import MINUTE, PLAN, Instant
from tests.kit.stopped import STOPPED, stopped_for_a_minute
from tests.kit.values import SECOND, endpoint, owned, process

NOW = 1_790_000_000 * SECOND
HOUR = 60 * MINUTE
EVERYTHING = Filters()


def changed(reader: Reader, since: int, until: int, filters: Filters = EVERYTHING) -> Changes:
    found = reader.changes(filters, since, until, watching=True)
    assert found is not None
    return found


def told(found: Changes) -> list[tuple[str, int]]:
    return [(row["change"], row["port"]) for row in found.rows]


def test_what_the_first_scan_found_did_not_open(seeded: Instant) -> None:
    with open_reader(seeded.db) as reader:
        found = changed(reader, seeded.now - 24 * HOUR, seeded.now - 25 * MINUTE)
        assert found.since == seeded.now - HOUR
        assert told(found) == [("opened", 8765)]
        assert reader.changes(EVERYTHING, 0, seeded.now - 2 * HOUR, watching=True) is None


def test_what_opened_and_closed_in_between_is_told(seeded: Instant) -> None:
    with open_reader(seeded.db) as reader:
        found = changed(reader, seeded.now - 35 * MINUTE, seeded.now - 15 * MINUTE)
        assert told(found) == [("opened and closed", 8765)]
        assert [row["openings"] for row in found.rows] == ["1 opening of 10 min"]
        nothing = changed(reader, seeded.now - 35 * MINUTE, seeded.now, Filters(process="postgres"))
        assert not nothing.rows


def test_the_filters_times_do_not_count(seeded: Instant) -> None:
    late = Filters(since=seeded.now - SECOND)
    with open_reader(seeded.db) as reader:
        found = changed(reader, seeded.now - 35 * MINUTE, seeded.now - 25 * MINUTE, late)
    assert told(found) == [("opened", 8765)]


def test_time_in_which_nobody_watched_is_told(db: Path) -> None:
    stopped_for_a_minute(db)
    with open_reader(db) as reader:
        assert changed(reader, STOPPED - MINUTE, STOPPED + 2 * MINUTE).unwatched == MINUTE
        assert changed(reader, STOPPED - 2 * MINUTE, STOPPED - MINUTE).unwatched == 0


def test_flapping_is_a_line_for_each_program_and_port(db: Path, writer: Writer) -> None:
    writer.begin_watch(NOW, PLAN)
    stays = owned(endpoint(80), process(900, name="nginx"))
    writer.record_changes(NOW, [Opening(stays, NOW, Precision.GAP)])
    at = NOW

    def lives(port: int, pid: int, name: str, length: int) -> None:
        nonlocal at
        at += 5 * SECOND
        here = owned(endpoint(port), process(pid, pid, name))
        (born,) = writer.record_changes(at, [Opening(here, at, Precision.KERNEL)])
        at += length
        writer.record_changes(at, closed=[Closing(born, at, Precision.KERNEL)])

    for pid in range(1, 241):
        lives(9229, pid, "node", 2 * SECOND)
    for port in range(40000, 40007):
        lives(port, port, "python3", SECOND // 4)
    lives(5000, 7, "flask", 90 * SECOND)
    with open_reader(db) as reader:
        rows = changed(reader, NOW, at).rows
        assert {(row["process"], row["change"], row["openings"]) for row in rows} == {
            ("node", "opened and closed", "240 openings, each about 2 s"),
            ("python3", "opened and closed", "7 openings on 7 ports, each about 250 ms"),
            ("flask", "opened and closed", "1 opening of 2 min"),
        }
        assert [row["process"] for row in rows if row["port"] is None] == ["python3"]
        only = changed(reader, NOW, at, Filters(process="flask"))
        assert told(only) == [("opened and closed", 5000)]
        # It had not closed yet.
        assert told(changed(reader, at - 91 * SECOND, at - SECOND)) == [("opened", 5000)]
        assert not only.is_cut


def test_of_more_events_than_are_read_the_newest_count(
    seeded: Instant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("porteye_core.store.reading.brief_lives._MAX_EVENTS", 1)
    with open_reader(seeded.db) as reader:
        found = changed(reader, seeded.now - HOUR, seeded.now - MINUTE)
    assert found.is_cut
    assert not found.rows
