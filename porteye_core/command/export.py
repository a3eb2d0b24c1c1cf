"""`porteye export`: the history as a file."""

import importlib
import sys
import time
from argparse import Namespace
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import BinaryIO, TextIO

from porteye_core.command.accepts import all_notes
from porteye_core.command.exits import HELD
from porteye_core.command.new_file import new_file
from porteye_core.command.pip_command import pip_install
from porteye_core.command.question import Question
from porteye_core.command.screen import Screen
from porteye_core.config import Config, file_path
from porteye_core.errors import ConfigError, FilterError
from porteye_core.judging.opinion_fields import opinion_fields
from porteye_core.model import Filters
from porteye_core.spoken_times import clock
from porteye_core.store.reading import Field, FileReader, Form, open_file_reader
from porteye_core.system.plain_text import clean

_PARQUET = "parquet"
_STANDARD_OUTPUT = "-"
_INTERVAL = 0.2  # seconds between two lines of progress


def export(given: Namespace, question: Question, screen: Screen) -> int:
    """Write the events to a file or to standard output; returns the exit status."""
    filters = question.filters(given)
    form, target = _target(given)
    to_screen = target == _STANDARD_OUTPUT
    if form == _PARQUET:
        _check_parquet(to_screen=to_screen)
    # Where both lead to one terminal, the line would stand among the events.
    is_shown = sys.stderr.isatty() and not (to_screen and screen.is_terminal)
    progress = _Progress(question, sys.stderr, is_shown=is_shown)
    is_cleaned = to_screen and screen.is_terminal
    of = Config(question.db, expected=question.expected, alerts_db=question.alerts_file)
    more = opinion_fields(of, all_notes(question), question.now)
    with open_file_reader(question.db) as reader, _opened(form, target, screen) as out:
        if form == _PARQUET:
            reader.write_parquet(out, filters, progress.tell, more)
        else:
            _write(reader, Form(form), filters, out, progress, more, is_cleaned=is_cleaned)
    progress.end()
    if not to_screen:
        screen.write(f"Wrote {progress.count:,} events to {target}.")
    return HELD


def _target(given: Namespace) -> tuple[str, str]:
    """The flag that is given, by its name, and its value."""
    flags = (*Form, _PARQUET)
    (found,) = [(name, target) for name in flags if (target := getattr(given, name)) is not None]
    return found


def _check_parquet(*, to_screen: bool) -> None:
    if to_screen:
        raise FilterError("parquet", "Parquet needs a file.", "Give its path in place of -.")
    try:
        importlib.import_module("pyarrow")
    except ImportError as err:
        raise ConfigError(
            "Parquet needs pyarrow, which is not installed here.",
            f"Install it: {pip_install('pyarrow')}",
        ) from err


def _opened(form: str, target: str, screen: Screen) -> AbstractContextManager[BinaryIO]:
    if target == _STANDARD_OUTPUT:
        screen.flush()
        return nullcontext(sys.stdout.buffer)
    return new_file(file_path(f"--{form}", target))


def _write(
    reader: FileReader,
    form: Form,
    filters: Filters,
    out: BinaryIO,
    progress: "_Progress",
    more: Mapping[str, Field],
    *,
    is_cleaned: bool,
) -> None:
    for piece in reader.export_history(form, filters, told=progress.tell, more=more):
        out.write((_cleaned(piece) if is_cleaned else piece).encode())


def _cleaned(piece: str) -> str:
    """The lines without what a terminal would obey in a name."""
    return "\n".join(clean(line.removesuffix("\r")) for line in piece.split("\n"))


class _Progress:
    """The number of events that were read, as a line that a terminal overwrites."""

    def __init__(self, question: Question, out: TextIO, *, is_shown: bool) -> None:
        self.count = 0
        self._question, self._out = question, out
        self._is_shown = is_shown
        self._next = time.monotonic() + _INTERVAL
        self._width = 0

    def tell(self, count: int, at: int) -> None:
        """Take in that so many were read, the last of this time."""
        self.count = count
        if self._is_shown and time.monotonic() >= self._next:
            self._next = time.monotonic() + _INTERVAL
            back = f"{clock(at, self._question.zone):%Y-%m-%d %H:%M}"
            self._show(f"{count:,} events, back to {back}")

    def end(self) -> None:
        """Leave the line empty."""
        if self._width:
            self._show("")

    def _show(self, text: str) -> None:
        self._out.write(f"\r{text:<{self._width}}\r{text}")
        self._out.flush()
        self._width = len(text)
