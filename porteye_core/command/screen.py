"""The terminal or file that an answer is written to."""

import json
import os
import shutil
import sys
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TextIO

from porteye_core.system.plain_text import clean

_RESET = "\x1b[0m"
_GAP = "  "
_MARK = "…"
_READABLE = 24  # columns: what a shorter piece of a program's title says is little


class Style(StrEnum):
    """A look of a text, as the sequence that a terminal obeys (ECMA-48, SGR)."""

    PLAIN = ""
    STRONG = "\x1b[1m"
    FAINT = "\x1b[2m"
    WARNING = "\x1b[33m"


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table. On a narrow terminal those that can be cut are cut to _READABLE, then
    those of the highest rank are left out one by one, then the widest are cut further."""

    title: str
    rank: int = 0
    is_number: bool = False
    is_cut: bool = False


@dataclass(frozen=True, slots=True)
class Screen:
    """An output: it writes no control character that a text of a process has."""

    out: TextIO
    is_terminal: bool = False
    is_coloured: bool = False
    width: int = 80

    @classmethod
    def of(cls, out: TextIO, environ: Mapping[str, str] = os.environ) -> "Screen":
        """The screen that a stream is; colour as https://no-color.org says."""
        is_terminal = out.isatty()
        is_plain = bool(environ.get("NO_COLOR")) or environ.get("TERM") == "dumb"
        width = shutil.get_terminal_size().columns if is_terminal else 80
        return cls(out, is_terminal, is_terminal and not is_plain, width)

    def write(self, text: str = "", style: Style = Style.PLAIN) -> None:
        """Write a line."""
        self.out.write(f"{self._styled(clean(text), style)}\n")

    def write_cut(self, text: str) -> None:
        """Write a line as wide as the terminal at most."""
        self.out.write(f"{cut(clean(text), self.width)}\n")

    def flush(self) -> None:
        """Hand on what was written."""
        self.out.flush()

    def write_json(self, value: Any, *, in_one_line: bool = False) -> None:
        """Write a value as JSON in ASCII: no character of it can move a terminal's cursor."""
        self.out.write(json.dumps(value, indent=None if in_one_line else 2) + "\n")

    def write_tabs(self, cells: Iterable[Any]) -> None:
        """Write a line of cells with a tab between them; what is not known is empty."""
        self.out.write("\t".join("" if cell is None else clean(str(cell)) for cell in cells) + "\n")

    def write_table(self, columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> None:
        """Write a table as wide as the terminal at most."""
        cells = [[clean(cell) for cell in row] for row in rows]
        widths = [
            max([columns_of(column.title), *(columns_of(row[place]) for row in cells)])
            for place, column in enumerate(columns)
        ]
        kept = _fitting(columns, widths, self.width)
        self._write_row([(columns[at], columns[at].title, widths[at]) for at in kept], Style.FAINT)
        for row in cells:
            self._write_row([(columns[at], row[at], widths[at]) for at in kept], Style.PLAIN)

    def _write_row(self, cells: Sequence[tuple[Column, str, int]], style: Style) -> None:
        shown = _GAP.join(_padded(column, text, width) for column, text, width in cells)
        self.out.write(f"{self._styled(shown.rstrip(), style)}\n")

    def _styled(self, text: str, style: Style) -> str:
        return f"{style}{text}{_RESET}" if self.is_coloured and style and text else text


def warn(text: str) -> None:
    """Write a line to standard error, after the name of the command."""
    sys.stderr.write(f"porteye: {clean(text)}\n")


def columns_of(text: str) -> int:
    """The columns that a terminal takes for a text (UAX #11: wide letters take two).

    >>> columns_of("node"), columns_of("日本")
    (4, 4)
    """
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(each) else 1 + (unicodedata.east_asian_width(each) in "WF")
        for each in text
    )


def cut(text: str, width: int) -> str:
    """The text in so many columns, with a mark where it is cut.

    >>> cut("http.server (python3)", 12)
    'http.server…'
    """
    if columns_of(text) <= width:
        return text
    while text and columns_of(text) > width - 1:
        text = text[:-1]
    return text + _MARK


def _fitting(columns: Sequence[Column], widths: list[int], width: int) -> list[int]:
    """The places of the columns that fit; what is cut has its new width in `widths`."""
    kept = list(range(len(columns)))
    cuttable = [at for at in kept if columns[at].is_cut]

    def over() -> int:
        return max(0, sum(widths[at] for at in kept) + len(_GAP) * (len(kept) - 1) - width)

    def cut_to(least: Callable[[int], int]) -> None:
        while over() and (wide := [at for at in cuttable if widths[at] > least(at)]):
            widths[max(wide, key=lambda at: widths[at])] -= 1

    cut_to(lambda _: _READABLE)
    while over() and any(columns[at].rank for at in kept):
        kept.remove(max(kept, key=lambda at: columns[at].rank))
    cut_to(lambda at: columns_of(columns[at].title))
    return kept


def _padded(column: Column, text: str, width: int) -> str:
    shown = cut(text, width)
    space = " " * (width - columns_of(shown))
    return space + shown if column.is_number else shown + space
