"""Expected ports with a real monitor and real servers: learnt, judged, restarted and widened."""

import json
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from benchmarks.seed import seed
from benchmarks.seeding.scale import Scale
from tests.kit.command import run_command
from tests.kit.nginx import needs_nginx, nginx
from tests.kit.rights import root
from tests.kit.service import monitor
from tests.kit.waiting import until
from tests.kit.web_server import held_port, web_server

pytestmark = [pytest.mark.skipif(sys.platform != "linux", reason="needs Linux"), root]

_SERVER = "server { listen {{port}}; }"


class Machine:
    """The verdict of `porteye check` on one port of this machine."""

    def __init__(self, db: Path, port: int) -> None:
        self._db, self._port = str(db), port

    def learn(self) -> None:
        """Put into force what the history shows."""
        learnt = run_command("learn", "--db", self._db)
        assert learnt.returncode == 0, learnt.stderr
        Path(self._db).with_name("expected.toml").write_text(learnt.stdout)

    def verdicts(self) -> dict[int | None, str]:
        """The verdict on the port by the pid of its owner."""
        checked = run_command("check", "--db", self._db, "--json")
        assert checked.returncode in (0, 1, 2), checked.stderr
        records: list[dict[str, Any]] = json.loads(checked.stdout)
        return {each["pid"]: each["verdict"] for each in records if each["port"] == self._port}

    def is_judged(self, pid: int, verdict: str) -> Callable[[], bool]:
        """The condition that the owner of this pid, and nobody else, has the verdict."""
        return lambda: self.verdicts() == {pid: verdict}

    def has(self, word: str) -> Callable[[], bool]:
        """The condition that `porteye who` names the word; it needs no file."""
        return lambda: word in run_command("who", str(self._port), "--db", self._db).stdout


def test_a_restart_is_expected_and_a_wider_address_is_told(db: Path, tmp_path: Path) -> None:
    with held_port() as port, monitor(db):
        machine = Machine(db, port)
        with web_server(tmp_path, "127.0.0.1", port) as first:
            until(machine.has(f"pid {first},"), "the server is seen")
            machine.learn()
            assert machine.verdicts() == {first: "expected"}
        with web_server(tmp_path, "127.0.0.1", port) as second:
            until(machine.is_judged(second, "expected"), "the restarted server is expected")
        with web_server(tmp_path, "0.0.0.0", port) as third:
            until(machine.is_judged(third, "wider"), "the exposed server is wider")
            status = run_command("check", "--db", str(db), "--nagios")
            assert status.returncode == 2
            assert f"wider: 0.0.0.0 tcp {port} shop.py (python)" in status.stdout


@needs_nginx
def test_nginx_is_expected_and_another_program_on_its_port_is_told(
    db: Path, tmp_path: Path
) -> None:
    with monitor(db), ExitStack() as stack:
        port = stack.enter_context(nginx(tmp_path, _SERVER))
        machine = Machine(db, port)
        until(machine.has("nginx"), "nginx is seen")
        db.with_name("expected.toml").write_text(
            f'[[expected]]\nport = {port}\nprogram = "nginx"\nalways = true\n'
        )
        until(lambda: set(machine.verdicts().values()) == {"expected"}, "nginx is expected")
        stack.close()
        with web_server(tmp_path, "127.0.0.1", port) as pid:
            until(machine.is_judged(pid, "owner"), "the other program is told")


def test_what_a_month_teaches_finds_nothing_grave_in_it(db: Path) -> None:
    now = time.time_ns() // 1000
    seed(db, Scale(days=9, listeners=40, events=8001, seed=3, sample_days=0.2), now)
    learnt = run_command("learn", "--db", str(db), "--since", "30 days ago")
    db.with_name("expected.toml").write_text(learnt.stdout)
    assert learnt.stdout.count("[[expected]]") > 50
    for days in range(1, 9):
        moment = run_command("check", "--db", str(db), "--json", "--at", f"{days} days ago")
        records = json.loads(moment.stdout)
        assert len(records) > 10, moment.stderr
        assert {each["verdict"] for each in records} <= {"expected", "unknown"}
        assert all("hidden" in each["why"] for each in records if each["verdict"] == "unknown")
