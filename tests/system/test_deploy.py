"""The unit of the service: sound, hardened as far as is stated, and enough for all that it sees."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from porteye_core.model import WatchPlan
from porteye_core.monitor import command_line
from porteye_core.monitor.heartbeat import Heartbeat
from porteye_core.system.systemd import ServiceManager
from tests.kit.alerts_process import settle
from tests.kit.processes import end
from tests.kit.service import PROJECT, environment, monitor, rows
from tests.kit.tracing import needs_tracing
from tests.kit.unit import UNIT, allowed_calls, confined, missing, words
from tests.kit.values import SECOND
from tests.kit.waiting import until

ALERTS_UNIT = PROJECT / "deploy" / "porteye-alerts.service"
SHIP_UNIT = PROJECT / "deploy" / "porteye-ship.service"
# Tenths, of systemd 252; docs/service.md states them.
EXPOSURE, ALERTS_EXPOSURE, SHIP_EXPOSURE = 24, 15, 15
NOBODY, DAEMON = 65534, 1
_UNWRITABLE = """
import sys
from pathlib import Path
from porteye_core.store.alerts import judging_since, unwritable
assert judging_since(Path(sys.argv[1]))
print(unwritable(Path(sys.argv[1])), end="")
"""
analyze = pytest.mark.skipif(
    bool(missing("systemd-analyze")), reason=missing("systemd-analyze") or "it is here"
)
confinable = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0 or bool(missing("setpriv", "unshare")),
    reason="only root can give rights away, and it takes setpriv and unshare",
)
traceable = pytest.mark.skipif(
    bool(missing("strace", "systemd-analyze")),
    reason=missing("strace", "systemd-analyze") or "both are here",
)


@analyze
@pytest.mark.parametrize("of", [UNIT, ALERTS_UNIT, SHIP_UNIT], ids=lambda path: path.name)
def test_systemd_finds_no_fault_with_the_unit(tmp_path: Path, of: Path) -> None:
    here = of.read_text().replace("/opt/porteye/.venv/bin/python", sys.executable)
    unit = tmp_path / of.name
    unit.write_text(here.replace("/opt/porteye", str(PROJECT)))
    done = subprocess.run(
        ["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False
    )
    said = done.stdout + done.stderr
    if "Failed to" in said and of.name not in said:
        pytest.skip(f"systemd-analyze cannot verify here: {said.strip()}")
    assert (done.returncode, said) == (0, "")


@analyze
@pytest.mark.parametrize(
    ("of", "exposure"),
    [(UNIT, EXPOSURE), (ALERTS_UNIT, ALERTS_EXPOSURE), (SHIP_UNIT, SHIP_EXPOSURE)],
)
def test_the_unit_is_exposed_no_more_than_is_stated(of: Path, exposure: int) -> None:
    command = ["systemd-analyze", "security", "--offline=yes", f"--threshold={exposure}"]
    done = subprocess.run([*command, str(of)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{exposure / 10:g}" in (PROJECT / "docs" / "service.md").read_text()


@confinable
def test_the_alerts_unit_grants_what_it_takes_to_judge_the_database_of_root() -> None:
    """As nobody, with the unit's one capability, over files that root alone may read."""
    (right,) = words("AmbientCapabilities", ALERTS_UNIT)
    kept = f"-all,+{right.removeprefix('CAP_').lower()}"
    # Each start of pytest closes its own folders to others.
    with TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        db, state = Path(folder) / "porteye.db", Path(folder) / "state"
        settle(db, "")
        state.mkdir()
        os.chown(state, NOBODY, NOBODY)

        def run_as(user: int) -> list[str]:
            return [
                *("setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"),
                *(f"--inh-caps={kept}", f"--ambient-caps={kept}", f"--bounding-set={kept}"),
                *("--no-new-privs", sys.executable),
            ]

        command = [
            *(*run_as(NOBODY), "-m", "porteye_core.alerts"),
            *("--db", str(db), "--alerts-db", str(state / "alerts.db")),
        ]
        variables = environment(PYTHONPATH=str(PROJECT))
        with monitor(db), logged_to_pipe(command, variables) as process:
            begun = "SELECT 1 FROM cursor WHERE file != ''"
            until(
                lambda: process.poll() is not None or rows(state / "alerts.db", begun), "it judges"
            )
            # A dashboard with the same right: of the unit's user, and of another one.
            for user, says in ((NOBODY, ""), (DAEMON, "may not write")):
                words_of = [*run_as(user), "-c", _UNWRITABLE, str(state / "alerts.db")]
                refusal = subprocess.check_output(words_of, env=variables, text=True)
                assert (says in refusal) if says else not refusal
            process.terminate()
            said = process.communicate()[1]
            assert process.returncode == 0, said


