"""The owner of a port that is a unit of a systemd which is process 1."""

import json
import sys
from collections.abc import Iterator

import pytest

from tests.kit.booted import Booted, booted, unbootable
from tests.kit.service import PROJECT
from tests.kit.waiting import until

pytestmark = pytest.mark.skipif(bool(unbootable()), reason=unbootable() or "it can be")

_SERVER = """
import os, socket, time
server = socket.create_server(("127.0.0.1", 0))
with open("/var/lib/said.new", "w") as said:
    said.write(f"{os.getpid()} {server.getsockname()[1]}")
os.rename("/var/lib/said.new", "/var/lib/said")
time.sleep(3600)
"""


@pytest.fixture(scope="module")
def systemd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Booted]:
    with booted(tmp_path_factory.mktemp("booted"), None) as running:
        yield running


def started(systemd: Booted, restart: str) -> tuple[int, int]:
    """Pid and port of a unit's process that listens."""
    said = systemd.state / "said"
    said.unlink(missing_ok=True)
    (systemd.state / "server.py").write_text(_SERVER)
    unit = f"[Service]\nExecStart={sys.executable} /var/lib/server.py\n{restart}\n"
    (systemd.state / "unit").write_text(unit)
    assert systemd.run("cp", "/var/lib/unit", "/run/systemd/system/web.service").returncode == 0
    systemd.systemctl("daemon-reload")
    systemd.systemctl("restart", "web.service")
    until(said.exists, "it listens")
    pid, port = map(int, said.read_text().split())
    return pid, port


def stopped(systemd: Booted, pid: int, port: int, way: str) -> dict[str, str]:
    """What is offered and what becomes of it, asked within."""
    script = PROJECT / "tests" / "kit" / "stop_process.py"
    command = ("env", f"PYTHONPATH={PROJECT}", sys.executable, str(script))
    done = systemd.run(*command, str(pid), str(port), way)
    assert done.returncode == 0, done.stderr
    found: dict[str, str] = json.loads(done.stdout)
    return found


def test_a_unit_is_offered_and_stopped_as_such(systemd: Booted) -> None:
    pid, port = started(systemd, "Restart=always")
    found = stopped(systemd, pid, port, "unit")
    assert found["unit"] == "web.service"
    said = f"server (pid {pid}) has ended. Nothing listens on port {port} any more."
    assert found["outcome"] == said
    until(lambda: systemd.run("systemctl", "is-active", "web").stdout == "inactive\n", "it stops")


def test_a_process_of_a_unit_that_comes_back_is_said_to(systemd: Booted) -> None:
    pid, port = started(systemd, "Restart=always\nRestartSec=1h")
    found = stopped(systemd, pid, port, "SIGTERM")
    assert found["outcome"] == (
        f"server (pid {pid}) has ended. But systemd is about to start web.service again."
    )
