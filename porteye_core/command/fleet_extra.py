"""The extra `fleet`: what the commands of a fleet need beside psutil."""

import importlib.util

from porteye_core import __version__, places
from porteye_core.command.pip_command import pip_install
from porteye_core.errors import ConfigError

PACKAGE = "psycopg[binary]~=3.3"


def check_extra() -> None:
    """Raise ConfigError if psycopg is missing."""
    if importlib.util.find_spec("psycopg") is None:
        wanted = PACKAGE if places.IS_CHECKOUT else f"porteye[fleet]=={__version__}"
        raise ConfigError("A fleet needs psycopg too.", f"Run: {pip_install(wanted)}")
