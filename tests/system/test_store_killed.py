"""The writer is killed at any moment, and nothing that it has committed is lost."""

import sys
from pathlib import Path
from random import Random

import pytest

from porteye_core.store.file import lock
from porteye_core.store.file.connection import open_connection
from porteye_core.store.writing.startup import open_writer
from tests.kit.churn import contradictions, damage, lost
from tests.kit.forked import readers, rest, start_writer
from tests.kit.opener import Opener
from tests.kit.service import monitor, rows
from tests.kit.values import HOST
from tests.kit.waiting import until

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is POSIX")
_ROUNDS, _APART = 200, 10_000  # seconds of the database between two rounds


def killed(db: Path, first: int, chance: Random) -> list[str]:
    """What a writer acknowledged before it was killed, at a moment that chance chooses: before it
    has begun, between two acknowledgements or within a transaction."""
    process, said = start_writer(db, range(first, first + _APART))
    try:
        lines = [said.recv() for _ in range(chance.randrange(12))]
        process.join(chance.random() * 0.02)
    finally:
        process.kill()
        process.join()
    return lines + rest(said)


@pytest.mark.long
def test_two_hundred_kills_lose_nothing_and_readers_never_notice(db: Path) -> None:
    chance = Random(_ROUNDS)
    with open_writer(db, HOST, 1):
        pass
    acknowledged: list[str] = []
    with readers(db, 2):
        for number in range(1, _ROUNDS + 1):
            acknowledged += killed(db, number * _APART, chance)
            assert lock.holder(db) is None
            with open_connection(db) as reader:
                assert not damage(reader)
                assert not contradictions(reader)
                assert not lost(reader, acknowledged)
    assert len(acknowledged) > _ROUNDS


def test_a_monitor_killed_at_work_leaves_what_it_had_shown(db: Path) -> None:
    chance = Random(5)
    with Opener() as opener:
        for number in range(1, 6):
            with monitor(db, "--source", "portable", "--sample-interval", "1") as process:
                ports = [opener.listen() for _ in range(chance.randrange(1, 4))]
                until(lambda: rows(db, _LIVE, ports[0]), "one is seen")  # noqa: B023
                opener.close(ports.pop())
                shown = rows(db, "SELECT * FROM event"), rows(db, "SELECT id, at FROM tick")
                process.kill()
                process.wait()
            assert lock.holder(db) is None
            with open_connection(db) as reader:
                assert not damage(reader)
                assert not contradictions(reader, every_one_sampled=False)
            assert set(shown[0]) <= set(rows(db, "SELECT * FROM event"))
            assert set(shown[1]) <= set(rows(db, "SELECT id, at FROM tick"))
            assert rows(db, "SELECT count(*), count(stopped_at) FROM watch") == [(number, 0)]


_LIVE = "SELECT 1 FROM listener WHERE port = ? AND closed_at IS NULL"
