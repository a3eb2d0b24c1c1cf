"""What is stored, beside an independent log of random operations on real listeners.

RANDOM_OPERATIONS is the number of operations, RANDOM_SEED their seed:
RANDOM_OPERATIONS=20000 python -m pytest tests/system/test_random_operations.py -k tracepoint
"""

import os
import shlex
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from porteye_core.store.file.connection import open_connection
from tests.kit.agreement import disagreements, of_driver, stored, ticks
from tests.kit.churn import contradictions
from tests.kit.operations import Life, Operations
from tests.kit.rights import root
from tests.kit.service import monitor, rows
from tests.kit.tracing import needs_tracing
from tests.kit.waiting import until

COUNT = int(os.environ.get("RANDOM_OPERATIONS", "1500"))
SEED = os.environ.get("RANDOM_SEED", "1")
INTERVALS = {"tracepoint": 0.5, "sock_diag": 0.25}

MAX_OTHERS = 5000  # listeners of other programs that leave the records room

pytestmark = [
    pytest.mark.host,
    pytest.mark.long,
    pytest.mark.skipif(sys.platform != "linux", reason="namespaces and threads are Linux's"),
    root,
]


@pytest.mark.parametrize(
    "source", [pytest.param("tracepoint", marks=needs_tracing), pytest.param("sock_diag")]
)
def test_whatever_programs_do_each_life_is_stored_once_as_it_was(
    db: Path, tmp_path: Path, source: str
) -> None:
    interval = INTERVALS[source]
    flags = "--source", source, "--interval", str(interval), "--sample-interval", "2"

    def wrong(lives: list[Life]) -> list[str]:
        when = ticks(db, interval)
        return disagreements(lives, stored(db), when, records=source == "tracepoint")

    def settle(lives: list[Life]) -> None:
        since = time.time_ns() // 1000
        until(lambda: count_ticks(db, since) > 1, "the monitor has scanned twice")
        with suppress(AssertionError):  # the last comparison shows what is wrong
            # Holders are searched in pieces, which takes more ticks on a busy machine.
            until(lambda: not wrong(lives), "all is stored as it is")
        if len(stored(db)) > len(lives) + MAX_OTHERS and lost(db):
            pytest.skip("another program opened so many sockets that records were lost")
        assert wrong(lives) == []

    with (
        monitor(db, *flags, within=logging_to(tmp_path / "log")),
        Operations(tmp_path / "lives", SEED, COUNT) as operations,
    ):
        settle(operations.rest())
        lives = operations.end()
        settle(lives)
    found = of_driver(lives, stored(db))
    assert len(found) > len(lives) / 5  # none of the comparisons was of nothing
    assert not any(row.closed_at is None for row in found)
    with open_connection(db) as reader:
        assert contradictions(reader, every_one_sampled=False) == []


def count_ticks(db: Path, since: int) -> int:
    """How often the monitor has scanned everything since this time."""
    statement = "SELECT count(*) FROM tick WHERE at > ? AND rss IS NOT NULL"
    return int(str(rows(db, statement, since)[0][0]))


def lost(db: Path) -> bool:
    return rows(db, "SELECT max(lost) > 0 FROM tick") == [(1,)]


def logging_to(path: Path) -> Callable[..., list[str]]:
    """A command that writes its log to a file: nobody reads it meanwhile."""
    return lambda *command: ["sh", "-c", f'exec "$@" 2>{shlex.quote(str(path))}', "sh", *command]
