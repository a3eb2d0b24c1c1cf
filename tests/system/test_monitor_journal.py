"""The monitor under systemd's journal, whose socket this test holds in a mount namespace."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.kit.processes import bound
from tests.kit.service import PROJECT, environment

# Runs where /run is its own: the journal's socket, a monitor whose standard error is the journal's,
# and a socket that listens for a while. Prints the fields about it.
_SCRIPT = """
import json, os, socket, subprocess, sys
from pathlib import Path
from porteye_core.system.journal import SOCKET
from tests.kit.journal import fields_of

Path(SOCKET).parent.mkdir(parents=True)
journald = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
journald.bind(SOCKET)
journald.settimeout(60)

def until(found):
    while not found(fields := fields_of(journald.recv(1 << 20))):
        pass
    return fields

with open(sys.argv[2], "wb") as stream:
    stat = os.fstat(stream.fileno())
    named = {**os.environ, "JOURNAL_STREAM": f"{stat.st_dev}:{stat.st_ino}"}
    words = [sys.executable, "monitor_service.py", "--exit-with-parent", "--db", sys.argv[1]]
    monitor = subprocess.Popen(words, stdout=stream, stderr=stream, env=named)
    try:
        until(lambda fields: " listeners opened, " in fields["MESSAGE"])
        listening = socket.create_server(("127.0.0.1", 0))
        port = str(listening.getsockname()[1])
        opened = until(lambda fields: fields.get("PORTEYE_PORT") == port)
        listening.close()
        closed = until(lambda fields: fields.get("PORTEYE_PORT") == port)
    finally:
        monitor.terminate()
        monitor.wait()
print(json.dumps([os.getpid(), port, opened, closed]))
"""


@pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0 or not shutil.which("unshare"),
    reason="needs root and unshare(1)",
)
def test_what_opens_and_closes_comes_with_fields_and_no_line_beside_them(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    inside = ("sh", "-c", 'mount -t tmpfs none /run && exec "$@"', "sh")
    script = (sys.executable, "-c", _SCRIPT, str(tmp_path / "x.db"), str(plain))
    done = subprocess.run(
        bound("unshare", "--mount", "--propagation", "private", *inside, *script),
        cwd=PROJECT,
        env=environment(PYTHONPATH=str(PROJECT)),
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    if "permission" in done.stderr.lower():
        pytest.skip(f"no mount namespace here: {done.stderr}")
    assert done.returncode == 0, done.stderr
    pid, port, opened, closed = json.loads(done.stdout)
    name = opened["PORTEYE_PROGRAM"]
    assert opened["MESSAGE"] == f"opened tcp 127.0.0.1:{port} by {name}, pid {pid}"
    assert (opened["PORTEYE_EVENT"], opened["PORTEYE_PID"]) == ("opened", str(pid))
    assert (opened["PORTEYE_PROTOCOL"], opened["PORTEYE_ADDRESS"]) == ("tcp", "127.0.0.1")
    assert (closed["PORTEYE_EVENT"], closed["PRIORITY"]) == ("closed", "6")
    assert plain.read_text() == ""
