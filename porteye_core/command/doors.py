"""Doors to what has a command line of its own: the monitor, its backup, and the dashboard."""

import importlib.util
import os
import subprocess
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence

from porteye_core.config import PROJECT
from porteye_core.errors import ConfigError

_MONITOR = (sys.executable, "-m", "porteye_core.command", "monitor")


def monitor(words: Sequence[str]) -> int:
    """Run the monitor with these flags, which are those of monitor_service.py."""
    # Its parts take a tenth of a second, which no other command needs.
    from porteye_core.monitor import command_line  # noqa: PLC0415

    return command_line.main(["porteye monitor", *words], _MONITOR)


def monitor_flags() -> ArgumentParser:
    """The parser of the monitor's flags."""
    from porteye_core.monitor import command_line  # noqa: PLC0415 - as above

    return command_line.parser()


def backup(given: Namespace) -> int:
    """Copy the database to a new file, as `--backup` of the monitor does."""
    of = ["--db", given.db] if given.db is not None else []
    return monitor([*of, f"--backup={given.file}"])


def dashboard(given: Namespace, words: Sequence[str]) -> int:
    """Run the dashboard with these flags of `streamlit run`; raises ConfigError."""
    script = PROJECT / "streamlit_app.py"
    if not script.is_file():
        raise ConfigError(
            f"There is no dashboard at {script}.", "It runs from a checkout: see README."
        )
    if importlib.util.find_spec("streamlit") is None:
        raise ConfigError(
            "Streamlit is not installed here.",
            f"Install it: {sys.executable} -m pip install -r {PROJECT / 'requirements.txt'}",
        )
    command = [sys.executable, "-m", "streamlit", "run", str(script), *words]
    environ = {**os.environ, **({"PORTEYE_DB": given.db} if given.db is not None else {})}
    if os.name != "nt":  # where exec returns to the shell at once
        sys.stdout.flush()
        os.execve(sys.executable, command, environ)  # noqa: S606 - it becomes that program
    return subprocess.call(command, env=environ)  # noqa: S603 - the user's own words
