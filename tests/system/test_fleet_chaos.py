"""Exactly once: connections are cut at random bytes, shippers and the server are killed."""

import os
import random
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from porteye_core.model import Listener, Precision
from porteye_core.store.fleet.administration.migrations import migrate
from porteye_core.store.fleet.server import connect
from porteye_core.store.writing.startup import open_writer
from porteye_core.store.writing.writer import Closing, Opening, Writer
from tests.kit.cutting_proxy import cutting_proxy
from tests.kit.fleet import Fleet, local, rows_at_home, rows_that_arrived, ship
from tests.kit.postgres import Cluster, cluster, needs_postgres
from tests.kit.seeding import PLAN
from tests.kit.service import PROJECT
from tests.kit.values import HOST, endpoint, owned, process
from tests.kit.waiting import until

pytestmark = [needs_postgres, pytest.mark.long]

# Seconds of chaos: 30 in CI. An hour by hand has more hosts, and rests after each round, so that
# the machine can do something else.
LASTS = float(os.environ.get("PORTEYE_TEST_CHAOS", "30"))
HOSTS = int(os.environ.get("PORTEYE_TEST_CHAOS_HOSTS", "4"))
REST = float(os.environ.get("PORTEYE_TEST_CHAOS_REST", "0"))
_DEATHS = max(2, round(LASTS / 300))  # of the server
_MOST_OPEN = 20


class Churning:
    """A host on which listeners open, get an owner later, and close."""

    def __init__(self, writer: Writer, draws: random.Random) -> None:
        self._writer, self._draws = writer, draws
        self._nameless: deque[Listener] = deque()
        self._open: deque[Listener] = deque()
        self._steps = 0
        writer.begin_watch(_now(), PLAN)

    def step(self) -> None:
        """Open some listeners, some of them without an owner, and close the oldest."""
        at = _now()
        self._steps += 1
        seen = [
            owned(
                endpoint(self._draws.randrange(1, 65_000)),
                None if n % 2 else process(self._draws.randrange(1, 400), name=f"p{n}"),
            )
            for n in range(self._draws.randrange(1, 6))
        ]
        learnt = [
            (each, owned(each.endpoint, process(self._draws.randrange(1, 400), name="late")))
            for each in self._nameless
        ]
        self._open += self._nameless
        self._nameless.clear()
        gone = [self._open.popleft() for _ in range(max(0, len(self._open) - _MOST_OPEN))]
        closed = {each.id for each in gone}
        born = self._writer.record_changes(
            at,
            [Opening(each, at, Precision.POLL) for each in seen],
            [Closing(each, at, Precision.POLL) for each in gone],
            [(each, found) for each, found in learnt if each.id not in closed],
        )
        for each, found in zip(born, seen, strict=True):
            (self._open if found.owner else self._nameless).append(each)


def _now() -> int:
    return time.time_ns() // 1000


class Processes:
    """Processes that are killed and started again."""

    def __init__(self) -> None:
        self._commands: list[list[str]] = []
        self._running: list[subprocess.Popen[bytes]] = []
        self.killed = 0

    def start(self, *command: str) -> None:
        self._commands.append([sys.executable, *command])
        self._running.append(self._started(self._commands[-1]))

    @staticmethod
    def _started(command: list[str]) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(command, cwd=PROJECT, stderr=subprocess.DEVNULL)

    def kill(self, which: int) -> None:
        """Kill one, wherever it is in its batch, and start it again."""
        self._end(self._running[which])
        self.killed += 1
        self._running[which] = self._started(self._commands[which])

    @staticmethod
    def _end(process: "subprocess.Popen[bytes]") -> None:
        process.kill()
        process.wait()

    def end(self) -> None:
        for each in self._running:
            self._end(each)

    def __len__(self) -> int:
        return len(self._running)


@contextmanager
def processes() -> Iterator[Processes]:
    made = Processes()
    try:
        yield made
    finally:
        made.end()


@pytest.fixture
def folder() -> Iterator[Path]:
    """Short: the path of a Unix socket has 107 bytes at most."""
    with TemporaryDirectory(prefix="porteye-chaos-") as name:
        yield Path(name)


def through(folder: Path, address: str) -> str:
    """The address by way of the proxy in this folder."""
    return make_conninfo(address, host=str(folder))


def log_in(folder: Path, name: str, address: str) -> Path:
    file = folder / f"{name}.fleet"
    file.touch(0o600)
    file.write_text(address)
    return file


