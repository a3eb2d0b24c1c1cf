"""Messages a day of several ways to tell what listens, on a seeded month; and a flapping hour."""

import argparse
import sqlite3
import tempfile
import time
from collections import Counter
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

from benchmarks import seed
from benchmarks.report import Check, Report, Table
from porteye_core.alerts.alert_clock import Moment
from porteye_core.alerts.engine import Engine, Place
from porteye_core.alerts.judge import Judge
from porteye_core.alerts.timers import DAY, HOUR, MINUTE, SECOND, Rules
from porteye_core.judging import expected_file
from porteye_core.judging.acceptance import Accepted
from porteye_core.judging.block_text import block_lines
from porteye_core.judging.blocks import Expected
from porteye_core.judging.learning import identities, lasting
from porteye_core.model import (
    AttributedSocket,
    Closing,
    Endpoint,
    Family,
    Opening,
    Precision,
    Process,
    ProcessKey,
    Program,
    Protocol,
    Socket,
    WatchPlan,
)
from porteye_core.store.alerts import (
    Connection,
    Cursor,
    Receiver,
    beside,
    newest_findings,
    open_to_write,
    set_cursor,
    set_open_listeners,
    transaction,
)
from porteye_core.store.file.lock import WriterLock
from porteye_core.store.reading import open_row_reader
from porteye_core.store.tables.host_row import Host, machine_id
from porteye_core.store.writing.startup import open_writer
from porteye_core.system.local_ports import ephemeral_ports

_LEARNT_DAYS = 7
_DIFF = 6 * MINUTE  # as OSSEC's rule 533 compares
_FLAPS = 402  # in an hour, as a user counted in beszel#625
_RECEIVER = Receiver("counted", "command", "command", "", 0)
_BUDGET_A_DAY, _BUDGET_AN_HOUR, _RATE = 1.0, 2, 10_000


def add_flags(flags: argparse.ArgumentParser) -> None:
    """Size of the history."""
    seed.add_scale(flags, events=300_000)


def run(options: argparse.Namespace) -> Report:
    """Seed a month, learn a week, judge the rest; then an hour with one port that flaps."""
    scale = seed.scale_of(options, watching=True)
    with tempfile.TemporaryDirectory() as folder:
        db = Path(folder) / "porteye.db"
        now = time.time_ns() // 1000
        seed.seed(db, scale, now)
        month = Month(db, now - scale.days * DAY, now)
        ways = month.other_ways()
        judged = month.judge()
        flapping = _flapping_hour(Path(folder) / "flapping" / "porteye.db")
    days = scale.days - _LEARNT_DAYS
    rows = [
        *((name, count / days) for name, count in ways),
        (f"identity, not learnt ({judged.learnt} were)", judged.findings / days),
        ("the same, in messages", judged.messages / days),
        ("the daily digest beside them", judged.digests / days),
    ]
    title = f"Messages a day, {days} of {scale.days} days, {scale.events:,} events"
    hour = Table(f"{_FLAPS} openings in an hour", ("way", "messages"), (("PortEye", flapping),))
    a_day, speed = judged.messages / days, judged.events / judged.seconds
    return Report(
        (Table(title, ("way", "a day"), tuple(rows)), hour),
        (
            _check("messages a day", a_day, _BUDGET_A_DAY, met=a_day <= _BUDGET_A_DAY),
            _check("messages of a flapping hour", flapping, 2, met=flapping <= _BUDGET_AN_HOUR),
            _check("events judged a second of the processor", speed, _RATE, met=speed >= _RATE),
        ),
        notes=("A message has all that was found within half a minute, later ones five minutes.",),
    )


def _check(what: str, measured: float, budget: float, *, met: bool) -> Check:
    word = "at least" if budget == _RATE else "at most"
    return Check(what, f"{measured:,.2f}", f"{word} {budget:,.0f}", met)


@dataclass(frozen=True, slots=True)
class _Judged:
    """Numbers of what was judged; seconds: of the processor, for all looks."""

    learnt: int
    findings: int
    messages: int
    digests: int
    events: int
    seconds: float


