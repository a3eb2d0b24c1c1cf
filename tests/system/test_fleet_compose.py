"""The commands of deploy/compose.yaml, in their order, without the images."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import yaml

from porteye_core.store.writing.writer import Writer
from tests.kit.machines import Machine, needs_machines, network
from tests.kit.postgres import VERSIONS, needs_postgres
from tests.kit.processes import logged
from tests.kit.service import PROJECT, environment
from tests.kit.unit import missing
from tests.kit.waiting import until

COMPOSE = yaml.safe_load((PROJECT / "deploy" / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
PASSWORD = "the administrator's"

_SOCKETS = "/var/run/postgresql"
_MAKE_APART = f"""
mount --bind hosts /etc/hosts
mount -t tmpfs tmpfs {_SOCKETS}
chown postgres {_SOCKETS}
"""
# What the entry point of the image does before it starts the server.
_PREPARE = """
chown postgres .
printf %s "$POSTGRES_PASSWORD" >password
chown postgres password
su postgres -s /bin/sh -c "PATH='$PATH' initdb -D data -U postgres --pwfile=password \
    --auth-local=trust --auth-host=$POSTGRES_HOST_AUTH_METHOD --no-sync" >/dev/null
echo "host all all all $POSTGRES_HOST_AUTH_METHOD" >>data/pg_hba.conf
"""
_SERVE = 'cd data && exec setpriv --reuid=postgres --regid=postgres --clear-groups "$0" -D . "$@"'


@dataclass(frozen=True, slots=True)
class Composed:
    """A machine on which the services run one after the other, and a folder with their volumes."""

    machine: Machine
    folder: Path

    def words(self, service: str, *more: str) -> list[str]:
        """The command of a service, with the names of volumes that are here."""
        of = SERVICES[service]
        words = [*of.get("entrypoint", ()), *(more or of["command"])]
        for volume in of["volumes"]:
            name, place = volume.split(":")[:2]
            words = [word.replace(place, str(self.folder / name)) for word in words]
        return [word.replace("$$", "$") for word in words]

    def variables(self, service: str) -> dict[str, str]:
        given = {
            name: PASSWORD if "POSTGRES_PASSWORD" in value else value
            for name, value in SERVICES[service].get("environment", {}).items()
        }
        (binaries, *_) = VERSIONS.values()
        path = f"{self.folder}/bin:{binaries}:{os.environ['PATH']}"
        return environment(PATH=path, PYTHONPATH=str(PROJECT), **given)

    def run(self, service: str, *words: str) -> str:
        done = subprocess.run(
            self.machine.command(*(words or self.words(service)), cwd=self.folder),
            env=self.variables(service),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture
def composed() -> Iterator[Composed]:
    """The services up to the page."""
    with TemporaryDirectory(prefix="porteye-composed-") as name, ExitStack() as stack:
        folder = Path(name)
        folder.chmod(0o755)
        for each in ("bin", *COMPOSE["volumes"]):
            (folder / each).mkdir()
        porteye = folder / "bin" / "porteye"
        command = f"{PROJECT}/.venv/bin/python -m porteye_core.command"
        porteye.write_text(f'#!/bin/sh\nexec {command} "$@"\n')
        porteye.chmod(0o755)
        (folder / "hosts").write_text("127.0.0.1 localhost db\n")
        made = Composed(stack.enter_context(network()).server, folder)
        made.run("db", "sh", "-ec", _MAKE_APART)
        made.run("certificate")
        made.run("db", "sh", "-ec", f"cd data\n{_PREPARE}")
        serve = made.machine.command(
            "sh", "-ec", f"cd data\n{_SERVE}", *made.words("db"), cwd=folder
        )
        stack.enter_context(logged(folder / "log", *serve, env=made.variables("db")))
        ready = SERVICES["db"]["healthcheck"]["test"][1].replace("--dbname=fleet", "")
        until(lambda: _succeeds(made, ready), "the server is healthy")
        made.run("db", "createdb", "-h", _SOCKETS, "-U", "postgres", "fleet")
        made.run("admin")
        yield made


def _succeeds(made: Composed, line: str) -> bool:
    done = subprocess.run(
        made.machine.command("sh", "-c", line),
        env=made.variables("db"),
        capture_output=True,
        check=False,
    )
    return done.returncode == 0


@needs_machines
@needs_postgres
@pytest.mark.skipif(bool(missing("openssl", "su")), reason=missing("openssl", "su") or "here")
def test_the_services_make_a_fleet_that_hosts_can_join(
    composed: Composed, db: Path, writer: Writer
) -> None:
    composed.run("admin")  # as it does each time that it is started
    login = (composed.folder / "logins" / "page.fleet").read_text()
    assert "channel_binding=require" in login
    enrol = "cd logins; porteye fleet enrol web1 --reached host=db"
    composed.run("admin", *composed.words("admin", enrol))
    composed.run("admin", "porteye", "ship", "logins/web1.fleet", "--once", "--db", str(db))
    assert "web1" in composed.run("admin", "porteye", "fleet", "hosts", "--server", login)


def test_the_page_starts_only_when_its_login_is_made() -> None:
    assert SERVICES["page"]["depends_on"]["admin"]["condition"] == "service_completed_successfully"
    assert set(COMPOSE["volumes"]) == {
        volume.split(":")[0] for of in SERVICES.values() for volume in of["volumes"]
    }
    for of in SERVICES.values():
        assert all(
            port.startswith(("127.0.0.1:", "${PORTEYE_LISTEN:-127.0.0.1}:"))
            for port in of.get("ports", ())
        )
