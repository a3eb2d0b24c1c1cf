"""What is too old goes with all that belongs to it, and nothing else does."""

import logging
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from porteye_core.model import AttributedSocket, Listener, Precision, RetentionPolicy, Sample, Tick
from porteye_core.store.file import lock
from porteye_core.store.file.connection import open_connection
from porteye_core.store.file.migrations import PAGE_SIZE
from porteye_core.store.reading import open_reader
from porteye_core.store.retention.step_budget import StepBudget
from porteye_core.store.writing.startup import open_writer
from porteye_core.store.writing.writer import Closing, Opening, Writer
from tests.conftest import PLAN
from tests.kit.counts import assert_counts_agree
from tests.kit.stored import database_of
from tests.kit.values import HOST, SECOND, by_id, endpoint, owned, process

HOUR = 3600 * SECOND
DAY = 24 * HOUR
MINUTE, S = 60 * SECOND, Precision.POLL
BEGIN = 20_000 * DAY
NOW = BEGIN + 10 * DAY


@dataclass
class Scene:
    """A writer over ten days of history that end now."""

    db: Path
    writer: Writer
    elapsed: int = 0

    def drop(self, now: int = NOW, *, between: Callable[[], object] = lambda: None) -> int:
        """A whole round; returns how many steps it took."""
        self.elapsed += 2 * HOUR
        self.writer.purge_step(now, self.elapsed)
        steps = 1
        while database_of(self.writer)._retention._round is not None:
            between()
            self.elapsed += 2 * SECOND
            self.writer.purge_step(now, self.elapsed)
            steps += 1
        return steps

    def column(self, statement: str) -> list[object]:
        with open_connection(self.db) as reader:
            return [row[0] for row in reader.execute(statement)]

    def number(self, statement: str) -> int:
        (found,) = self.column(statement)
        assert isinstance(found, int)
        return found

    def assert_whole(self) -> None:
        with open_connection(self.db) as reader:
            assert [row[0] for row in reader.execute("PRAGMA integrity_check")] == ["ok"]
            assert reader.execute("PRAGMA foreign_key_check").fetchall() == []
        assert_counts_agree(self.db)
        unheard = "SELECT count(*) FROM listener l WHERE (closed_at IS NOT NULL) + 1 !="
        assert self.number(f"{unheard} (SELECT count(*) FROM event WHERE listener_id = l.id)") == 0


def history(writer: Writer, *, seed: int = 1, text: int = 0) -> None:
    """Ten days of lives of minutes and of days, sampled every half hour, and a gap each day."""
    chance, alive = random.Random(seed), list[tuple[Listener, AttributedSocket]]()
    writer.begin_watch(BEGIN, PLAN)
    for tick in range(10 * 48):
        at = BEGIN + tick * HOUR // 2
        closing = [alive.pop(0) for _ in alive if chance.random() < 0.15 and len(alive) > 3]
        opening = []
        for _ in range(chance.randrange(6)):
            pid = chance.randrange(400)
            cmdline = f"serve {pid} " + "x" * text
            opening.append(owned(endpoint(chance.randrange(1, 99)), process(pid, cmdline=cmdline)))
        born = writer.record_changes(
            at,
            [Opening(each, at, Precision.POLL) for each in opening],
            [Closing(listener, at, Precision.POLL) for listener, _ in closing],
        )
        alive += zip(born, opening, strict=True)
        writer.record_tick(
            Tick(at, at, len(alive), 0, 0, 0, gap=SECOND if tick % 48 == 20 else 0),
            [Sample(each.id, cpu=tick, rss=tick << 20) for each, _ in alive],
        )


@contextmanager
def ten_days(db: Path, keep: RetentionPolicy, *, seed: int = 1, text: int = 0) -> Iterator[Scene]:
    with open_writer(db, HOST, 1, keep) as writer:
        database_of(writer)._connection.execute("PRAGMA synchronous = OFF")  # no power is cut here
        history(writer, seed=seed, text=text)
        writer.purge_step(NOW, 0)  # the first round is a minute after the start
        yield Scene(db, writer)


def test_samples_go_with_their_ticks_and_gaps_stay(db: Path) -> None:
    with ten_days(db, RetentionPolicy(samples=2 * DAY)) as scene:
        before = scene.number("SELECT count(*) FROM tick WHERE at >= " + str(NOW - 2 * DAY))
        with open_reader(db) as reader:
            known = list(reader.coverage(BEGIN, NOW, watching=False).gaps)
        scene.drop()
        scene.assert_whole()
        left = NOW - 2 * DAY
        assert scene.number(f"SELECT count(*) FROM tick WHERE at >= {left}") == before
        assert scene.number(f"SELECT count(*) FROM tick WHERE at < {left} AND gap = 0") == 0
        kept = scene.column("SELECT min(at) FROM sample JOIN tick ON id = tick_id")
        assert kept == [left]
        with open_reader(db) as reader:
            assert list(reader.coverage(BEGIN, NOW, watching=False).gaps) == known
        assert scene.column("SELECT kind || ' ' || reason FROM dropped") == ["samples age"]
        assert scene.number("SELECT max(before) FROM dropped") <= left
        assert scene.number("SELECT min(bucket) FROM rollup") == BEGIN


