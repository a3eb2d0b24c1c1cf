"""`porteye mcp`: a server of the Model Context Protocol for assistants, over standard input."""

import sys
from argparse import Namespace
from importlib import import_module

from porteye_core.command.exits import HELD
from porteye_core.command.question import Question
from porteye_core.command.screen import Screen
from porteye_core.errors import ConfigError


def mcp(_: Namespace, question: Question, __: Screen) -> int:
    """Serve until standard input ends; returns the exit status. Raises ConfigError."""
    try:
        server = import_module("porteye_core.command.mcp_server")
    except ImportError as err:
        raise ConfigError(
            "The server needs the package mcp, version 2.3 or later, which is not installed here.",
            f"Install it: {sys.executable} -m pip install 'mcp~=2.3'",
        ) from err
    server.serve(question.db)
    return HELD