@contextmanager
def logged_to_pipe(
    command: list[str], variables: dict[str, str]
) -> "Iterator[subprocess.Popen[str]]":
    """A process whose errors can be read; ended at the end."""
    process = subprocess.Popen(command, env=variables, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        end(process)


def test_the_unit_grants_the_rights_that_readme_lists_and_no_more() -> None:
    section = (PROJECT / "README.md").read_text().split("## Rights\n", 1)[1].split("\n## ", 1)[0]
    assert set(words("CapabilityBoundingSet")) == set(re.findall(r"^\| `(CAP_\w+)`", section, re.M))


def test_the_unit_starts_the_monitor_with_flags_that_it_knows() -> None:
    _, script, *flags = words("ExecStart")
    assert (PROJECT / Path(script).name).exists()
    command_line.parser().parse_args(flags)


def test_the_watchdog_is_slower_than_the_slowest_loop() -> None:
    (period,) = words("WatchdogSec")
    plan = WatchPlan("portable", 3600 * SECOND, 3600 * SECOND)
    with Heartbeat(ServiceManager({}), plan) as heartbeat:
        assert heartbeat.paced(3600) <= int(period) / 3


@pytest.fixture
def confined_monitor(db: Path) -> Iterator[Path]:
    with monitor(db, within=confined):
        yield db


@contextmanager
def listening(*before: str, user: int = 0, address: str = "127.0.0.1") -> Iterator[int]:
    """The port of a process that listens, as another user or in another place."""
    code = (
        "import os, socket, sys\n"
        f"os.setgid({user}); os.setuid({user})\n"
        f"server = socket.create_server(({address!r}, 0))\n"
        "print(server.getsockname()[1], flush=True); sys.stdin.read()"
    )
    process = subprocess.Popen(
        [*before, sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield int(process.stdout.readline())
    finally:
        process.communicate()


@confinable
@needs_tracing
def test_the_units_rights_are_enough_for_the_tracepoint(confined_monitor: Path) -> None:
    assert rows(confined_monitor, "SELECT source FROM watch") == [("tracepoint",)]
    limitations = str(rows(confined_monitor, "SELECT limits FROM watch"))
    assert not re.search("unprivileged|one_namespace|polled", limitations)


@confinable
def test_the_units_rights_are_enough_for_another_users_owner(confined_monitor: Path) -> None:
    with listening(user=NOBODY) as port:
        owner = (
            "SELECT p.pid, g.user, g.cmdline FROM listener l JOIN process p ON p.id = l.process_id"
            " JOIN program g ON g.id = l.program_id WHERE port = ?"
        )
        ((_, user, cmdline),) = until(
            lambda: rows(confined_monitor, owner, port), "its owner is found"
        )
    assert user == "nobody"
    assert "create_server" in str(cmdline)


@confinable
def test_the_units_rights_are_enough_for_another_network_namespace(confined_monitor: Path) -> None:
    with listening("unshare", "--net", "--", address="0.0.0.0") as port:
        here = Path("/proc/self/ns/net").stat().st_ino  # where another may have the same port
        place = "SELECT 1 FROM listener WHERE port = ? AND netns != ?"
        until(lambda: rows(confined_monitor, place, port, here), "it is seen", 60)


@confinable
def test_a_dashboard_that_may_only_read_reads_the_services_database(open_folder: Path) -> None:
    """The rights of docs/service.md, as the user nobody, in a folder like the unit's."""
    (mode,) = words("StateDirectoryMode")
    open_folder.chmod(int(mode, 8))
    who = [f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    right = "+dac_read_search"
    rights = [f"--inh-caps={right}", f"--ambient-caps={right}", f"--bounding-set=-all,{right}"]
    code = (
        "import sys; from pathlib import Path\n"
        "from porteye_core.store.file.connection import open_connection\n"
        "with open_connection(Path(sys.argv[1])) as reader:\n"
        "    print(reader.execute('SELECT count(*) FROM watch').fetchone()[0])"
    )
    db = open_folder / "porteye.db"
    with monitor(db, within=confined):
        done = subprocess.run(
            ["setpriv", *who, *rights, sys.executable, "-c", code, str(db)],
            cwd=PROJECT,
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.stdout == "1\n", done.stderr


@traceable
@confinable
def test_what_the_filters_refuse_is_not_needed(db: Path, tmp_path: Path) -> None:
    """Every call of a run is let through, or was refused in it and done without."""
    refused = ["fchown", "fsopen", "fsconfig", "fsmount"]
    trace = tmp_path / "trace"
    inject = f"inject={','.join(refused)}:error=EPERM"
    # -D: the monitor keeps the pid that was started, and strace stands beside it.
    tracing = ["strace", "-D", "-f", "-qq", "-e", inject, "-o", str(trace)]

    with monitor(db, within=lambda *command: confined(*tracing, *command)) as process:
        with listening("unshare", "--net", "--", address="0.0.0.0") as port:
            seen = "SELECT 1 FROM listener WHERE port = ?"
            until(lambda: rows(db, seen, port), "it is seen in the other namespace", 90)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=120)  # until strace, too, has ended
        assert process.returncode == 0
    text = trace.read_text()
    calls = set(re.findall(r"^\d+ +(\w+)\(", text, re.MULTILINE))
    assert {"setns", "sendto", "openat"} <= calls
    assert calls - allowed_calls() <= set(refused)
    families = set(re.findall(r"\bsocket(?:pair)?\((AF_\w+)", text))
    assert families <= set(words("RestrictAddressFamilies"))
    assert set(re.findall(r"\bsetns\(\d+, (\w+)", text)) == {"CLONE_NEWNET"}
