"""The peers: other ways of watching that may be on this machine."""

import os
import shutil
import subprocess
from collections.abc import Iterable

SS = ("ss", "-tlnp")
LSOF = ("lsof", "-nP", "-iTCP", "-sTCP:LISTEN")
# 10 is TCP_LISTEN. One line for each listener that opens: its port, pid and program.
_PROBE = "tracepoint:sock:inet_sock_set_state /args->newstate == 10/"
_ACTION = r'{ printf("%d %d %s\n", args->sport, pid, comm) }'
BPFTRACE = ("bpftrace", "-e", f"{_PROBE} {_ACTION}")


def missing(names: Iterable[str]) -> dict[str, str]:
    """Which of these programs cannot be run here, and why."""
    reasons = {name: _reason(name) for name in names}
    return {name: reason for name, reason in reasons.items() if reason}


def _reason(name: str) -> str:
    if shutil.which(name) is None:
        return f"there is no {name} on this machine"
    if name == "bpftrace":
        return _reason_of_bpftrace()
    return ""


def _reason_of_bpftrace() -> str:
    if os.geteuid():
        return "bpftrace needs root"
    command = ("bpftrace", "-e", "BEGIN { exit() }")
    try:
        tried = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    except subprocess.TimeoutExpired:
        return "bpftrace does not answer"
    lines = (tried.stderr.strip() or "no message").splitlines()
    return f"bpftrace does not run here: {lines[-1]}" if tried.returncode else ""
