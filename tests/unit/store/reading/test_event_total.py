"""How many events a range has, from buckets and by counting them."""

import random
from functools import partial
from pathlib import Path

import pytest

from porteye_core.model import Filters, Precision
from porteye_core.store.file.connection import open_connection
from porteye_core.store.reading import Reader
from porteye_core.store.reading.status import status
from porteye_core.store.writing.writer import Opening, Writer
from tests.kit.values import SECOND, endpoint, owned

DAY = 86_400 * SECOND
START = 20_000 * DAY


@pytest.mark.parametrize("seed", range(3))
def test_the_buckets_count_what_the_events_do(db: Path, writer: Writer, seed: int) -> None:
    chance = random.Random(seed)
    at = START
    for _ in range(300):
        at += round(10 ** chance.uniform(0, 10.3))
        closed = (at + chance.randrange(DAY), Precision.KERNEL)
        writer.record_changes(at, [Opening(owned(endpoint(1)), at, Precision.KERNEL, closed)])
    with open_connection(db) as connection:
        reader = Reader(connection, partial(status, connection, db))
        for _ in range(60):
            since, until = sorted(chance.randrange(START - DAY, at + 2 * DAY) for _ in range(2))
            for asked in (
                Filters(since=since, until=until),
                Filters(since=since),
                Filters(until=until),
                Filters(),
            ):
                bounds = (asked.since or 0, asked.until or 1 << 62)
                question = "SELECT count(*) FROM event WHERE at BETWEEN ? AND ?"
                counted = connection.execute(question, bounds).fetchone()[0]
                assert reader.event_count(asked) == counted
