"""Child processes that send: without a shell, and ended in time with what they started."""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress

from porteye_core.alerts.receivers.time_limit import TimeLimit

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


def _kill(process: "subprocess.Popen[bytes]") -> None:
    with suppress(ProcessLookupError):
        if os.name == "posix":
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    process.communicate()
