"""Systemd, which stops a unit and says what becomes of it; see systemctl(1)."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from porteye_core.stopping.targets import Unit

_BOOTED = Path("/run/systemd/system")  # sd_booted(3)
_PATIENCE = 5.0  # seconds for an answer; the job itself goes on without us
_RESTARTING = "auto-restart"


def is_there() -> bool:
    """Tell that systemd manages this machine."""
    return _BOOTED.is_dir()


def stop(unit: Unit) -> str:
    """Let systemd begin to stop a unit; returns why it does not, empty if it does."""
    # Nobody sits at this terminal to be asked for a password.
    done = _systemctl(unit, "stop", "--no-block", "--no-ask-password", "--", unit.name)
    return "" if done is not None and done.returncode == 0 else _reason(done)


def is_to_restart(unit: Unit) -> bool:
    """Tell that systemd waits to start a unit again."""
    shown = _systemctl(unit, "show", "--property=SubState", "--value", "--", unit.name)
    return shown is not None and shown.stdout.strip() == _RESTARTING


def _systemctl(unit: Unit, *words: str) -> "subprocess.CompletedProcess[str] | None":
    manager = [] if unit.of_user is None else ["--user"]
    try:
        return subprocess.run(  # noqa: S603 - no shell, and the name of a unit after --
            ["systemctl", *manager, *words],  # noqa: S607 - as the reader would run it
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_PATIENCE,
            check=False,
            env=_environment(unit, os.environ),
        )
    except (OSError, subprocess.TimeoutExpired):
        return None


def _environment(unit: Unit, environ: Mapping[str, str]) -> dict[str, str]:
    """The environment, in which a user's manager is found also by a dashboard without a session."""
    folder = {} if unit.of_user is None else {"XDG_RUNTIME_DIR": f"/run/user/{unit.of_user}"}
    return {**folder, **environ, "LC_ALL": "C"}


def _reason(done: "subprocess.CompletedProcess[str] | None") -> str:
    if done is None:
        return "systemctl does not answer"
    said = done.stderr.strip().splitlines()
    return said[-1].rstrip(".") if said else f"systemctl ended with status {done.returncode}"
