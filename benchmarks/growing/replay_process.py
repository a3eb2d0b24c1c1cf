"""Writes simulated days into a database: PATH, WAY, DAYS, LISTENERS, EVENTS a day."""

import random
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from benchmarks.growing import days
from benchmarks.load.forking import say
from porteye_core.model import DEFAULT_KEEP, Owned, Seen, Tick, WatchPlan
from porteye_core.store.host import Host
from porteye_core.store.sqlite import open_writer
from porteye_core.store.writer import Closing, Opening

_HOST = Host("replayed", "replayed", "Linux", 16 << 30)
_LIVED = 3 * days.SECOND  # how long a passing listener is open


def by_porteye(db: Path, length: float, listeners: int, events: int) -> None:
    """Through the writer of the monitor, with what it keeps by default."""
    draws = random.Random(1)
    with open_writer(db, _HOST, days.BEGUN, DEFAULT_KEEP) as writer:
        writer.begin_watch(days.BEGUN, WatchPlan("replay", days.SECOND, days.BEAT))
        stay = writer.record_changes(
            days.BEGUN,
            [Opening(days.standing(each), days.BEGUN, Seen.POLL) for each in range(listeners)],
        )
        uses = days.uses(listeners)
        opened = 0
        for at in days.beats(length):
            due = (at - days.BEGUN) * events // (2 * days.DAY)
            for number in range(opened, due):
                opening = Opening(days.passing(number, draws), at - _LIVED, Seen.KERNEL)
                (listener,) = writer.record_changes(at - _LIVED, [opening])
                writer.record_changes(at, closed=[Closing(listener, at - 1, Seen.KERNEL)])
            opened = due
            for use in uses:
                use.beat(draws)
            samples = [use.sample(each.id) for use, each in zip(uses, stay, strict=True)]
            tick = Tick(at, at - days.BEGUN, listeners, 0, 900, 0, cpu=40, rss=25 << 20, size=1)
            writer.record_tick(tick, samples)
            for second in range(10):  # a step is offered after each look
                now = at + second * days.SECOND
                writer.drop_some(now, now - days.BEGUN)
        writer.end_watch(at)


def by_rows(db: Path, length: float, listeners: int, events: int) -> None:
    """A row for each listener at each tick, with its texts; as safe from a loss of power."""
    draws, uses = random.Random(1), days.uses(listeners)
    places = [days.standing(each) for each in range(listeners)]
    with closing(sqlite3.connect(db, isolation_level=None)) as connection:
        connection.executescript(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
            "CREATE TABLE port (id INTEGER PRIMARY KEY, timestamp TEXT, port INTEGER,"
            " process TEXT, cmdline TEXT, cpu REAL, memory REAL, clients INTEGER, status TEXT);"
            "CREATE INDEX port_timestamp ON port (timestamp);"
            "CREATE INDEX port_port ON port (port, timestamp);"
        )
        opened = 0
        for at in days.beats(length):
            due = (at - days.BEGUN) * events // (2 * days.DAY)
            passing = [days.passing(number, draws) for number in range(opened, due)]
            opened = due
            for use in uses:
                use.beat(draws)
            rows = [*zip(places, uses, strict=True)] + [(each, days.Use(0)) for each in passing]
            connection.execute("BEGIN")
            connection.executemany(
                "INSERT INTO port (timestamp, port, process, cmdline, cpu, memory, clients, status)"
                " VALUES (datetime(?, 'unixepoch'), ?, ?, ?, ?, ?, ?, 'LISTEN')",
                [
                    (
                        at // days.SECOND,
                        place.socket.endpoint.port,
                        *_texts(place),
                        use.cpu / 100,
                        use.rss / (16 << 30),
                        use.clients,
                    )
                    for place, use in rows
                ],
            )
            connection.execute("COMMIT")


def _texts(place: Owned) -> tuple[str, str]:
    assert place.owner is not None
    return place.owner.program.name, place.owner.program.cmdline


WAYS: dict[str, Callable[[Path, float, int, int], None]] = {"porteye": by_porteye, "rows": by_rows}


def written() -> int:
    """The bytes that this process has sent towards a disk."""
    lines = Path("/proc/self/io").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("write_bytes:"))


def main() -> None:
    """Write them, and say how many bytes went to the disk and are in the file."""
    db, way = Path(sys.argv[1]), WAYS[sys.argv[2]]
    before = written()
    way(db, float(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5]))
    say({"written": written() - before, "size": db.stat().st_size})


if __name__ == "__main__":
    main()
