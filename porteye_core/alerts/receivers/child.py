"""Child processes that send: without a shell, and ended in time with what they started."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from porteye_core.alerts.receivers.time_limit import TimeLimit

_PR_CAP_AMBIENT, _CLEAR_ALL = 47, 4  # linux/prctl.h
_LISTEN = 0.25  # seconds between two looks at whether the process is to stop
# None of the variables that hold tokens of PortEye, or of whatever started it.
_KEPT = ("HOME", "LANG", "LC_ALL", "PATH", "SSL_CERT_DIR", "SSL_CERT_FILE", "TMPDIR", "TZ", "USER")
_KEPT_ON_WINDOWS = ("APPDATA", "SYSTEMROOT", "TEMP", "TMP", "USERPROFILE")


def environment(**more: str) -> dict[str, str]:
    """The variables of a child."""
    kept = (*_KEPT, *(_KEPT_ON_WINDOWS if os.name == "nt" else ()))
    return {name: os.environ[name] for name in kept if name in os.environ} | more


def run(
    words: Sequence[str],
    content: bytes,
    limit: TimeLimit,
    env: Mapping[str, str],
    *,
    has_answer: bool = False,
) -> tuple[int, bytes]:
    """Run a program that reads `content`; returns its exit status, a signal as a negative one, and
    its output if that is an answer.

    Raises OSError if it cannot be started, TimeoutError if its time is over; then it is killed with
    all that it started.
    """
    limit.left()
    _keep_rights_to_oneself()
    process = subprocess.Popen(  # noqa: S603 - the program of the file of alerts, or this one
        words,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE if has_answer else subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,  # it may name what is secret
        env=env,
        cwd=os.path.abspath(os.sep),  # noqa: PTH100 - the root, on Windows, too
        start_new_session=True,
    )
    # Popen takes the input once; a further call goes on with it.
    left: bytes | None = content
    try:
        while True:
            try:
                output, _ = process.communicate(left, timeout=min(_LISTEN, limit.left()))
            except subprocess.TimeoutExpired:
                left = None
            else:
                return process.returncode, output or b""
    except BaseException:
        _kill(process)
        raise


def _keep_rights_to_oneself() -> None:
    """Let no program that this thread starts inherit a capability of the service, such as to read
    every file. Those that it has itself stay (capabilities(7), "Ambient capability set")."""
    if sys.platform != "linux" or not _has_ambient_rights():
        return
    import ctypes  # noqa: PLC0415 - only where there are any

    ctypes.CDLL(None).prctl(_PR_CAP_AMBIENT, _CLEAR_ALL, 0, 0, 0)


def _has_ambient_rights() -> bool:
    try:
        told = Path("/proc/thread-self/status").read_text(encoding="ascii")
    except (OSError, ValueError):
        return False
    found = re.search(r"^CapAmb:\s*([0-9a-f]+)$", told, re.MULTILINE)
    return found is not None and int(found[1], 16) != 0


def _kill(process: "subprocess.Popen[bytes]") -> None:
    with suppress(ProcessLookupError):
        if os.name == "posix":
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    process.communicate()
