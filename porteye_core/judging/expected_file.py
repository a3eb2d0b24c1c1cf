"""The file of expected ports: found, read and checked. PortEye never writes it."""

import math
import os
import re
import stat
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from porteye_core import programs
from porteye_core.errors import ExpectedError
from porteye_core.judging.blocks import OWNER_KEYS, SECOND, Block, Defaults, Ephemeral, Expected
from porteye_core.judging.file_lines import FileLines, line_of_dots
from porteye_core.judging.seen import REACHES
from porteye_core.model import Protocol
from porteye_core.reach import Exposure
from porteye_core.system.local_ports import ephemeral_ports
from porteye_core.system.plain_text import clean

NAME = "expected.toml"
OF_SYSTEM = Path("/etc/porteye") / NAME
# A block has some 150 bytes: three thousand of them, and reading takes 0.5 s at most.
MAX_SIZE = 512_000  # bytes
MAX_TEXT = 1000  # characters of a value
BLOCK_KEYS = ("port", "protocol", "reach", *OWNER_KEYS, "always", "label", "note", "link")
DEFAULT_KEYS = ("hold", "missing", "ephemeral")
EPHEMERAL = "ephemeral"
_DURATION = re.compile(r"(\d{1,6}) ?([smhd])")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_SET = re.compile(r"\[[^]]*\]")  # of characters, in a shell pattern
_RANGE = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?", re.ASCII)


def find(named: Path | None, db: Path) -> Path:
    """The file that is named, else the first one that is there: beside the database, or that of the
    system. Raises ExpectedError."""
    places = (db.with_name(NAME), OF_SYSTEM) if named is None else (named,)
    for place in places:
        if os.path.lexists(place):
            return place
    where = " or ".join(map(str, places))
    raise ExpectedError(
        f"There is no file of expected ports: {where}.",
        "Print one with porteye learn, read it, and put it there.",
    )


def read(file: Path) -> Expected:
    """The blocks of a file; raises ExpectedError, which names the line."""
    return parse(_text(file), file)


def parse(text: str, file: Path) -> Expected:
    """The blocks of a text; file: where it stands."""
    if (line := line_of_dots(text)) is not None:
        raise ExpectedError(f"{file}, line {line}: this key has too many parts.", _HINT)
    try:
        content = tomllib.loads(text)
    except RecursionError:
        raise ExpectedError(f"{file} nests lists or tables too deeply.", _HINT) from None
    except ValueError as err:  # also a number of more digits than Python reads
        raise ExpectedError(f"{file} is not TOML: {_reason(err)}.", _HINT) from None
    lines = FileLines(text)
    reading = _Reading(lines, file)
    reading.known("of the file", content, ("defaults", "expected"), 1)
    blocks = content.get("expected", [])
    if not isinstance(blocks, list) or not all(isinstance(each, dict) for each in blocks):
        raise reading.wrong(lines.of_key("expected"), "expected is no list of blocks", _HINT)
    return Expected(
        file,
        reading.defaults(content.get("defaults", {})),
        tuple(reading.block(each, number) for number, each in enumerate(blocks)),
        ephemeral_ports(),
    )


_HINT = "See docs/expected.md for its form."


def _reason(err: ValueError) -> str:
    said = str(err).partition("\n")[0]
    return clean(said[:200]).rstrip(".")


def _text(file: Path) -> str:
    """The text of a plain file that is not too large. Raises ExpectedError."""
    try:
        # Not opened before it is known to be plain: to open a device may do something.
        if not stat.S_ISREG(file.stat().st_mode):
            raise ExpectedError(f"{file} is not a plain file.", "Name a file of expected ports.")
        flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
        with os.fdopen(os.open(file, flags), "rb") as source:
            if not stat.S_ISREG(os.fstat(source.fileno()).st_mode):
                raise ExpectedError(f"{file} is not a plain file.", "Another one took its place.")
            raw = source.read(MAX_SIZE + 1)
    except (OSError, ValueError) as err:  # a NUL in the name
        why = getattr(err, "strerror", None) or err
        raise ExpectedError(f"{file} cannot be read: {why}.", "Check its path and rights.") from err
    if len(raw) > MAX_SIZE:
        raise ExpectedError(
            f"{file} is larger than {MAX_SIZE // 1000} kB.", "Use ranges of ports and patterns."
        )
    try:
        return raw.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as err:
        line = raw.count(b"\n", 0, err.start) + 1
        raise ExpectedError(
            f"{file}, line {line}: this is not UTF-8.", "Save it as UTF-8."
        ) from err