class Month:
    """A seeded history, of which the first week is learnt."""

    def __init__(self, db: Path, begin: int, end: int) -> None:
        self._db, self._split, self._begin, self._end = db, begin + _LEARNT_DAYS * DAY, begin, end

    def other_ways(self) -> list[tuple[str, int]]:
        """The messages of the ways that others go."""
        with closing(sqlite3.connect(self._db)) as connection:
            events = connection.execute("SELECT count(*) FROM event WHERE at > ?", (self._split,))
            return [
                ("one an event", events.fetchone()[0]),
                ("netstat diff each 6 min, with the pid", self._differences(connection, "p.pid")),
                ("the same without the pid", self._differences(connection, "g.name")),
                ("port numbers never seen", self._unseen(connection)),
            ]

    def _differences(self, connection: sqlite3.Connection, who: str) -> int:
        rows = connection.execute(
            f"SELECT e.at, e.kind, l.protocol, l.address, l.port, {who}"
            " FROM event e JOIN listener l ON l.id = e.listener_id"
            " LEFT JOIN process p ON p.id = l.process_id"
            " LEFT JOIN program g ON g.id = l.program_id ORDER BY e.id"
        )
        shown = Counter[tuple[object, ...]]()
        before, found, until = frozenset(shown), 0, self._begin
        for at, kind, *line in rows:
            while at >= until:
                now = frozenset(shown)
                found += now != before and until > self._split
                before, until = now, until + _DIFF
            key = tuple(line)
            shown[key] += 1 if kind == "opened" else -1
            if shown[key] <= 0:
                del shown[key]
        return found

    def _unseen(self, connection: sqlite3.Connection) -> int:
        rows = connection.execute(
            "SELECT min(e.at) FROM event e JOIN listener l ON l.id = e.listener_id"
            " WHERE e.kind = 'opened' GROUP BY l.protocol, l.port"
        )
        return sum(first > self._split for (first,) in rows)

    def judge(self, learnt_until: int | None = None) -> _Judged:
        """Judge the days after the first week, each at its end; learnt_until: a time, if more than
        that week is learnt."""
        blocks, text = self._learn(learnt_until or self._split)
        expected = expected_file.parse(text, self._db.with_name("expected.toml"))
        with ExitStack() as stack:
            # A monitor that holds the database watches it.
            stack.enter_context(WriterLock(self._db, 0))
            stored = stack.enter_context(closing(sqlite3.connect(self._db, isolation_level=None)))
            alerts = stack.enter_context(open_to_write(beside(self._db)))
            self._take_back(stored)
            self._begin_at_the_split(alerts, expected)
            engine = Engine(alerts, Place(self._db, beside(self._db), "here"), _at(self._split))
            engine.set_rules(Rules(receivers=(_RECEIVER,)))
            engine.set_expected(expected, _at(self._split))
            seconds, events = 0.0, 0
            for until in range(self._split + DAY, self._end + DAY, DAY):
                events += self._give_back(stored, until)
                began = time.process_time()
                engine.look(_at(min(until, self._end)))
                seconds += time.process_time() - began
            told = [each for each in newest_findings(alerts, 1_000_000) if each.told_at]
            told = [each for each in told if each.kind in ("listener", "flapping")]
            counts = dict(alerts.execute("SELECT kind, count(*) FROM message GROUP BY kind"))
        return _Judged(
            blocks, len(told), counts.get("findings", 0), counts.get("digest", 0), events, seconds
        )

    def _learn(self, until: int) -> tuple[int, str]:
        """The number of blocks, and the file, as `porteye learn` prints it."""
        nothing = Expected(self._db, local_ports=ephemeral_ports())
        with open_row_reader(self._db) as reader:
            every = identities(reader.past_uses(self._begin, until), nothing)
        learnt = lasting(every, nothing)
        lines = [line for each in learnt for line in block_lines(each, until)]
        return len(learnt), "\n".join(lines)

    def _take_back(self, stored: sqlite3.Connection) -> None:
        """Put the events after the first week away."""
        stored.execute(
            "CREATE TEMP TABLE later AS SELECT * FROM event WHERE at > ?", (self._split,)
        )
        stored.execute("DELETE FROM event WHERE at > ?", (self._split,))
        _count_events(stored)

    def _give_back(self, stored: sqlite3.Connection, until: int) -> int:
        stored.execute("BEGIN")
        found = stored.execute("INSERT INTO event SELECT * FROM later WHERE at <= ?", (until,))
        stored.execute("DELETE FROM later WHERE at <= ?", (until,))
        _count_events(stored)
        stored.execute("COMMIT")
        return found.rowcount

    def _begin_at_the_split(self, alerts: Connection, expected: Expected) -> None:
        """Store what a process knows that has judged until then, and found nothing."""
        judge = Judge(expected, Accepted(), Rules().timers)
        with open_row_reader(self._db) as reader:
            newest = reader.newest().event
            mark = reader.event_mark(newest) or ""
            ids = self._open_at_the_split()
            keys = [(life.id, judge.of(life).key, 0) for life in reader.lives(ids)]
        found = self._db.stat()
        at = _at(self._split)
        with transaction(alerts, beside(self._db)):
            file = f"{found.st_dev}:{found.st_ino}"
            set_cursor(alerts, Cursor(newest, mark, file, 0, at.elapsed, at.boot, at.wall))
            set_open_listeners(alerts, keys, [])

    def _open_at_the_split(self) -> list[int]:
        with closing(sqlite3.connect(self._db)) as connection:
            rows = connection.execute(
                "SELECT id FROM listener WHERE opened_at <= :at"
                " AND (closed_at IS NULL OR closed_at > :at)",
                {"at": self._split},
            )
            return [number for (number,) in rows]


def _at(wall: int) -> Moment:
    return Moment(wall, wall, "boot")


def _count_events(stored: sqlite3.Connection) -> None:
    stored.execute(
        "UPDATE sqlite_sequence SET seq = (SELECT max(id) FROM event) WHERE name = 'event'"
    )


def _flapping_hour(db: Path) -> int:
    """The messages of an hour in which a program listens and ends again and again."""
    db.parent.mkdir()
    now = time.time_ns() // 1000
    host = Host("here", machine_id(), "Linux", 8 << 30)
    with open_writer(db, host, now) as writer, open_to_write(beside(db)) as alerts:
        writer.begin_watch(now, WatchPlan("benchmark", SECOND, DAY))
        engine = Engine(alerts, Place(db, beside(db), "here"), _at(now))
        engine.set_rules(Rules(receivers=(_RECEIVER,)))
        engine.set_expected(Expected(db), _at(now))
        engine.look(_at(now))
        period = HOUR // _FLAPS
        for number in range(_FLAPS):
            at = now + number * period
            owner = Process(ProcessKey(1000 + number, at), Program("flapping", "/bin/f", "root"))
            socket = Socket(Endpoint(Protocol.TCP, Family.IPV4, "0.0.0.0", 8080))
            of = AttributedSocket(socket, owner, (owner,))
            (listener,) = writer.record_changes(at, [Opening(of, at, Precision.KERNEL)])
            engine.look(_at(at))
            ends = at + period // 2
            writer.record_changes(ends, closed=[Closing(listener, ends, Precision.KERNEL)])
            engine.look(_at(ends))
        engine.look(_at(now + HOUR))
        (count,) = alerts.execute("SELECT count(*) FROM message").fetchone()
        return int(count)
