"""Processes that end with the test run, also when that is interrupted, and by force in the end."""

import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

_SETPRIV = shutil.which("setpriv")
_Text = TypeVar("_Text", str, bytes)


def bound(*command: str) -> list[str]:
    """Return the command with PR_SET_PDEATHSIG: the kernel sends SIGTERM when this thread ends.

    The process keeps the pid that it is started with. Without util-linux's setpriv (2.33) the
    command stays as it is, and a SIGKILL of the test run leaves its process behind.
    """
    return [_SETPRIV, "--pdeathsig", "TERM", "--", *command] if _SETPRIV else [*command]


def end(process: "subprocess.Popen[_Text]", patience: float = 120) -> None:
    """End a process by SIGTERM, close its pipes and wait for it; no-op when it has ended.

    Raises TimeoutExpired, after a SIGKILL, when it goes on for `patience` seconds.
    """
    if process.poll() is None:
        process.terminate()
    try:
        process.communicate(timeout=patience)
    except BaseException:
        process.kill()
        process.communicate()
        raise


@contextmanager
def logged(
    log: Path, *command: str, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> "Iterator[subprocess.Popen[bytes]]":
    """A process that writes to a log until the end of the block; the log is shown if that fails."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            bound(*command), cwd=cwd, env=env, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        yield process
    except BaseException:
        print(log.read_text())
        raise
    finally:
        end(process)