def test_each_event_arrives_once_through_cuts_and_kills(folder: Path) -> None:
    draws = random.Random(1)
    dbs = [folder / f"{number}.db" for number in range(1, HOSTS + 1)]
    with ExitStack() as stack:
        running = stack.enter_context(cluster())
        of = Fleet(running.address)
        with connect(running.address) as server:
            migrate(server)
            server.execute("CREATE TABLE public.naive (id bigint)")
        proxy = stack.enter_context(cutting_proxy(folder, running.folder, draws))
        shippers = stack.enter_context(processes())
        hosts = []
        logins = []
        for db in dbs:
            writer = stack.enter_context(open_writer(db, HOST, 1))
            hosts.append(Churning(writer, draws))
            logins.append(of.enrol(f"host-{db.stem}"))
            login = log_in(folder, db.stem, through(folder, logins[-1]))
            shippers.start(
                *("-m", "porteye_core.command", "ship", str(login), "--db", str(db)),
                *("--interval", "0.1"),
            )
        naive = through(folder, running.address)
        shippers.start(
            "-m", "tests.kit.cursor_at_home_process", str(dbs[0]), str(folder / "cursor"), naive
        )
        _chaos(hosts, shippers, running, draws)
        proxy.cuts = False
        _let_the_control_catch_up(running, dbs[0])
        shippers.end()
        for db, address in zip(dbs, logins, strict=True):
            ship(db, address)
        assert proxy.cut > HOSTS
        assert shippers.killed > HOSTS
        for number, db in enumerate(dbs, start=1):
            assert local(db, "SELECT count(*) FROM event")[0][0] > 100
            assert rows_that_arrived(of, number) == rows_at_home(db)
        _check_counts(of)
        _report(of, proxy.cut, shippers.killed)
        assert _naive(running) != [number for (number,) in local(dbs[0], "SELECT id FROM event")]


def _chaos(
    hosts: list[Churning], shippers: Processes, running: Cluster, draws: random.Random
) -> None:
    """Churn, kill a shipper now and then, and the server at even intervals."""
    begin = time.monotonic()
    deaths = [begin + LASTS * n / (_DEATHS + 1) for n in range(1, _DEATHS + 1)]
    kill_at = begin + 2
    while (now := time.monotonic()) < begin + LASTS:
        for host in hosts:
            host.step()
        if now >= kill_at:
            shippers.kill(draws.randrange(len(shippers)))
            kill_at = now + draws.random() * 1.5
        if deaths and now >= deaths[0]:
            deaths.pop(0)
            running.kill()
            running.start()
        time.sleep(REST)


def _check_counts(of: Fleet) -> None:
    """The counts over all hosts are what the rows add up to."""
    by_kind = """SELECT count(*) FILTER (WHERE kind = 'opened'),
        count(*) FILTER (WHERE kind = 'closed') FROM event"""
    for table in ("fleet_turnover", "fleet_port_turnover"):
        assert of.ask(f"SELECT sum(opened), sum(closed) FROM {table}") == of.ask(by_kind)
    assert of.ask("SELECT host_id, listeners FROM host ORDER BY 1") == of.ask(
        """SELECT h.host_id, count(l.id) FROM host h LEFT JOIN open_listener l
            ON l.host_id = h.host_id GROUP BY 1 ORDER BY 1"""
    )
    services = (
        "SELECT port, protocol, program, exposure, hosts, listeners, since FROM fleet_service"
    )
    assert of.ask(f"{services} ORDER BY 1, 2, 3, 4") == of.ask(
        """SELECT l.port, l.protocol, coalesce(g.title, ''), l.exposure,
            count(DISTINCT l.host_id), count(*), min(l.opened_at)
        FROM open_listener l LEFT JOIN program g ON g.id = l.program_id
        GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4"""
    )


def _let_the_control_catch_up(running: Cluster, db: Path) -> None:
    (newest,) = local(db, "SELECT max(id) FROM event")[0]
    until(lambda: max(_naive(running), default=0) >= newest, "the control has the newest event")


def _naive(running: Cluster) -> list[int]:
    with psycopg.connect(running.address) as server:
        return [number for (number,) in server.execute("SELECT id FROM naive ORDER BY id")]


def _report(of: Fleet, cut: int, killed: int) -> None:
    (events,) = of.ask("SELECT count(*) FROM event")[0]
    print(
        f"{events:,} events of {HOSTS} hosts, {cut:,} connections cut, {killed:,} shippers and"
        f" {_DEATHS} servers killed"
    )