def test_rollups_go_later_than_samples(db: Path) -> None:
    with ten_days(db, RetentionPolicy(samples=2 * DAY, rollups=5 * DAY)) as scene:
        scene.drop()
        scene.assert_whole()
        for resolution in (300, 3600):
            oldest = f"SELECT min(bucket) FROM rollup WHERE resolution = {resolution}"
            assert scene.number(oldest) == NOW - 5 * DAY


def test_rollups_never_go_before_their_samples(db: Path) -> None:
    with ten_days(db, RetentionPolicy(samples=5 * DAY, rollups=2 * DAY)) as scene:
        scene.drop()
        assert scene.number("SELECT min(bucket) FROM rollup") == NOW - 5 * DAY


@pytest.mark.parametrize("seed", range(3))
def test_a_life_goes_with_all_that_belongs_to_it(db: Path, seed: int) -> None:
    with ten_days(db, RetentionPolicy(events=3 * DAY), seed=seed) as scene:
        end = NOW - 3 * DAY
        younger = f"SELECT id FROM listener WHERE closed_at IS NULL OR closed_at >= {end}"
        kept, still_open = scene.column(younger), scene.writer.open_listeners(by_id)
        scene.drop()
        scene.assert_whole()
        assert set(kept) <= set(scene.column("SELECT id FROM listener"))
        assert scene.writer.open_listeners(by_id) == still_open
        # Whole hours, and one more for scans that take their time.
        old = f"SELECT count(*) FROM listener WHERE closed_at < {end - 2 * HOUR}"
        assert scene.number(old) == 0
        assert scene.number("SELECT min(at) FROM tick") >= end - 2 * HOUR
        for table, users in (
            ("process", "SELECT process_id FROM listener UNION SELECT process_id FROM holder"),
            ("program", "SELECT program_id FROM listener UNION SELECT program_id FROM process"),
        ):
            orphans = f"SELECT count(*) FROM {table} WHERE id NOT IN ({users})"
            assert scene.number(orphans) == 0
        assert scene.number("SELECT count(*) FROM process") > 0


def test_what_is_open_stays_with_its_opening_however_old_it_is(db: Path) -> None:
    with ten_days(db, RetentionPolicy(events=DAY)) as scene:
        still_open = scene.writer.open_listeners(by_id)
        scene.drop(NOW + 400 * DAY)
        scene.assert_whole()
        assert set(scene.column("SELECT listener_id FROM event")) == set(still_open)
        assert scene.writer.open_listeners(by_id) == still_open
        (first, *_) = still_open.values()
        scene.writer.record_changes(NOW, closed=[Closing(first, NOW, Precision.POLL)])
        scene.assert_whole()


def test_an_owner_that_comes_back_meanwhile_is_kept(db: Path) -> None:
    """Between any two steps the writer may write of a process whose old lives are being dropped."""
    with ten_days(db, RetentionPolicy(events=DAY)) as scene:
        pids = iter(range(400))

        def come_back() -> None:
            if (pid := next(pids, None)) is not None:
                again = owned(endpoint(7), process(pid, cmdline=f"serve {pid} "))
                scene.writer.record_changes(NOW, [Opening(again, NOW, Precision.POLL)])

        scene.drop(between=come_back)
        scene.assert_whole()
        come_back()
        scene.assert_whole()


def test_what_a_kill_left_without_users_goes_in_the_next_round(db: Path) -> None:
    with ten_days(db, RetentionPolicy(events=30 * DAY)) as scene:
        database_of(scene.writer)._connection.execute(
            "INSERT INTO program VALUES (9999, x'00', '', '', '', '')"
        )
        scene.drop()
        assert scene.number("SELECT count(*) FROM program WHERE id = 9999") == 0
        scene.assert_whole()


