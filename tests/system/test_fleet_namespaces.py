"""A fleet as an operator has it: three machines on a network, one server, real processes."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psutil
import pytest
from playwright.sync_api import Page

from tests.kit.app import App, dashboard
from tests.kit.browser import needs_chromium, wait_for_cells
from tests.kit.certificates import Certificate, needs_openssl
from tests.kit.command import run_command
from tests.kit.fleet import Fleet, local, rows_at_home, rows_that_arrived
from tests.kit.machines import Machine, Network, needs_machines, network
from tests.kit.postgres import Access, cluster, needs_postgres
from tests.kit.processes import bound, end, logged
from tests.kit.service import SERVICE, environment, rows
from tests.kit.waiting import until

pytestmark = [needs_postgres, needs_openssl, needs_machines, pytest.mark.long]

*_, has_chromium = needs_chromium
# A host is silent after three of its beats.
_SHIPS = ("--interval", "0.2", "--beat", "2")
_OPENS = """
import socket, sys
held = [socket.create_server(("0.0.0.0", int(port))) for port in sys.argv[1:]]
print("open", flush=True)
sys.stdin.read()
"""

_IS_ANSWERED_LATER = """
import pathlib, psycopg, sys
psycopg.connect(pathlib.Path(sys.argv[1]).read_text()).execute("SELECT pg_sleep(3)")
"""


@dataclass
class Host:
    """A machine with a database, the login that it was given, and what runs there."""

    machine: Machine
    db: Path
    login: Path
    stack: ExitStack

    def watch(self) -> None:
        """Start its monitor."""
        flags = ("--interval", "0.1", "--sample-interval", "0.5")
        self._start("monitor", str(SERVICE), "--db", str(self.db), *flags)
        until(lambda: rows(self.db, "SELECT 1 FROM watch"), f"{self.machine.name} watches")

    def ship(self) -> None:
        self._start("ship", *self._ships)

    def ship_to_its_end(self) -> "subprocess.CompletedProcess[str]":
        """Run a shipper that the server refuses."""
        return subprocess.run(
            bound(*self.machine.command(sys.executable, *self._ships)),
            env=environment(),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    @property
    def _ships(self) -> tuple[str, ...]:
        command = ("-m", "porteye_core.command", "ship", str(self.login))
        return (*command, "--db", str(self.db), *_SHIPS)

    def _start(self, name: str, *words: str) -> None:
        log = self.db.with_name(f"{self.machine.name}-{name}.log")
        inside = self.machine.command(sys.executable, *words)
        self.stack.enter_context(logged(log, *inside, env=environment()))

    @contextmanager
    def open(self, *ports: int) -> Iterator[None]:
        """Listen on these ports, until the monitor has seen that, and in the block."""
        process = subprocess.Popen(
            bound(*self.machine.command(sys.executable, "-c", _OPENS, *map(str, ports))),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "open\n"
            until(lambda: self._open >= set(ports), f"{ports} are stored")
            yield
            assert process.stdin is not None
            process.stdin.close()
            process.stdin = None
            until(lambda: not self._open & set(ports), f"{ports} are stored as closed")
        finally:
            end(process)

    @property
    def _open(self) -> set[int]:
        found = rows(self.db, "SELECT port FROM listener WHERE closed_at IS NULL")
        return {int(str(port)) for (port,) in found}


@dataclass
class Scene:
    fleet: Fleet
    network: Network
    hosts: dict[str, Host]
    folder: Path
    server: str
    stack: ExitStack

    def enrol(self, name: str) -> Host:
        """Enrol a host by the command, and give it a machine that watches nothing yet."""
        login = self.folder / f"{name}.fleet"
        flags = ("--file", str(login), "--reached", self.server)
        done = self.porteye("enrol", name, *flags)
        assert done.returncode == 0, done.stderr
        made = Host(self.network.join(name), self.folder / f"{name}.db", login, self.stack)
        self.hosts[name] = made
        return made

    def porteye(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """The administrator's command."""
        return run_command("fleet", *words, PORTEYE_FLEET=self.fleet.address)

    def who(self, port: int) -> list[str]:
        """The hosts that listen on a port, as the command says."""
        return [
            each["host"] for each in json.loads(self.porteye("who", str(port), "--json").stdout)
        ]

    def who_said(self, port: int, doubt: str) -> str:
        """The hosts that listen on a port, once they are told with a doubt."""
        done = self.porteye("who", str(port))
        return done.stdout if doubt in done.stderr else ""

    def state(self, name: str) -> Any:
        found = {each["host"]: each for each in json.loads(self.porteye("hosts", "--json").stdout)}
        return found[name]["state"]

    def has_all(self, name: str) -> bool:
        """Tell that the server has each row of a host's database, and no other."""
        ((number,),) = self.fleet.ask("SELECT host_id FROM host WHERE name = %s", name)
        return rows_that_arrived(self.fleet, number) == rows_at_home(self.hosts[name].db)


@pytest.fixture(scope="module")
def scene() -> Iterator[Scene]:
    """Three hosts that watch and ship."""
    # Short: the path of a Unix socket has 107 bytes at most.
    with TemporaryDirectory(prefix="porteye-hosts-") as place, ExitStack() as stack:
        folder = Path(place)
        made = stack.enter_context(network())
        address = made.server.address
        certificate = Certificate.of(folder, f"IP:{address}")
        access = Access(
            address,
            ("hostssl all +porteye_agent all scram-sha-256",),
            (
                *("ssl=on", f"ssl_cert_file=../{certificate.file.name}"),
                f"ssl_key_file=../{certificate.key.name}",
            ),
            (certificate.file, certificate.key),
            made.server.network,
        )
        running = stack.enter_context(cluster(access=access))
        server = f"host={address} sslmode=verify-full sslrootcert={certificate.file}"
        scene = Scene(Fleet(running.address), made, {}, folder, server, stack)
        assert scene.porteye("init").returncode == 0
        for name in ("web1", "web2", "web3"):
            host = scene.enrol(name)
            host.watch()
            host.ship()
        until(lambda: {scene.state(name) for name in scene.hosts} == {"reporting"}, "all report")
        yield scene


