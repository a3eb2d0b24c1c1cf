"""The command line of pip, as a remedy to print."""

import importlib.util
import shlex
import sys


def pip_install(*wanted: str) -> str:
    """The command that installs packages beside this program."""
    pip = [sys.executable, "-m", "pip"]
    if importlib.util.find_spec("pip") is None:  # such as in an environment of pipx's or uv's
        pip = ["pip", "--python", sys.executable]
    return shlex.join([*pip, "install", *wanted])