def test_samples_that_bear_later_times_than_the_end_of_their_life_keep_it(db: Path) -> None:
    with open_writer(db, HOST, 1, RetentionPolicy(events=DAY)) as writer:
        scene = Scene(db, writer)
        writer.begin_watch(BEGIN, PLAN)
        (born,) = writer.record_changes(BEGIN, [Opening(owned(), BEGIN, Precision.POLL)])
        ahead = BEGIN + 8 * DAY  # and then the clock was set back
        writer.record_tick(Tick(ahead, 1, 1, 0, 0, 0), [Sample(born.id, cpu=1)])
        back = BEGIN + HOUR
        writer.record_changes(back, closed=[Closing(born, back, Precision.POLL)])
        writer.record_tick(Tick(back, 2, 0, 0, 0, 0, jump=back - ahead), [])
        writer.purge_step(NOW, 0)
        scene.drop(BEGIN + 4 * DAY)
        scene.assert_whole()
        assert scene.number("SELECT count(*) FROM listener") == 1
        scene.drop(BEGIN + 20 * DAY)
        scene.assert_whole()
        assert scene.number("SELECT count(*) FROM listener") == 0


def test_the_file_shrinks_when_much_was_dropped(db: Path) -> None:
    with ten_days(db, RetentionPolicy(events=DAY), text=40_000) as scene:
        before = scene.number("PRAGMA page_count")
        scene.drop()
        after = scene.number("PRAGMA page_count")
        assert after < before
        assert scene.number("PRAGMA freelist_count") <= 1024


def test_a_size_drops_the_oldest_samples_first_then_rollups_then_events(
    db: Path, caplog: pytest.LogCaptureFixture
) -> None:
    size = 10_000_000
    with (
        caplog.at_level(logging.WARNING, "porteye"),
        ten_days(db, RetentionPolicy(size=size), text=40_000) as scene,
    ):
        assert scene.number("PRAGMA page_count") * PAGE_SIZE > size
        still_open = scene.writer.open_listeners(by_id)
        scene.drop()
        scene.assert_whole()
        assert scene.number("PRAGMA page_count") * PAGE_SIZE <= size
        assert scene.writer.open_listeners(by_id) == still_open
        dropped = scene.column("SELECT kind FROM dropped WHERE reason = 'size' ORDER BY kind")
        assert dropped == ["events", "rollups", "samples"]
        assert scene.number("SELECT count(*) FROM event") > 2 * len(still_open)
        with open_reader(db) as reader:
            watch = reader.status(NOW).watch
        assert watch is not None
        said = [each.text for each in watch.plan.limitations if each.name == "dropped"]
        assert [each.split()[0] for each in said] == ["Events", "Rollups", "Samples"]
        assert all("--max-size" in each for each in said)
        scene.drop()
    reached = [each.getMessage() for each in caplog.records if "reached" in each.getMessage()]
    assert [each.split()[-3] for each in reached] == [
        "samples",
        "rollups",
        "events",
    ]


def test_a_flood_within_the_hour_is_dropped_down_to_the_size(db: Path) -> None:
    size = 10_000_000
    with open_writer(db, HOST, 1, RetentionPolicy(size=size)) as writer:
        scene = Scene(db, writer)
        stays = flood(writer, minutes=5)
        assert scene.number("PRAGMA page_count") * PAGE_SIZE > size
        scene.drop(BEGIN + 5 * MINUTE)
        scene.assert_whole()
        assert scene.number("PRAGMA page_count") * PAGE_SIZE <= size * 3 // 4
        assert [each.id for each in writer.open_listeners(by_id).values()] == [stays]
        assert scene.number("SELECT count(*) FROM sample WHERE listener_id != 1") > 0
        before = scene.number("SELECT before FROM dropped WHERE kind = 'events'")
        assert scene.number("SELECT min(closed_at) FROM listener") >= before
        newest = scene.number("SELECT max(closed_at) FROM listener")
        assert newest == BEGIN + 5 * MINUTE
        assert writer._recorder is not None
        assert writer._recorder.limitations == ()


