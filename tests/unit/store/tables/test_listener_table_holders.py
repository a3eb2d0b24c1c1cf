"""What belongs to a listener that stays open for a year is bounded, whoever holds it meanwhile."""

from itertools import count
from pathlib import Path

import pytest

from porteye_core.model import AttributedSocket, Opening, Precision, Process
from porteye_core.store.file.connection import open_connection
from porteye_core.store.retention import purge_rounds
from porteye_core.store.writing.writer import Writer
from tests.kit.stored import database_of
from tests.kit.values import SECOND, by_id, endpoint, owned, process

MASTER = process(10, name="php-fpm")
AT_ONCE = 100


class Server:
    """A pre-fork server in the store, whose workers are replaced."""

    def __init__(self, db: Path, writer: Writer) -> None:
        self._db, self._writer = db, writer
        self._pids = count(1000)
        self._at = 10 * SECOND
        (self.listener,) = writer.record_changes(
            self._at, [Opening(self._seen([]), self._at, Precision.POLL)]
        )

    def _seen(self, workers: list[Process]) -> AttributedSocket:
        return owned(endpoint(9000), MASTER, inode=7, holders=(MASTER, *workers))

    def replace(self, workers: int = AT_ONCE) -> list[Process]:
        """Let so many new workers take the place of all others."""
        now = [process(next(self._pids), 20, "php-fpm") for _ in range(workers)]
        self._learn(self._seen(now))
        return now

    def _learn(self, seen: AttributedSocket) -> None:
        self._at += SECOND
        self._writer.record_changes(self._at, reowned=[(self.listener, seen)])

    def hand_on(self, owner: Process) -> None:
        self._learn(owned(endpoint(9000), owner, inode=7, holders=(owner,)))

    def drop_orphans(self) -> None:
        """Take the steps of one round, all of them before the first hourly one is due."""
        database = database_of(self._writer)
        for elapsed in range(0, purge_rounds._FIRST, purge_rounds._REST):
            self._writer.purge_step(self._at, elapsed)
            if elapsed and database._retention._round is None:
                return
        pytest.fail("the round has not ended")

    def column(self, statement: str) -> list[object]:
        with open_connection(self._db) as reader:
            return [row[0] for row in reader.execute(statement)]

    @property
    def pids(self) -> set[object]:
        return set(self.column("SELECT pid FROM process"))


@pytest.fixture
def server(db: Path, writer: Writer) -> Server:
    return Server(db, writer)


def test_holders_that_have_gone_are_forgotten_and_counted(server: Server) -> None:
    for _ in range(100):
        workers = server.replace()
    held = server.column("SELECT pid FROM holder JOIN process p ON p.id = process_id")
    assert set(held) == {MASTER.key.pid, *(each.key.pid for each in workers)}
    assert len(held) == AT_ONCE + 1
    assert server.column("SELECT holders_gone FROM listener") == [99 * AT_ONCE]


def test_the_processes_of_holders_that_have_gone_are_dropped_in_the_end(server: Server) -> None:
    rounds = purge_rounds._RELEASED // AT_ONCE + 1
    for _ in range(rounds):
        workers = server.replace()
    assert len(server.pids) == rounds * AT_ONCE + 1
    server.drop_orphans()
    assert server.pids == {MASTER.key.pid, *(each.key.pid for each in workers)}
    assert server.column("PRAGMA foreign_key_check") == []


def test_a_few_holders_that_have_gone_start_no_search(server: Server) -> None:
    for _ in range(3):
        server.replace()
    server.drop_orphans()
    assert len(server.pids) == 3 * AT_ONCE + 1


def test_a_former_owner_is_kept_when_the_processes_of_holders_are_dropped(server: Server) -> None:
    heir = process(11, name="php-fpm")
    server.hand_on(heir)
    for _ in range(purge_rounds._RELEASED // AT_ONCE + 1):
        server.replace()
    server.drop_orphans()
    assert {MASTER.key.pid, heir.key.pid} <= server.pids


def test_of_a_thousand_former_owners_the_latest_are_kept_and_the_others_counted(
    server: Server,
) -> None:
    owners = [process(2000 + number, name="relay") for number in range(1000)]
    for each in owners:
        server.hand_on(each)
    kept = server.column(
        "SELECT pid FROM former JOIN process p ON p.id = process_id ORDER BY until"
    )
    assert kept == [each.key.pid for each in owners[-1 - len(kept) : -1]]
    assert len(kept) < 100
    # The opener's own turn is one of them, and the last owner has no end yet.
    assert server.column("SELECT sum(folded + 1) FROM former") == [1000]


def test_a_restart_knows_the_holders_that_are_left(server: Server, writer: Writer) -> None:
    server.replace()
    workers = server.replace()
    (found,) = database_of(writer).open_listeners(by_id).values()
    assert found.holders == {MASTER.key, *(each.key for each in workers)}
