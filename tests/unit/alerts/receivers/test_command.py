"""Commands: a real program reads the JSON, and its status is the answer."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import psutil
import pytest

from porteye_core.alerts.receivers.command import send
from porteye_core.alerts.receivers.kinds import Command
from porteye_core.alerts.receivers.message import Message
from porteye_core.alerts.receivers.not_sent import NotSent
from porteye_core.alerts.receivers.time_limit import TimeLimit
from tests.kit.rights import root
from tests.kit.service import PROJECT
from tests.kit.waiting import until
from tests.unit.alerts.receivers.conftest import FINDING, message_of

needs_setpriv = pytest.mark.skipif(not shutil.which("setpriv"), reason="needs setpriv")
pytestmark = pytest.mark.skipif(os.name != "posix", reason="the programs are of POSIX")


def receiver(*words: str, timeout: float = 20) -> Command:
    return Command(name="run", words=words, timeout=timeout)


def sent(to: Command, message: Message) -> None:
    with TimeLimit(to.longest) as limit:
        send(to, message, limit)


def test_the_program_gets_the_json_and_its_words_without_a_shell(
    message: Message, tmp_path: Path
) -> None:
    code = "import sys; open(sys.argv[1], 'w').write(sys.argv[2] + sys.stdin.read())"
    sent(receiver(sys.executable, "-c", code, str(tmp_path / "got"), "$(id);"), message)
    got = (tmp_path / "got").read_text()
    assert got.startswith("$(id);{")
    assert json.loads(got.removeprefix("$(id);")) == message.body


def test_no_variable_of_porteye_reaches_the_program(
    message: Message, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PORTEYE_TOKEN", "correct-horse-battery-staple")
    monkeypatch.setenv("NOTIFY_SOCKET", "/run/systemd/notify")
    sent(receiver("/bin/sh", "-c", f"env > {tmp_path}/env"), message)
    told = (tmp_path / "env").read_text()
    assert "PORTEYE" not in told
    assert "NOTIFY_SOCKET" not in told
    assert "PATH=" in told


def test_a_program_that_reads_nothing_of_a_large_message_is_no_error() -> None:
    many = message_of(*[{**FINDING, "why": "x" * 200} for _ in range(200)])
    assert len(many.json) > 65_536  # more than a pipe holds
    sent(receiver("/bin/true"), many)


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("echo s3cret >&2; exit 3", "/bin/sh ended with status 3."),
        ("kill -9 $$", "/bin/sh was ended by signal 9."),
    ],
)
def test_a_status_that_is_no_yes_is_told(message: Message, script: str, said: str) -> None:
    with pytest.raises(NotSent) as raised:
        sent(receiver("/bin/sh", "-c", script), message)
    assert raised.value.message == said


def test_a_program_that_is_gone_is_told(message: Message, tmp_path: Path) -> None:
    with pytest.raises(NotSent, match="cannot be started: No such file"):
        sent(receiver(str(tmp_path / "none")), message)


def test_a_program_that_hangs_is_killed_with_all_that_it_started(
    message: Message, tmp_path: Path
) -> None:
    script = f"sleep 600 & echo $! > {tmp_path}/pid; wait"
    with pytest.raises(NotSent, match=r"was ended: it ran for 1 s\."):
        sent(receiver("/bin/sh", "-c", script, timeout=1), message)
    child = int((tmp_path / "pid").read_text())
    until(lambda: not _runs(child), "the child has ended")


def test_a_program_is_killed_when_the_process_stops(message: Message, tmp_path: Path) -> None:
    with TimeLimit(60) as limit:
        script = f"echo $$ > {tmp_path}/pid; exec sleep 600"

        def stop() -> None:
            until((tmp_path / "pid").exists, "the program runs")
            limit.end()

        stopping = threading.Thread(target=stop)
        stopping.start()
        with pytest.raises(NotSent):
            send(receiver("/bin/sh", "-c", script), message, limit)
        stopping.join()
    assert not _runs(int((tmp_path / "pid").read_text()))


_SEND = """
import sys
from porteye_core.alerts.receivers import command, sending
from porteye_core.alerts.receivers.kinds import Command
from porteye_core.alerts.receivers.message import Message
to = Command(name="run", words=("/bin/sh", "-c", f"grep Cap /proc/self/status > {sys.argv[1]}"))
for _ in range(2):
    with sending.limit_of(to) as limit:
        command.send(to, Message("msg_1", {"data": {}}), limit)
print(open("/proc/self/status").read())
"""


@root
@needs_setpriv
def test_no_capability_of_the_service_reaches_the_program() -> None:
    # pytest's own folders are closed to a program without rights.
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)
        got = Path(folder) / "got"
        done = subprocess.run(
            [
                *("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"),
                *("--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"),
                *(sys.executable, "-c", _SEND, str(got)),
            ],
            cwd=PROJECT,
            capture_output=True,
            text=True,
            check=True,
        )
        told = got.read_text()
    effective = "CapEff:\t0000000000000004"  # CAP_DAC_READ_SEARCH
    assert effective in done.stdout  # which the service keeps
    assert re.findall(r"^Cap(?:Eff|Prm|Amb):\t(\d+)$", told, re.M) == ["0" * 16] * 3


def _runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
