"""Values of a TOML file, each checked, with the line of a wrong one."""

import math
import os
import re
import stat
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from porteye_core.errors import PortEyeError
from porteye_core.system.plain_text import clean
from porteye_core.toml_files.lines import FileLines, line_of_dots

MAX_TEXT = 1000  # characters of a value
_SECOND = 1_000_000  # in microseconds
_DURATION = re.compile(r"(\d{1,6}) ?([smhd])")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


@dataclass(frozen=True, slots=True)
class FileKind:
    """A kind of file: its error, the name of what it has, its document, and its greatest size.

    If it is private, other users may not open it: it has secrets.
    """

    error: type[PortEyeError]
    of: str
    document: str
    max_size: int  # bytes
    if_larger: str
    is_private: bool = False

    @property
    def hint(self) -> str:
        """The document of its form."""
        return f"See {self.document} for its form."


def find(named: Path | None, usual: Sequence[Path], kind: FileKind, hint: str) -> Path:
    """The file that is named, else the first of the usual ones that is there. Raises the error of
    its kind, with this hint."""
    places = usual if named is None else (named,)
    for place in places:
        if os.path.lexists(place):
            return place
    where = " or ".join(map(str, places))
    raise kind.error(f"There is no file of {kind.of}: {where}.", hint)


def stamp_of(file: Path) -> tuple[object, ...]:
    """All that an editor changes when it saves a file, and whoever lets it be read."""
    try:
        found = os.stat(file)  # noqa: PTH116 - every few seconds: a Path takes as long again
    except OSError:
        return (str(file),)
    return str(file), found.st_mtime_ns, found.st_size, found.st_ino, found.st_mode


def text_of(file: Path, kind: FileKind) -> str:
    """The text of a plain file that is not too large. Raises the error of its kind."""
    try:
        # Not opened before it is known to be plain: to open a device may do something.
        if not stat.S_ISREG(file.stat().st_mode):
            raise kind.error(f"{file} is not a plain file.", f"Name a file of {kind.of}.")
        flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
        with os.fdopen(os.open(file, flags), "rb") as source:
            mode = os.fstat(source.fileno()).st_mode
            if not stat.S_ISREG(mode):
                raise kind.error(f"{file} is not a plain file.", "Another one took its place.")
            raw = source.read(kind.max_size + 1)
    except (OSError, ValueError) as err:  # a NUL in the name
        why = getattr(err, "strerror", None) or err
        raise kind.error(f"{file} cannot be read: {why}.", "Check its path and rights.") from err
    if kind.is_private and os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise kind.error(
            f"{file} is open to other users of this machine, and has secrets.",
            f"Close it: chmod 600 {file}",
        )
    if len(raw) > kind.max_size:
        raise kind.error(f"{file} is larger than {kind.max_size // 1000} kB.", kind.if_larger)
    try:
        return raw.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as err:
        line = raw.count(b"\n", 0, err.start) + 1
        # Not from the error, which has the text.
        raise kind.error(f"{file}, line {line}: this is not UTF-8.", "Save it as UTF-8.") from None


class Reading:
    """Reads the values of one text; raises the error of its kind, which names the line."""

    def __init__(self, text: str, file: Path, kind: FileKind) -> None:
        self.kind, self._file = kind, file
        self.content = self._content(text)
        self.lines = FileLines(text)
        self._line = 1  # of the table that is read

    def _content(self, text: str) -> dict[str, Any]:
        file, hint = self._file, self.kind.hint
        if (line := line_of_dots(text)) is not None:
            raise self.kind.error(f"{file}, line {line}: this key has too many parts.", hint)
        try:
            return tomllib.loads(text)
        except RecursionError:
            raise self.kind.error(f"{file} nests lists or tables too deeply.", hint) from None
        except ValueError as err:  # also a number of more digits than Python reads
            raise self.kind.error(f"{file} is not TOML: {_reason(err)}.", hint) from None

    def blocks(self, name: str) -> list[Mapping[str, Any]]:
        """The tables of a list."""
        found = self.content.get(name, [])
        if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
            raise self.wrong_line(
                self.lines.of_key(name), f"{name} is no list of blocks", self.kind.hint
            )
        return found

    def table(self, name: str) -> Mapping[str, Any]:
        """A single table, empty if it is not there."""
        found = self.content.get(name, {})
        if not isinstance(found, dict):
            raise self.wrong_line(
                self.lines.of_key(name),
                f"{name} is no table",
                f"Write [{name}] on a line of its own.",
            )
        return found

    def wrong_line(self, line: int, message: str, hint: str) -> PortEyeError:
        """The error of a line."""
        return self.kind.error(f"{self._file}, line {line}: {message}.", hint)

    def wrong(self, key: str, message: str, hint: str) -> PortEyeError:
        """The error of a key of the table that is read."""
        return self.wrong_line(self.lines.of_key(key, self._line), message, hint)

    def begin(self, line: int) -> None:
        """Begin to read the table that stands at a line."""
        self._line = line

    def known(self, of: str, table: Mapping[str, Any], keys: Sequence[str], line: int) -> None:
        """Begin to read a table, and refuse any other key than these."""
        self.begin(line)
        for key in table:
            if key not in keys:
                named = clean(key[:40])
                raise self.wrong(key, f"“{named}” is no key {of}", f"Use {listed(keys)}.")

    def string(self, table: Mapping[str, Any], key: str) -> str | None:
        """A text."""
        value = table.get(key)
        if value is None:
            return None
        if not isinstance(value, str):
            raise self.wrong(key, f"{key} is not a text", f'Write {key} = "…".')
        if len(value) > MAX_TEXT:
            raise self.wrong(key, f"{key} has {len(value)} characters", f"Use {MAX_TEXT}.")
        return value

    def boolean(self, table: Mapping[str, Any], key: str) -> bool:
        """A switch, off if it is not there."""
        value = table.get(key, False)
        if not isinstance(value, bool):
            raise self.wrong(key, f"{key} is neither true nor false", f"Write {key} = true.")
        return value

    def choice(self, table: Mapping[str, Any], key: str, choices: Sequence[str]) -> str | None:
        """One of these texts."""
        value = table.get(key)
        if value is not None and value not in choices:
            raise self.wrong(key, f"{shown(value)} is no value of {key}", f"Use {listed(choices)}.")
        return None if value is None else str(value)

    def duration(self, table: Mapping[str, Any], key: str, default: int) -> int:
        """A time in microseconds."""
        value = table.get(key)
        if value is None:
            return default
        found = _DURATION.fullmatch(value) if isinstance(value, str) else None
        if found is None:
            raise self.wrong(key, f"{shown(value)} is no time", f'Write {key} = "30s", "2m".')
        return int(found[1]) * _UNITS[found[2]] * _SECOND


def shown(value: object) -> str:
    """A value as it may stand in a sentence."""
    if isinstance(value, float) and not math.isfinite(value):
        return "this"
    if isinstance(value, (dict, list)):
        return "this"
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value) if abs(value) < 10**12 else "this number"
    return f"“{clean(str(value)[:40])}”"


def listed(words: Sequence[str]) -> str:
    """Words in a sentence.

    >>> listed(["a", "b", "c"])
    'a, b or c'
    """
    *others, last = words
    return f"{', '.join(others)} or {last}" if others else last


def _reason(err: ValueError) -> str:
    said = str(err).partition("\n")[0]
    return clean(said[:200]).rstrip(".")
