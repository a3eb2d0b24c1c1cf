"""Clients whose flags and arguments carry secrets, from the table beside this module."""

import re
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from porteye_core.masking.usage import Arguments, Place, Usage

TABLE = Path(__file__).with_name("clients.toml")
_SUFFIXES = (".exe", ".sh", ".py", ".bat", ".cmd", ".com")
_LONGEST_NAME = 64  # no client's name is longer


@dataclass(frozen=True, slots=True)
class Client:
    """The fields of an entry of the table, which explains them."""

    source: str = ""
    value_of: tuple[str, ...] = ()
    key_of: tuple[str, ...] = ()
    second_part_of: tuple[str, ...] = ()
    public_of: tuple[str, ...] = ()
    usage: tuple[Usage, ...] = ()
    valued: tuple[str, ...] = ()
    patterns: tuple[re.Pattern[str], ...] = ()
    programs: tuple[str, ...] = ()
    switches: str = ""
    prompts: bool = False
    long_flags: bool = False
    slash_flags: bool = False
    oracle_login: bool = False
    first: bool = False
    shell: bool = False

    def places(self, words: Sequence[str]) -> Iterator[tuple[int, Place]]:
        """The places of secrets among the words behind the client's name, by position."""
        if self.usage:
            arguments = Arguments(words, valued=self.valued, slash_flags=self.slash_flags)
            yield from arguments.places(self.usage)


UNKNOWN = Client()


def client_of(word: str) -> Client | None:
    """The client that a word names, with or without its folder.

    >>> client_of("/usr/bin/python3.11") is client_of("python.exe") is not None
    True
    """
    if word[:1] in ("-", ""):
        return None
    name = word[max(word.rfind("/"), word.rfind("\\")) + 1 :]
    if not name or len(name) > _LONGEST_NAME:
        return None
    found = _CLIENTS.get(name)
    if found is None and name.endswith(_SUFFIXES):
        name = name[: name.rfind(".")]
        found = _CLIENTS.get(name)
    if found is None and name[-1:].isdigit():
        found = _CLIENTS.get(name.rstrip("0123456789."))
    return found


def load(path: Path = TABLE) -> dict[str, Client]:
    """The clients of the table by their names; a field that is not known raises a TypeError."""
    entries = tomllib.loads(path.read_text("utf-8"))["client"]
    return {name: client for entry in entries for name, client in _read(entry)}


def _read(entry: dict[str, Any]) -> list[tuple[str, Client]]:
    names = entry.pop("names")
    values: dict[str, Any] = {
        name: tuple(each) if isinstance(each, list) else each for name, each in entry.items()
    }
    if "usage" in values:
        values["usage"] = tuple(map(Usage.parse, values["usage"]))
    if "patterns" in values:
        values["patterns"] = tuple(map(re.compile, values["patterns"]))
    client = Client(**values)
    return [(name, client) for name in names]


_CLIENTS = load()
