"""`porteye mcp`: a server of the Model Context Protocol for assistants, over standard input."""

from argparse import Namespace
from importlib import import_module

from porteye_core.command.exits import HELD
from porteye_core.command.pip_command import pip_install
from porteye_core.command.question import Question
from porteye_core.command.screen import Screen
from porteye_core.errors import ConfigError

_PACKAGE = "mcp~=2.3"  # of the extra `mcp` in pyproject.toml


def mcp(_: Namespace, question: Question, __: Screen) -> int:
    """Serve until standard input ends; returns the exit status. Raises ConfigError."""
    try:
        server = import_module("porteye_core.command.mcp_server")
    except ImportError as err:
        raise ConfigError(
            f"The server needs the package {_PACKAGE}, which is not installed here.",
            f"Install it: {pip_install(_PACKAGE)}",
        ) from err
    server.serve(question.db)
    return HELD
