"""Places of the program's own files: a checkout's or an installed package's, and the database.

platformdirs is no requirement of these few lines: the light install needs psutil alone.
"""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from porteye_core.errors import ConfigError

_PACKAGE = Path(__file__).resolve().parent
# A wheel has this folder, with what stands at the top of a checkout: pyproject.toml, force-include.
_TOP_IN_PACKAGE = _PACKAGE / "top"
IS_CHECKOUT = not _TOP_IN_PACKAGE.is_dir()
TOP = _PACKAGE.parent if IS_CHECKOUT else _TOP_IN_PACKAGE

OF_ROOT = Path("/var/lib/porteye")


def database(environ: Mapping[str, str] = os.environ) -> Path:
    """The default database: beside the program in a checkout, else where the system keeps state.

    Raises ConfigError if this user has no home.
    """
    return (TOP if IS_CHECKOUT else state_folder(environ)) / "porteye.db"


def alerts_database(db: Path) -> Path:
    """The alerts database of a database, unless another one is named."""
    return db.with_name("porteye-alerts.db")


def fleet_alerts_database(db: Path) -> Path:
    """The alerts database of a fleet, beside a database of this machine that need not be there."""
    return db.with_name("porteye-fleet-alerts.db")


def state_folder(
    environ: Mapping[str, str], platform: str = sys.platform, *, is_root: bool | None = None
) -> Path:
    """The folder of an installed program's database; raises ConfigError."""
    if platform == "win32":
        local = environ.get("LOCALAPPDATA", "")
        return (Path(local) if local else _home() / "AppData" / "Local") / "PortEye"
    if os.geteuid() == 0 if is_root is None else is_root:
        return OF_ROOT
    if platform == "darwin":
        return _home() / "Library" / "Application Support" / "PortEye"
    state = Path(environ.get("XDG_STATE_HOME", ""))
    # A relative path is none: XDG Base Directory Specification, "Basics".
    return (state if state.is_absolute() else _home() / ".local" / "state") / "porteye"


def is_own_folder(path: Path) -> bool:
    """True for a folder of PortEye's own name, which the monitor makes if it is not there."""
    return path.name in ("porteye", "PortEye")


def command_words() -> list[str]:
    """The words that start the command `porteye`, in the folder TOP."""
    # -P: the folder that somebody is in may hold a module of the same name as one of Python's. That
    # of a checkout has the package itself.
    isolated = [] if IS_CHECKOUT else ["-P"]
    return [sys.executable, *isolated, "-m", "porteye_core.command"]


def monitor_words() -> list[str]:
    """The words that start this program's monitor, from any folder."""
    if IS_CHECKOUT:
        return [sys.executable, str(TOP / "monitor_service.py")]
    return [*command_words(), "monitor"]


ALERTS_VARIABLES = {"MALLOC_ARENA_MAX": "1"}
"""Variables of that process: glibc gives each thread of a receiver an arena of its own."""


def alerts_words() -> list[str]:
    """The words that start this program's alerts process, in the folder TOP."""
    # -OO: without docstrings it takes 0.7 MiB less. TOP has the package of a checkout; an installed
    # one is everywhere.
    isolated = [] if IS_CHECKOUT else ["-P"]
    return [sys.executable, "-OO", *isolated, "-m", "porteye_core.alerts"]


def short_monitor_words() -> list[str]:
    """The same for a person to type: the command, where it stands beside the interpreter."""
    command = Path(sys.executable).with_name("porteye")
    return monitor_words() if IS_CHECKOUT or not command.is_file() else [str(command), "monitor"]


def _home() -> Path:
    try:
        return Path.home()
    except RuntimeError as err:  # a user without an entry in passwd, such as in a container
        raise ConfigError(
            "This user has no home, so there is no default place for the database.",
            "Name one with --db or PORTEYE_DB.",
        ) from err