def test_what_listens_on_one_host_is_found_among_all(scene: Scene) -> None:
    with scene.hosts["web2"].open(3306):
        assert until(lambda: scene.who(3306), "the fleet knows it") == ["web2"]
    until(lambda: not scene.who(3306), "the fleet knows that it has closed")


@pytest.fixture(scope="module")
def app(scene: Scene, tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """The page, with a login that reads."""
    login = scene.folder / "page.fleet"
    assert scene.porteye("reader", "page", "--file", str(login)).returncode == 0
    folder = tmp_path_factory.mktemp("page")
    with dashboard(None, folder, PORTEYE_FLEET=login.read_text().strip()) as running:
        yield running


def test_one_api_has_all_hosts(scene: Scene, app: App) -> None:
    assert {each["host"] for each in app.json("/api/hosts")} == {"web1", "web2", "web3"}
    with scene.hosts["web1"].open(3307), scene.hosts["web3"].open(3307):
        wanted = ["web1", "web3"]
        until(lambda: sorted(scene.who(3307)) == wanted, "the fleet knows both")
        found = app.json("/api/ports?port=3307")
        assert sorted(each["host"] for each in found) == wanted


@has_chromium
def test_one_page_has_all_hosts_and_leads_to_that_of_one(
    scene: Scene, app: App, page: Page
) -> None:
    with scene.hosts["web2"].open(3308):
        until(lambda: scene.who(3308) == ["web2"], "the fleet knows it")
        page.goto(app.url)
        wait_for_cells(page, "web1", "web2", "web3")
        page.goto(f"{app.url}/now?rows=listeners&port=3308")
        wait_for_cells(page, "web2", "3308")
        page.goto(f"{app.url}/?host=web2")
        wait_for_cells(page, "3308")
        assert page.get_by_test_id("stException").count() == 0


def test_a_host_that_is_cut_off_is_silent_and_loses_nothing(scene: Scene) -> None:
    cut = scene.hosts["web3"]
    with cut.open(1001):
        until(lambda: scene.who(1001) == ["web3"], "the fleet knows it")
        scene.network.cut(cut.machine)
        with cut.open(1002, 1003):
            pass
        with cut.open(1004):
            said = until(lambda: scene.who_said(1001, "silent: web3."), "it is said to be silent")
            assert "web3" in said
            assert not scene.who(1004)
            until(lambda: scene.state("web1") == "reporting", "another one reports")
            scene.network.mend(cut.machine)
            until(lambda: scene.who(1004) == ["web3"], "the fleet knows what opened meanwhile")
            assert scene.who(1001) == ["web3"]
    until(lambda: scene.has_all("web3"), "the fleet has each row of its database once")
    events = "SELECT count(*) FROM event WHERE port BETWEEN 1001 AND 1004"
    assert scene.fleet.ask(events) == local(cut.db, events) == [(8,)]


def test_a_clone_is_refused_until_it_is_a_host_of_its_own(scene: Scene) -> None:
    web1 = scene.hosts["web1"]
    with web1.open(2001):
        until(lambda: scene.who(2001) == ["web1"], "the fleet knows it")
        clone = scene.enrol("web1-clone")
        copied = run_command("backup", str(clone.db), "--db", str(web1.db))
        assert copied.returncode == 0, copied.stderr
        with web1.open(2002):
            until(lambda: scene.who(2002) == ["web1"], "the fleet knows it")
            clone.watch()
            with clone.open(2003):
                stolen = Host(clone.machine, clone.db, web1.login, scene.stack)
                refused = stolen.ship_to_its_end()
                assert refused.returncode == 1
                (said,) = refused.stderr.splitlines()
                assert "clone" in said
                assert "Enrol the clone as a host of its own" in said
                assert not scene.who(2003)
                clone.ship()
                until(lambda: scene.who(2003) == ["web1-clone"], "the clone ships as itself")
                assert scene.state("web1") == "reporting"
    for name in ("web1", "web1-clone"):
        until(partial(scene.has_all, name), f"the fleet has each row of {name} once")


def test_a_host_that_loses_its_power_leaves_no_connection_at_the_server(scene: Scene) -> None:
    """Each would count among the few that a host may have, for hours."""
    web2 = scene.hosts["web2"]
    others = "SELECT count(*) FROM pg_stat_activity WHERE usename = %s"
    ((role,),) = scene.fleet.ask("SELECT role FROM host WHERE name = 'web2'")
    asked = subprocess.Popen(
        bound(*web2.machine.command(sys.executable, "-c", _IS_ANSWERED_LATER, str(web2.login))),
        stderr=subprocess.DEVNULL,
    )
    try:
        asks = f"{others} AND query LIKE '%%pg_sleep%%' AND state = 'active'"
        until(lambda: scene.fleet.ask(asks, role) == [(1,)], "an answer is under way")
        assert scene.fleet.ask(others, role) == [(2,)]
        scene.network.cut(web2.machine)
        psutil.Process(web2.machine.pid).kill()
    finally:
        end(asked)
    until(lambda: scene.fleet.ask(others, role) == [(0,)], "the server has noticed")
