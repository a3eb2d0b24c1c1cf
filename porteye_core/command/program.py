"""The program `porteye`: a command line to a command, errors to a sentence and an exit status."""

import os
import signal
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from importlib import import_module
from types import FrameType

from porteye_core.command import doors
from porteye_core.command.arguments import commands, parser
from porteye_core.command.completion import completion
from porteye_core.command.exits import CANNOT_SAY, HELD, INTERRUPTED, PIPE_CLOSED
from porteye_core.command.question import Question
from porteye_core.command.screen import Screen, warn
from porteye_core.errors import PortEyeError, StoreError

_OF_NO_QUESTION = {"service", "fleet", "ship"}


def run() -> int:
    """Run the command of this process: the entry point of `porteye`."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a terminal that is not UTF-8 has no arrow and no …
            stream.reconfigure(errors="replace")
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # not where it is ignored
        signal.signal(signal.SIGINT, _interrupt)
    return main(sys.argv)


def main(argv: Sequence[str]) -> int:
    """Run one command; returns the exit status."""
    try:
        status = _command(argv)
        sys.stdout.flush()
    except BrokenPipeError:
        _drop_output()  # the reader, such as head(1), has what it wants
        return PIPE_CLOSED
    except OSError as err:  # a full disk
        _drop_output()
        warn(f"The answer cannot be written: {err.strerror}.")
        return PortEyeError.exit_status
    except KeyboardInterrupt:
        return INTERRUPTED
    except PortEyeError as err:
        if _interrupts:
            return INTERRUPTED
        warn(str(err))
        return CANNOT_SAY if isinstance(err, StoreError) else err.exit_status
    return status


# The interrupts that came. One that comes while SQLite calls a function here is an error of SQLite.
_interrupts: list[int] = []


def _interrupt(number: int, _: FrameType | None) -> None:
    _interrupts.append(number)
    raise KeyboardInterrupt


def _drop_output() -> None:
    """Let what is not written yet go nowhere: Python writes it at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _command(argv: Sequence[str]) -> int:
    if argv[1:2] in (["monitor"], ["alerts"]):  # every flag is its own, --help too
        return (doors.monitor if argv[1] == "monitor" else doors.alerts)(argv[2:])
    if argv[1:2] == ["dashboard"]:
        return doors.dashboard(*parser().parse_known_args(argv[1:]))
    given = parser().parse_args(argv[1:])
    if given.command == "backup":
        return doors.backup(given)
    if given.command == "completion":
        sys.stdout.write(completion(given.shell, _all_commands()))
        return HELD
    if given.command in _OF_NO_QUESTION:
        return _do(given)
    return _answer(given)


def _do(given: Namespace) -> int:
    # Each has modules that no other command needs, such as those that read XML.
    screen = Screen.of(sys.stdout)
    if given.command == "service":
        from porteye_core.command.service import service  # noqa: PLC0415

        return service(given, screen)
    if given.command == "fleet":
        from porteye_core.command.fleet import fleet  # noqa: PLC0415

        return fleet(given, os.environ, screen)
    from porteye_core.command.ship import ship  # noqa: PLC0415

    return ship(given, Question.of(given))


def _all_commands() -> dict[str, ArgumentParser]:
    own = {"monitor": doors.monitor_flags(), "alerts": doors.alerts_flags()}
    return {**commands(), **own}


def _answer(given: Namespace) -> int:
    # Each command loads its own parts: all of them take as long as the answer to who.
    answer = getattr(import_module(f"porteye_core.command.{given.command}"), given.command)
    status: int = answer(given, Question.of(given), Screen.of(sys.stdout))
    return status