def test_a_size_that_cannot_be_reached_is_reported_while_it_is_exceeded(
    db: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with open_writer(db, HOST, 1, RetentionPolicy(size=10_000_000)) as writer:
        scene = Scene(db, writer)
        flood(writer, minutes=5)
        now = BEGIN + 4 * MINUTE  # the flood is of the last minute and later
        with database_of(writer)._connection as connection:
            connection.execute("UPDATE listener SET closed_at = ? WHERE closed_at < ?", (now, now))
        for _ in range(3):
            scene.drop(now)
            writer.measure(now, scene.elapsed)
        holder = lock.holder(db)
        assert holder is not None
        assert [each.name for each in holder.limitations] == ["oversized"]
        with open_reader(db) as reader:
            watch = reader.status(now).watch
        assert watch is not None
        assert "oversized" in [each.name for each in watch.plan.limitations]
        assert caplog.text.count("is larger than --max-size") == 1


def flood(writer: Writer, *, minutes: int) -> int:
    """Write lives of a second, each of a process with a long command line, and one listener that
    stays and is sampled; return its id."""
    writer.begin_watch(BEGIN, PLAN)
    (stays,) = writer.record_changes(BEGIN, [Opening(owned(endpoint(1)), BEGIN, Precision.POLL)])
    for second in range(60 * minutes):
        at = BEGIN + second * SECOND
        born = writer.record_changes(
            at,
            [
                Opening(
                    owned(endpoint(port), process(port, at, cmdline=f"{at} {port} {'x' * 4000}")),
                    at,
                    S,
                )
                for port in range(2, 12)
            ],
        )
        writer.record_tick(
            Tick(at, second, 1, 0, 0, 0), [Sample(each.id, cpu=second) for each in (stays, *born)]
        )
        writer.record_changes(
            at + SECOND - 1, closed=[Closing(each, at + SECOND, Precision.POLL) for each in born]
        )
    return stays.id


def test_a_size_that_samples_alone_bring_about_costs_no_events(db: Path) -> None:
    with ten_days(db, RetentionPolicy(size=10_000_000)) as scene:
        number = scene.number("SELECT count(*) FROM event")
        connection = database_of(scene.writer)._connection
        connection.execute("BEGIN")
        for tick in range(600):
            at = BEGIN + tick
            connection.execute(
                "INSERT INTO tick (at, monotonic, watch_id, listeners, clients, scan_us, hidden,"
                " lost, gap, jump, left_out) VALUES (?, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0)",
                (at,),
            )
            connection.execute(
                "INSERT INTO sample SELECT last_insert_rowid(), id, 1, 123456789, 1, 1, 1"
                " FROM listener"
            )
        connection.execute("COMMIT")
        scene.drop()
        assert scene.number("PRAGMA page_count") * PAGE_SIZE <= 10_000_000
        assert scene.number("SELECT count(*) FROM event") == number
        assert scene.column("SELECT kind FROM dropped") == ["samples"]


def test_after_the_clock_was_set_nothing_is_dropped_for_an_hour(db: Path) -> None:
    with ten_days(db, RetentionPolicy(samples=DAY)) as scene:
        late = NOW + 1000 * DAY
        samples = scene.number("SELECT count(*) FROM sample")
        scene.writer.record_tick(Tick(late, 3 * HOUR, 0, 0, 0, 0, jump=1000 * DAY), [])
        for minutes in range(60):
            scene.writer.purge_step(late, 3 * HOUR + minutes * 60 * SECOND)
        assert scene.number("SELECT count(*) FROM sample") == samples
        scene.elapsed = 3 * HOUR
        scene.drop(late)
        assert scene.number("SELECT count(*) FROM sample") == 0


def test_a_round_is_many_small_steps_a_second_apart(db: Path) -> None:
    with ten_days(db, RetentionPolicy(events=DAY)) as scene:
        assert scene.drop() > 20
        scene.elapsed += 2 * HOUR
        before = database_of(scene.writer)._connection.total_changes
        scene.writer.purge_step(NOW + 3 * DAY, scene.elapsed)
        once = database_of(scene.writer)._connection.total_changes
        assert once > before
        scene.writer.purge_step(NOW + 3 * DAY, scene.elapsed + SECOND // 2)
        assert database_of(scene.writer)._connection.total_changes == once


def test_during_a_round_the_log_is_written_back_in_small_parts(
    db: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("purge", "orphans", "purge_rounds"):  # steps as large here as on any machine
        monkeypatch.setattr(f"porteye_core.store.retention.{module}.StepBudget", as_at_first)
    with ten_days(db, RetentionPolicy(samples=2 * DAY, events=2 * DAY), text=4000) as scene:
        connection, sizes = database_of(scene.writer)._connection, list[int]()
        log, page = Path(f"{db}-wal"), scene.number("PRAGMA page_size")
        usual = connection.execute("PRAGMA wal_autocheckpoint").fetchone()[0]
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        scene.drop(between=lambda: sizes.append(log.stat().st_size))
        assert max(sizes) < 1000 * page
        assert connection.execute("PRAGMA wal_autocheckpoint").fetchone()[0] == usual


def as_at_first(first: int, minimum: int, maximum: int, goal: float = 0) -> StepBudget:
    return StepBudget(first, minimum=first, maximum=first)


def test_a_round_that_fails_is_said_and_tried_again(
    db: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with ten_days(db, RetentionPolicy(samples=DAY)) as scene:
        connection = database_of(scene.writer)._connection
        connection.execute("PRAGMA query_only = ON")
        scene.drop()
        assert "could not be dropped" in caplog.text
        connection.execute("PRAGMA query_only = OFF")
        scene.drop()
        assert scene.number("SELECT min(at) FROM sample JOIN tick ON id = tick_id") == NOW - DAY
