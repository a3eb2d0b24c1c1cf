"""Doors to what has a command line of its own: the monitor, its backup, and the dashboard."""

import importlib.util
import os
import subprocess
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence

from porteye_core import __version__, places
from porteye_core.command.pip_command import pip_install
from porteye_core.errors import ConfigError

# Of the extra `page` in pyproject.toml.
_OF_PAGE = ("streamlit", "pandas", "plotly", "fastapi")


def monitor(words: Sequence[str]) -> int:
    """Run the monitor with these flags, which are those of monitor_service.py."""
    # Its parts take a tenth of a second, which no other command needs.
    from porteye_core.monitor import command_line  # noqa: PLC0415

    return command_line.main(["porteye monitor", *words], places.short_monitor_words())


def monitor_flags() -> ArgumentParser:
    """The parser of the monitor's flags."""
    from porteye_core.monitor import command_line  # noqa: PLC0415 - as above

    return command_line.parser()


def alerts(words: Sequence[str]) -> int:
    """Run the alerts process with these flags."""
    from porteye_core.alerts import command_line  # noqa: PLC0415 - as above

    return command_line.main(words)


def alerts_flags() -> ArgumentParser:
    """The parser of the flags of the alerts process."""
    from porteye_core.alerts import command_line  # noqa: PLC0415 - as above

    return command_line.parser()


def backup(given: Namespace) -> int:
    """Copy the database to a new file, as `--backup` of the monitor does."""
    of = ["--db", given.db] if given.db is not None else []
    return monitor([*of, f"--backup={given.file}"])


def dashboard(given: Namespace, words: Sequence[str]) -> int:
    """Run the dashboard with these flags of `streamlit run`; raises ConfigError."""
    if missing := [name for name in _OF_PAGE if importlib.util.find_spec(name) is None]:
        raise ConfigError(f"The dashboard needs {', '.join(missing)} too.", f"Run: {_remedy()}")
    # -P: the folder that somebody is in may hold a module of the same name as one of Python's.
    script = places.TOP / "streamlit_app.py"
    command = [sys.executable, "-P", "-m", "streamlit", "run", str(script), *words]
    environ = {**os.environ, **({"PORTEYE_DB": given.db} if given.db is not None else {})}
    if os.name != "nt":  # where exec returns to the shell at once
        sys.stdout.flush()
        os.execve(sys.executable, command, environ)  # noqa: S606 - it becomes that program
    return subprocess.call(command, env=environ)  # noqa: S603 - the user's own words


def _remedy() -> str:
    """The command that installs what the page needs beside this program."""
    if places.IS_CHECKOUT:
        return pip_install("-r", str(places.TOP / "requirements.txt"))
    # pip asks for no other PortEye than the one that is installed
    return pip_install(f"porteye[page]=={__version__}")
