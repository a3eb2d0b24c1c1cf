"""The peers: other programs that watch listeners and may be on this machine."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from typing import IO

SS = ("ss", "-tlnp")
LSOF = ("lsof", "-nP", "-iTCP", "-sTCP:LISTEN")
# 10 is TCP_LISTEN. One line for each listener that opens: its port, pid and program.
_PROBE = "tracepoint:sock:inet_sock_set_state /args->newstate == 10/"
_ACTION = r'{ printf("%d %d %s\n", args->sport, pid, comm) }'
BPFTRACE = ("bpftrace", "-e", f"{_PROBE} {_ACTION}")
_PATIENCE = 30.0  # seconds: bpftrace compiles its program before it attaches


class PeerError(Exception):
    """A peer does not run here; the message holds the peer's own words."""


def missing(names: Iterable[str]) -> dict[str, str]:
    """The peers that cannot run here, each with the reason. Each one has to show a listener."""
    reasons = {name: _reason(name) for name in names}
    return {name: reason for name, reason in reasons.items() if reason}


def _reason(name: str) -> str:
    if shutil.which(name) is None:
        return f"there is no {name} on this machine"
    if name not in _TRIALS:
        return ""
    try:
        _TRIALS[name]()
    except PeerError as err:
        return str(err)
    return ""


def output_of(command: tuple[str, ...]) -> str:
    """The standard output of a peer; raises PeerError if it fails.

    lsof also ends with 1 when it has left something out: a failure is one without any output.
    """
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=_PATIENCE,
            check=False,
        )
    except OSError as err:
        raise PeerError(f"{command[0]} does not run here: {err.strerror}") from err
    except subprocess.TimeoutExpired as err:
        raise PeerError(f"{command[0]} did not end within {_PATIENCE:g} s") from err
    if done.returncode and not done.stdout.strip():
        raise failure(command[0], done.returncode, done.stderr)
    return done.stdout


def failure(name: str, status: int, text: str) -> PeerError:
    """The error of a peer that ended: its last line that says ERROR, or else its last line."""
    lines = [line.strip() for line in text.splitlines() if line.strip(" ~^\t")]
    errors = [line for line in lines if "error" in line.lower()]
    words = (errors or lines or ["no message"])[-1]
    return PeerError(f"{name} ended with status {status}: {words}")


@contextmanager
def attached_bpftrace() -> Iterator[tuple["subprocess.Popen[str]", Callable[[], str]]]:
    """The one-liner, attached, and a function that reads its output so far; ends it at the end."""
    with tempfile.TemporaryFile("w+", errors="replace") as log:
        process = subprocess.Popen(
            BPFTRACE, stdout=log, stderr=log, start_new_session=True, text=True
        )
        try:
            _wait(lambda: "Attach" in _text(log) or process.poll() is not None)
            if process.poll() is not None:
                raise failure("bpftrace", process.returncode, _text(log))
            if "Attach" not in _text(log):
                raise PeerError(f"bpftrace did not attach within {_PATIENCE:g} s")
            yield process, lambda: _text(log)
        finally:
            process.terminate()
            process.wait(20)


def _text(log: IO[str]) -> str:
    log.seek(0)
    return log.read()


def _wait(condition: Callable[[], object]) -> None:
    end = time.monotonic() + _PATIENCE
    while not condition() and time.monotonic() < end:
        time.sleep(0.05)


def _try_lister(command: tuple[str, ...]) -> None:
    with _listener() as listener:
        port = listener.getsockname()[1]
        if f":{port}" not in output_of(command):
            raise PeerError(f"{command[0]} does not show a listener that is open")


def _try_bpftrace() -> None:
    """bpftrace says that it attaches before it does: only a printed listener shows that it can."""
    if os.geteuid():
        raise PeerError("bpftrace needs root")
    with attached_bpftrace() as (process, text):
        ports: list[int] = []

        def shows_one() -> bool:
            with _listener() as opened:
                ports.append(opened.getsockname()[1])
            return any(f"\n{port} " in text() for port in ports)

        _wait(lambda: process.poll() is not None or shows_one())
        if process.poll() is not None:
            raise failure("bpftrace", process.returncode, text())
        if not any(f"\n{port} " in text() for port in ports):
            raise PeerError(f"bpftrace attached and printed no listener within {_PATIENCE:g} s")


@contextmanager
def _listener() -> Iterator[socket.socket]:
    with closing(socket.socket()) as opened:
        opened.bind(("127.0.0.1", 0))
        opened.listen()
        yield opened


_TRIALS: dict[str, Callable[[], None]] = {
    "ss": lambda: _try_lister(SS),
    "lsof": lambda: _try_lister(LSOF),
    "bpftrace": _try_bpftrace,
}
