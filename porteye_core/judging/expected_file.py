"""The file of expected ports: found, read and checked. PortEye never writes it."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from porteye_core import host_patterns, programs
from porteye_core.errors import ExpectedError, FilterError
from porteye_core.host_patterns import Patterns
from porteye_core.judging.blocks import OWNER_KEYS, Block, Defaults, Ephemeral, Expected
from porteye_core.judging.seen import REACHES
from porteye_core.model import Protocol
from porteye_core.reach import Exposure
from porteye_core.system.host_name import host_name
from porteye_core.system.local_ports import ephemeral_ports
from porteye_core.system.plain_text import clean
from porteye_core.toml_files import reading
from porteye_core.toml_files.reading import FileKind, Reading, shown, text_of

NAME = "expected.toml"
OF_SYSTEM = Path("/etc/porteye") / NAME
# A block has some 150 bytes: three thousand of them, and reading takes 0.5 s at most.
MAX_SIZE = 512_000  # bytes
BLOCK_KEYS = ("port", "protocol", "reach", *OWNER_KEYS, "hosts", "always", "label", "note", "link")
DEFAULT_KEYS = ("hold", "missing", "ephemeral")
EPHEMERAL = "ephemeral"
_GROUP = "@"  # stands before the name of a group of hosts
_GROUP_NAME = re.compile(r"[A-Za-z0-9_-]{1,60}", re.ASCII)
_HOSTS_HINT = 'Write hosts = ["web*", "@databases"].'
_SET = re.compile(r"\[[^]]*\]")  # of characters, in a shell pattern
_RANGE = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?", re.ASCII)


def find(named: Path | None, db: Path) -> Path:
    """The file that is named, else the first one that is there: beside the database, or that of the
    system. Raises ExpectedError."""
    hint = "Print one with porteye learn, read it, and put it there."
    return reading.find(named, (db.with_name(NAME), OF_SYSTEM), _KIND, hint)


def read(file: Path) -> Expected:
    """The blocks of a file, of all hosts; raises ExpectedError, which names the line."""
    return parse(text(file), file)


def read_here(file: Path) -> Expected:
    """The part of a file that counts on this machine; raises ExpectedError."""
    return read(file).on(host_name())


def text(file: Path) -> str:
    """The text of a file, whatever it says; raises ExpectedError."""
    return text_of(file, _KIND)


def parse(said: str, file: Path) -> Expected:
    """The blocks of a text, of all hosts; file: where it stands."""
    reading = _Reading(said, file, _KIND)
    reading.known("of the file", reading.content, ("defaults", "groups", "expected"), 1)
    reading.read_groups(reading.table("groups"))
    blocks = reading.blocks("expected")
    return Expected(
        file,
        reading.defaults(reading.table("defaults")),
        tuple(reading.block(each, number) for number, each in enumerate(blocks)),
        ephemeral_ports(),
    )


_KIND = FileKind(
    ExpectedError,
    "expected ports",
    "docs/expected.md",
    MAX_SIZE,
    "Use ranges of ports and patterns.",
)


class _Reading(Reading):
    """Reads defaults, groups of hosts and blocks."""

    groups: Mapping[str, Patterns]

    def read_groups(self, table: Mapping[str, Any]) -> None:
        """Read the groups, by their names, for the blocks that follow."""
        self.begin(self.lines.of_key("groups"))
        found = dict[str, Patterns]()
        for name, value in table.items():
            if not _GROUP_NAME.fullmatch(name):
                raise self.wrong(
                    name,
                    f"{shown(name)} is no name of a group",
                    "Use letters, digits, - and _, and write @ before it in a block alone.",
                )
            found[name] = self._patterns(name, value, of_group=True)
        self.groups = found

    def _hosts(self, table: Mapping[str, Any]) -> Patterns:
        """The hosts on which a block counts."""
        value = table.get("hosts")
        return () if value is None else self._patterns("hosts", value, of_group=False)

    def _patterns(self, key: str, value: object, *, of_group: bool) -> Patterns:
        """The names and patterns of a list, or of a single text."""
        each = value if isinstance(value, list) else [value]
        if not each:
            raise self.wrong(key, f"{key} has no host", "Name one, or leave the key out.")
        found = list[str]()
        for item in each:
            if not isinstance(item, str):
                raise self.wrong(key, f"{shown(item)} is no name of a host", _HOSTS_HINT)
            if item.startswith(_GROUP):
                found += self._group(key, item[1:], of_group=of_group)
            else:
                found += self._pattern_of_host(key, item)
        if len(found) > host_patterns.MAX_PATTERNS:
            raise self.wrong(
                key,
                f"{key} has more than {host_patterns.MAX_PATTERNS} names and patterns",
                "Use wider patterns.",
            )
        return tuple(dict.fromkeys(found))

    def _pattern_of_host(self, key: str, text: str) -> Patterns:
        if not text.strip():
            raise self.wrong(key, "an empty name of a host never fits", "Leave it out.")
        if "," in text:
            raise self.wrong(
                key, f"{shown(text)} has a comma", "Write each host as a text of its own."
            )
        try:
            return host_patterns.parse(text, key)
        except FilterError as err:
            raise self.wrong(key, err.message.rstrip("."), err.hint) from err

    def _group(self, key: str, name: str, *, of_group: bool) -> Patterns:
        if of_group:
            raise self.wrong(key, "a group has no other group", "Name its hosts and patterns.")
        if name not in self.groups:
            known = ", ".join(sorted(self.groups)[:10])
            hint = f"The groups are {known}." if known else "Add one to [groups]."
            raise self.wrong(key, f"there is no group {shown(name)}", hint)
        return self.groups[name]

    def defaults(self, table: Mapping[str, Any]) -> Defaults:
        """The settings of all blocks."""
        line = self.lines.of_key("defaults")
        self.known("of [defaults]", table, DEFAULT_KEYS, line)
        default = Defaults()
        return Defaults(
            self.duration(table, "hold", default.hold),
            self.duration(table, "missing", default.missing),
            Ephemeral(
                self.choice(table, EPHEMERAL, [each.value for each in Ephemeral])
                or default.ephemeral
            ),
        )

    def block(self, table: Mapping[str, Any], number: int) -> Block:
        """A block, which begins with `number` others before it."""
        line = self.lines.of_block("expected", number)
        self.known("of a block", table, BLOCK_KEYS, line)
        if "port" not in table:
            raise self.wrong_line(line, "this block has no port", "Add one, such as port = 22.")
        ports, takes_ephemeral = self._ports(table["port"])
        always = self.boolean(table, "always")
        if always and takes_ephemeral:
            raise self.wrong(
                "always", "an ephemeral port is not always there", "Name the port by its number."
            )
        protocol = self.choice(table, "protocol", [each.value for each in Protocol])
        reach = self.choice(table, "reach", [each.value for each in REACHES])
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
            label=self.string(table, "label") or "",
            note=self.string(table, "note") or "",
            link=self.string(table, "link") or "",
            line=line,
            hosts=self._hosts(table),
        )

    def _ports(self, value: object) -> tuple[tuple[tuple[int, int], ...], bool]:
        if value == []:
            raise self.wrong("port", "a block without ports never fits", "Name a port.")
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
            raise self.wrong("port", f"{shown(value)} is not a port", _PORT_HINT)
        if low > high:
            raise self.wrong(
                "port", f"the range {low}-{high} never fits: it ends before it begins", _PORT_HINT
            )
        if not 1 <= low <= high <= 65535:
            raise self.wrong(
                "port", f"{shown(value)} is not a port", "Ports are numbers from 1 to 65535."
            )
        return low, high

    def _pattern(self, table: Mapping[str, Any], key: str) -> str | None:
        """A shell pattern of the owner."""
        pattern = self.string(table, key)
        if pattern is None:
            return None
        if not pattern.strip():
            raise self.wrong(key, f"an empty {key} never fits", "Leave the key out for any.")
        if key == "unit" and not programs.lasting_unit(pattern):
            raise self.wrong(
                key,
                f"the unit {shown(pattern)} never fits: it has another name at each start",
                "Name the program instead.",
            )
        plain = _SET.sub("", pattern)
        if key == "program" and programs.lasting_number(plain) != plain:
            raise self.wrong(
                key,
                f"the program {shown(pattern)} never fits: a number of four digits is no part of"
                " a name that lasts",
                f'Write "{clean(programs.lasting_number(pattern))}".',
            )
        return pattern


_PORT_HINT = 'Write 22, "8000-8099", [80, 443] or "ephemeral".'
