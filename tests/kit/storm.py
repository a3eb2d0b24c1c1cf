"""A writer that goes on until it is killed and tells what it has committed; readers beside it."""

import sqlite3
from itertools import count
from multiprocessing.connection import Connection
from pathlib import Path

from porteye_core.model import Keep, Sample, Seen, Tick
from porteye_core.store.reader import open_reader
from porteye_core.store.sqlite import open_writer
from porteye_core.store.writer import Closing, Opening
from tests.kit.seeding import PLAN
from tests.kit.values import HOST, SECOND, endpoint, owned, process

BEAT = 10 * SECOND
_KEEP = Keep(samples=3600 * SECOND)
_OPEN = 6  # lives at a time


def storm(db: Path, start: int, told: Connection, beats: int | None = None) -> None:
    """Open, close and sample from this time on, for ever if no number of beats is given; after
    each commit tells `(table, at, how many rows have that time)`."""
    with open_writer(db, HOST, start, _KEEP) as writer:
        writer.begin_watch(start, PLAN)
        lives = list(writer.open_listeners().values())
        for beat in count(1) if beats is None else range(1, beats + 1):
            at = start + beat * BEAT
            seen = [owned(endpoint(1000 + n), process(beat + n, at)) for n in range(3)]
            ended = [lives.pop(0) for _ in range(max(0, len(lives) + 3 - _OPEN))]
            lives += writer.record_changes(
                at,
                [Opening(each, at, Seen.POLL) for each in seen],
                [Closing(each, at, Seen.POLL) for each in ended],
            )
            told.send(("event", at, len(seen) + len(ended)))
            samples = [Sample(life.id, beat % 97 * 100, beat * 4096, beat % 7) for life in lives]
            writer.record_tick(Tick(at, at, len(lives), 0, 900, 0), samples)
            told.send(("tick", at, 1))
            writer.drop_some(at, at)


def read_on(db: Path, told: Connection) -> None:
    """Read as fast as possible until anything is said; then tells how often, or what failed."""
    reads = 0
    try:
        while not told.poll():
            with open_reader(db) as reader:
                assert not contradictions(reader)
            reads += 1
    except Exception as err:  # noqa: BLE001 - whatever it is, the test shall name it
        told.send(repr(err))
    else:
        told.send(reads)


def contradictions(reader: sqlite3.Connection) -> list[tuple[object, ...]]:
    """Where lives, events and what is counted of them do not say the same."""
    found = [
        tuple(row) for statement in _CONTRADICTIONS for row in reader.execute(statement).fetchall()
    ]
    return found[:5]


_LIVES = """
SELECT id, opened_at, closed_at FROM listener EXCEPT
SELECT listener_id, max(iif(kind = 'opened', at, NULL)), max(iif(kind = 'closed', at, NULL))
FROM event GROUP BY listener_id
"""
_COUNTS = """
SELECT resolution, sum(opened), sum(closed) FROM {} GROUP BY resolution
HAVING sum(opened) <> (SELECT count(*) FROM event WHERE kind = 'opened')
    OR sum(closed) <> (SELECT count(*) FROM event WHERE kind = 'closed')
"""
_BEATS = """
SELECT bucket, sum(beats) FROM rollup WHERE resolution = 300
    AND bucket = (SELECT max(bucket) FROM rollup WHERE resolution = 300) GROUP BY bucket
HAVING sum(beats) <> (SELECT sum(listeners) FROM tick WHERE at >= bucket)
"""
_CONTRADICTIONS = (_LIVES, _COUNTS.format("turnover"), _COUNTS.format("activity"), _BEATS)
