"""The shipper's unit in the hands of a systemd that is process 1, beside the monitor's."""

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from porteye_core.store.fleet.administration.enrolment import enrol, retire
from porteye_core.store.fleet.administration.migrations import migrate
from porteye_core.store.fleet.server import connect
from tests.kit.booted import Booted, booted, unbootable
from tests.kit.fleet import Fleet
from tests.kit.opener import Opener, address_of
from tests.kit.postgres import Access, cluster, needs_postgres
from tests.kit.service import PROJECT
from tests.kit.waiting import until

pytestmark = [
    needs_postgres,
    pytest.mark.skipif(bool(unbootable()), reason=unbootable() or "it can be"),
]

UNIT = PROJECT / "deploy" / "porteye-ship.service"
ADDRESS = address_of(os.getpid())  # of this process alone
_HERE = """
[Service]
ExecStart=
# A developer's interpreter may lie where only root may go: systemd starts what it starts before the
# right to go there is in force, and a shell after that.
ExecStart=/bin/sh -c 'exec "$0" "$@"' {python} -OO -m porteye_core.command ship \
    ${{CREDENTIALS_DIRECTORY}}/fleet --db /var/lib/porteye/porteye.db --interval 0.2
WorkingDirectory={project}
LoadCredential=
LoadCredential=fleet:{login}
StandardError=file:/var/lib/ship-log
RestartSec=1
# The interpreter of a developer may lie in a home, and the project in a folder for a while: a unit
# with a user of its own sees none of these.
ProtectHome=no
BindReadOnlyPaths={project} {environment}
"""


@dataclass(frozen=True, slots=True)
class Scene:
    fleet: Fleet
    systemd: Booted

    def shown(self, name: str) -> str:
        return self.systemd.systemctl("show", UNIT.name, "--value", "--property", name)

    @property
    def log(self) -> str:
        return (self.systemd.state / "ship-log").read_text()


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    """A monitor that watches, and a shipper that has begun."""
    with ExitStack() as stack:
        access = Access(ADDRESS, ("host all +porteye_agent all scram-sha-256",))
        running = stack.enter_context(cluster(access=access))
        login = tmp_path / "host.fleet"
        with connect(running.address) as server:
            migrate(server)
            login.touch(0o600)
            login.write_text(enrol(server, "web1", f"host={ADDRESS} sslmode=disable"))
        systemd = stack.enter_context(booted(tmp_path, ""))
        here = tmp_path / "here.conf"
        here.write_text(
            _HERE.format(
                python=sys.executable,
                project=PROJECT,
                environment=Path(sys.prefix).resolve(),
                login=login,
            )
        )
        units = Path("/etc/systemd/system")
        dropins = units / f"{UNIT.name}.d"
        for words in (
            ("cp", str(UNIT), str(units)),
            ("mkdir", str(dropins)),
            ("cp", str(here), str(dropins)),
            ("systemctl", "daemon-reload"),
            ("systemctl", "start", UNIT.name),
        ):
            systemd.run(*words).check_returncode()
        yield Scene(Fleet(running.address), systemd)


def test_it_ships_by_its_login_alone_and_goes_on_when_it_is_killed(scene: Scene) -> None:
    with Opener() as opener:
        port = opener.open()
        there = "SELECT 1 FROM open_listener WHERE address = %s AND port = %s"
        until(lambda: scene.fleet.ask(there, opener.address, port), "the fleet knows it")
        scene.systemd.systemctl("kill", "--signal", "KILL", UNIT.name)
        opener.close(port)
        until(lambda: not scene.fleet.ask(there, opener.address, port), "the fleet knows that, too")
    assert scene.shown("NRestarts") == "1"
    with connect(scene.fleet.address) as server:
        retire(server, "web1")
    until(lambda: "The fleet's server cannot be reached" in scene.log, "it has said so")
    assert scene.shown("ActiveState") == "active"