class _Reading:
    """Reads the values of one text, and names the line of a wrong one."""

    def __init__(self, lines: FileLines, file: Path) -> None:
        self._lines, self._file = lines, file
        self._line = 1  # of the table that is read

    def wrong(self, line: int, message: str, hint: str) -> ExpectedError:
        """The error of a line."""
        return ExpectedError(f"{self._file}, line {line}: {message}.", hint)

    def known(self, of: str, table: Mapping[str, Any], keys: tuple[str, ...], line: int) -> None:
        """Refuse any other key than these."""
        self._line = line
        for key in table:
            if key not in keys:
                shown = clean(key[:40])
                raise self._wrong(key, f"“{shown}” is no key {of}", f"Use {_listed(keys)}.")

    def defaults(self, table: object) -> Defaults:
        """The settings of all blocks."""
        line = self._lines.of_key("defaults")
        if not isinstance(table, dict):
            raise self.wrong(line, "defaults is no table", "Write [defaults] on a line of its own.")
        self.known("of [defaults]", table, DEFAULT_KEYS, line)
        default = Defaults()
        return Defaults(
            self._duration(table, "hold", default.hold),
            self._duration(table, "missing", default.missing),
            Ephemeral(
                self._choice(table, EPHEMERAL, [each.value for each in Ephemeral])
                or default.ephemeral
            ),
        )

    def block(self, table: Mapping[str, Any], number: int) -> Block:
        """A block, which begins with `number` others before it."""
        line = self._lines.of_block(number)
        self.known("of a block", table, BLOCK_KEYS, line)
        if "port" not in table:
            raise self.wrong(line, "this block has no port", "Add one, such as port = 22.")
        ports, takes_ephemeral = self._ports(table["port"])
        always = table.get("always", False)
        if not isinstance(always, bool):
            raise self._wrong("always", "always is neither true nor false", "Write always = true.")
        if always and takes_ephemeral:
            raise self._wrong(
                "always", "an ephemeral port is not always there", "Name the port by its number."
            )
        protocol = self._choice(table, "protocol", [each.value for each in Protocol])
        reach = self._choice(table, "reach", [each.value for each in REACHES])
        return Block(
            ports=ports,
            takes_ephemeral=takes_ephemeral,
            protocol=Protocol(protocol or Protocol.TCP),
            reach=Exposure(reach or Exposure.MACHINE),
            unit=self._pattern(table, "unit"),
            container=self._pattern(table, "container"),
            program=self._pattern(table, "program"),
            user=self._pattern(table, "user"),
            always=always,
            label=self._string(table, "label") or "",
            note=self._string(table, "note") or "",
            link=self._string(table, "link") or "",
            line=line,
        )

    def _ports(self, value: object) -> tuple[tuple[tuple[int, int], ...], bool]:
        if value == []:
            raise self._wrong("port", "a block without ports never fits", "Name a port.")
        each = value if isinstance(value, list) else [value]
        ranges = tuple(self._range(item) for item in each if item != EPHEMERAL)
        return ranges, EPHEMERAL in each

    def _range(self, value: object) -> tuple[int, int]:
        found = _RANGE.fullmatch(value) if isinstance(value, str) else None
        if isinstance(value, int) and not isinstance(value, bool):
            low = high = value
        elif found:
            low, high = int(found[1]), int(found[2] or found[1])
        else:
            raise self._wrong("port", f"{_shown(value)} is not a port", _PORT_HINT)
        if low > high:
            raise self._wrong(
                "port", f"the range {low}-{high} never fits: it ends before it begins", _PORT_HINT
            )
        if not 1 <= low <= high <= 65535:
            raise self._wrong(
                "port", f"{_shown(value)} is not a port", "Ports are numbers from 1 to 65535."
            )
        return low, high

    def _pattern(self, table: Mapping[str, Any], key: str) -> str | None:
        """A shell pattern of the owner."""
        pattern = self._string(table, key)
        if pattern is None:
            return None
        if not pattern.strip():
            raise self._wrong(key, f"an empty {key} never fits", "Leave the key out for any.")
        if key == "unit" and not programs.lasting_unit(pattern):
            raise self._wrong(
                key,
                f"the unit {_shown(pattern)} never fits: it has another name at each start",
                "Name the program instead.",
            )
        plain = _SET.sub("", pattern)
        if key == "program" and programs.lasting_number(plain) != plain:
            raise self._wrong(
                key,
                f"the program {_shown(pattern)} never fits: a number of four digits is no part of"
                " a name that lasts",
                f'Write "{clean(programs.lasting_number(pattern))}".',
            )
        return pattern

    def _string(self, table: Mapping[str, Any], key: str) -> str | None:
        value = table.get(key)
        if value is None:
            return None
        if not isinstance(value, str):
            raise self._wrong(key, f"{key} is not a text", f'Write {key} = "…".')
        if len(value) > MAX_TEXT:
            raise self._wrong(key, f"{key} has {len(value)} characters", f"Use {MAX_TEXT}.")
        return value

    def _choice(self, table: Mapping[str, Any], key: str, choices: list[str]) -> str | None:
        value = table.get(key)
        if value is not None and value not in choices:
            raise self._wrong(
                key, f"{_shown(value)} is no value of {key}", f"Use {_listed(choices)}."
            )
        return None if value is None else str(value)

    def _duration(self, table: Mapping[str, Any], key: str, default: int) -> int:
        value = table.get(key)
        if value is None:
            return default
        found = _DURATION.fullmatch(value) if isinstance(value, str) else None
        if found is None:
            raise self._wrong(key, f"{_shown(value)} is no time", f'Write {key} = "30s", "2m".')
        return int(found[1]) * _UNITS[found[2]] * SECOND

    def _wrong(self, key: str, message: str, hint: str) -> ExpectedError:
        return self.wrong(self._lines.of_key(key, self._line), message, hint)


_PORT_HINT = 'Write 22, "8000-8099", [80, 443] or "ephemeral".'


def _shown(value: object) -> str:
    """A value as it may stand in a sentence."""
    if isinstance(value, float) and not math.isfinite(value):
        return "this"
    if isinstance(value, (dict, list)):
        return "this"
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value) if abs(value) < 10**12 else "this number"
    return f"“{clean(str(value)[:40])}”"


def _listed(words: "tuple[str, ...] | list[str]") -> str:
    *others, last = words
    return f"{', '.join(others)} or {last}"
