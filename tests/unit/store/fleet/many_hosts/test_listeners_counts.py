"""The services of all hosts are counted right after any batch, new database and retirement."""

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

import psycopg
import pytest

from porteye_core.errors import FleetRefused
from porteye_core.model import Listener, Precision, Process
from porteye_core.store.fleet.administration.enrolment import retire
from porteye_core.store.fleet.server import connect
from porteye_core.store.writing.startup import open_writer
from porteye_core.store.writing.writer import Closing, Opening, Writer
from tests.kit.fleet import Fleet, fleet, ship
from tests.kit.postgres import needs_postgres
from tests.kit.seeding import PLAN
from tests.kit.values import HOST, SECOND, endpoint, owned, process
from tests.kit.waiting import until

pytestmark = needs_postgres

NOW = 1_790_000_000 * SECOND
_STEPS = 80
_COUNTED = """SELECT port, protocol, program, exposure::text, hosts, listeners, since
    FROM fleet_service ORDER BY 1, 2, 3, 4"""
_ROWS = """SELECT l.port, l.protocol, left(coalesce(g.title, ''), 120), l.exposure::text,
    count(DISTINCT l.host_id), count(*), min(l.opened_at)
    FROM open_listener l JOIN host h ON h.host_id = l.host_id AND h.retired_at IS NULL
    LEFT JOIN program g ON g.id = l.program_id GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4"""
_WAITING = """SELECT count(*) FROM pg_stat_activity
    WHERE usename LIKE 'agent_%' AND wait_event_type = 'Lock'"""


@pytest.fixture(scope="module")
def running() -> Iterator[Fleet]:
    with fleet() as made:
        yield made


@dataclass(slots=True)
class Living:
    """A host whose listeners come and go, with few ports and programs, which others have too."""

    name: str
    address: str
    folder: Path
    draws: random.Random
    databases: int = 0
    open: list[Listener] = field(default_factory=list)
    db: Path = Path()
    writer: Writer | None = None

    def begin(self, stack: ExitStack) -> None:
        """Go on with an empty database."""
        self.databases += 1
        self.db = self.folder / f"{self.name}-{self.databases}.db"
        self.writer = stack.enter_context(open_writer(self.db, HOST, 1))
        self.writer.begin_watch(NOW, PLAN)
        self.open.clear()

    def step(self, at: int) -> None:
        """Open, close or name a listener, or several at once."""
        assert self.writer is not None
        precision = self.draws.choice((Precision.POLL, Precision.GAP))
        closed = [self._taken() for _ in range(self.draws.randrange(3)) if self.open]
        seen = [
            owned(
                endpoint(
                    self.draws.choice((22, 80, 8000)),
                    self.draws.choice(("tcp", "udp")),
                    self.draws.choice(("0.0.0.0", "127.0.0.1", "10.0.0.7")),
                ),
                self._program() if self.draws.random() < 0.6 else None,
            )
            for _ in range(self.draws.randrange(5))
        ]
        nameless = [each for each in self.open if each.owner is None]
        named = self.draws.sample(nameless, min(len(nameless), self.draws.randrange(2)))
        for each in named:
            self.open.remove(each)
        owners = [owned(each.endpoint, self._program()) for each in named]
        born = self.writer.record_changes(
            at,
            [Opening(each, at - self.draws.randrange(5), precision) for each in seen],
            [Closing(each, at, precision) for each in closed],
            list(zip(named, owners, strict=True)),
        )
        self.open += born
        self.open += [replace(each, owner=its.key) for each, its in zip(named, owners, strict=True)]

    def _taken(self) -> Listener:
        return self.open.pop(self.draws.randrange(len(self.open)))

    def _program(self) -> Process:
        pid = self.draws.randrange(1, 9)
        return process(pid, pid, self.draws.choice(("nginx", "sshd")), f"run {pid}")


@pytest.mark.parametrize("seed", [1, 2])
def test_they_are_what_the_rows_add_up_to_after_each_batch(
    running: Fleet, tmp_path: Path, seed: int
) -> None:
    draws = random.Random(seed)
    with ExitStack() as stack:
        hosts = [_living(running, f"host-{seed}-{n}", tmp_path, draws) for n in range(4)]
        for each in hosts:
            each.begin(stack)
        for step in range(1, _STEPS):
            host = draws.choice(hosts)
            if step % 20 == 0:
                host.begin(stack)
            for _ in range(draws.randrange(1, 4)):
                host.step(NOW + step * SECOND)
            ship(host.db, host.address)
            if step == _STEPS // 2:
                with connect(running.address) as server:
                    retire(server, hosts.pop().name)
            assert running.ask(_COUNTED) == running.ask(_ROWS)
        assert any(hosts > 1 for *_, hosts, _, _ in running.ask(_COUNTED))
        with connect(running.address) as server:
            for host in hosts:
                retire(server, host.name)
        assert running.ask(_COUNTED) == []


def test_a_batch_that_waits_for_the_retirement_of_its_host_is_refused_and_counts_nothing(
    running: Fleet, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        host = _living(running, "between", tmp_path, random.Random(0))
        host.begin(stack)
        ship(host.db, host.address)
        for step in range(1, 9):
            host.step(NOW + step * SECOND)
        assert host.open
        server = stack.enter_context(psycopg.connect(running.address))
        server.execute("SELECT fleet.retire(host_id) FROM fleet.host WHERE name = 'between'")
        with ThreadPoolExecutor(1) as other:
            batch = other.submit(ship, host.db, host.address)
            until(lambda: running.ask(_WAITING) == [(1,)], "the batch waits for the retirement")
            server.commit()
            with pytest.raises(FleetRefused, match="No host is enrolled for the login"):
                batch.result()
    assert running.ask(_COUNTED) == running.ask(_ROWS)


def _living(running: Fleet, name: str, folder: Path, draws: random.Random) -> Living:
    return Living(name, running.enrol(name), folder, draws)


def test_the_earliest_opening_of_a_service_is_that_of_the_hosts_that_have_it(
    running: Fleet, tmp_path: Path
) -> None:
    hosts = list[tuple[Writer, Listener, Path, str]]()
    with ExitStack() as stack:
        for n in range(3):
            db = tmp_path / f"since-{n}.db"
            writer = stack.enter_context(open_writer(db, HOST, 1))
            writer.begin_watch(NOW, PLAN)
            at = NOW + n * SECOND
            opening = Opening(owned(endpoint(9999), process(1)), at, Precision.POLL)
            (born,) = writer.record_changes(at, [opening])
            hosts.append((writer, born, db, running.enrol(f"since-{n}")))
            ship(db, hosts[-1][-1])
        for n, (writer, born, db, address) in enumerate(hosts):
            found = running.ask("SELECT hosts, since FROM fleet_service WHERE port = 9999")
            assert found == [(3 - n, NOW + n * SECOND)]
            at = NOW + 60 * SECOND
            writer.record_changes(at, closed=[Closing(born, at, Precision.POLL)])
            ship(db, address)
    assert running.ask("SELECT 1 FROM fleet_service WHERE port = 9999") == []
