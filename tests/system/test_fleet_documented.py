"""The lines of docs/fleet.md, as they stand: from nothing to three hosts that report."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.kit.machines import Machine, Network, needs_machines, network
from tests.kit.processes import logged
from tests.kit.service import PROJECT, environment
from tests.kit.unit import missing
from tests.kit.waiting import until

_DEBIAN = ("pg_createcluster", "pg_ctlcluster", "make-ssl-cert")
_VERSIONS = sorted(path.name for path in Path("/usr/lib/postgresql").glob("*"))
pytestmark = [
    needs_machines,
    pytest.mark.skipif(
        bool(missing(*_DEBIAN)) or not _VERSIONS,
        reason=missing(*_DEBIAN) or "no PostgreSQL of Debian is installed",
    ),
]

# A machine without PostgreSQL, on which Debian's package is installed.
_INSTALL = f"""
set -e
folders="/etc/postgresql /var/lib/postgresql /var/log/postgresql /run/postgresql"
for folder in $folders /etc/ssl/certs /etc/ssl/private; do
    mkdir -p $folder
    mount -t tmpfs tmpfs $folder
done
chown postgres:postgres $folders
chgrp ssl-cert /etc/ssl/private
chmod 710 /etc/ssl/private
make-ssl-cert generate-default-snakeoil
pg_createcluster {_VERSIONS[0] if _VERSIONS else ""} main --start
"""
_ASKS = """
import json, urllib.request
answer = urllib.request.urlopen("http://127.0.0.1:8501/api/hosts", timeout=60)
print(*(each["host"] for each in json.load(answer)))
"""
_RESTART = f"pg_ctlcluster {_VERSIONS[0] if _VERSIONS else ''} main restart"
_PROGRAMS = {
    "apt": "true",  # the package is installed
    "systemctl": f'[ "$*" = "restart postgresql" ] && {_RESTART}',
    "porteye": f'exec {PROJECT}/.venv/bin/python -m porteye_core.command "$@"',
}


def blocks() -> list[str]:
    """The blocks of shell lines of the section, in their order."""
    text = (PROJECT / "docs" / "fleet.md").read_text()
    section = text.split("\n## Three hosts in ten lines\n", 1)[1].split("\n## ", 1)[0]
    return re.findall(r"^```sh\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Scene:
    server: Machine
    folder: Path

    def run(self, lines: str) -> str:
        """Run lines of a shell on the server, as root; return what they say."""
        done = subprocess.run(
            self.server.command("bash", "-e", "-c", lines, cwd=self.folder),
            env=with_programs(self.folder),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


def with_programs(folder: Path) -> dict[str, str]:
    return environment(PATH=f"{folder}/bin:{os.environ['PATH']}", PYTHONPATH=str(PROJECT))


@pytest.fixture
def scene() -> Iterator[Scene]:
    """A server on which Debian's PostgreSQL was installed, and three hosts that know its name."""
    with TemporaryDirectory(prefix="porteye-documented-") as name, ExitStack() as stack:
        folder = Path(name)
        (folder / "bin").mkdir()
        for program, line in _PROGRAMS.items():
            (folder / "bin" / program).write_text(f"#!/bin/sh\n{line}\n")
            (folder / "bin" / program).chmod(0o755)
        made = stack.enter_context(network())
        scene = Scene(made.server, folder)
        scene.run(_INSTALL)
        of_server, of_host, of_page = blocks()
        scene.run(of_server)
        for host in ("web1", "web2", "web3"):
            _start(stack, made, host, folder, of_host.replace("web1", host))
        # In the shell of the first lines.
        of_page = f"export PORTEYE_FLEET=dbname=fleet\n{of_page}"
        shown = made.server.command("bash", "-e", "-c", of_page, cwd=folder)
        stack.enter_context(logged(folder / "page.log", *shown, env=with_programs(folder)))
        yield scene


def _start(stack: ExitStack, made: Network, name: str, folder: Path, lines: str) -> None:
    """Run the lines of a host on a machine that has its login and knows the server's name."""
    machine = made.join(name)
    home = folder / name
    home.mkdir()
    shutil.copy(folder / f"{name}.fleet", home)
    (home / "hosts").write_text(f"127.0.0.1 localhost\n{made.server.address} db.example\n")
    variables = {**with_programs(folder), "PORTEYE_DB": str(home / "porteye.db")}
    inside = ["bash", "-e", "-c", f"mount --bind hosts /etc/hosts\n{lines}"]
    command = machine.command(*inside, cwd=home)
    stack.enter_context(logged(home / "log", *command, env=variables))


def test_three_hosts_report_after_ten_lines(scene: Scene) -> None:
    assert sum(block.count("\n") for block in blocks()) <= 10

    def reporting() -> list[str]:
        said = scene.run("PORTEYE_FLEET=dbname=fleet porteye fleet hosts --json")
        return [each["host"] for each in json.loads(said) if each["state"] == "reporting"]

    until(lambda: reporting() == ["web1", "web2", "web3"], "all three report")
    ask = f"{PROJECT}/.venv/bin/python -c '{_ASKS}' || true"
    until(lambda: scene.run(ask).split() == ["web1", "web2", "web3"], "the page has them, too")
