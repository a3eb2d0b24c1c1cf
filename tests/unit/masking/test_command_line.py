"""Masking, over command lines as they are found on real machines."""

import re
import tomllib
from collections import Counter
from pathlib import Path

import pytest

from porteye_core.masking import MASK, addresses, calls, clients, mask, tokens
from tests.kit.command_lines import HARMLESS, WITH_SECRETS, secrets, shown_words, words

TABLES = {
    "client": clients.TABLE,
    "call": calls.TABLE,
    "address": addresses.TABLE,
    "scheme": addresses.TABLE,
    "token": tokens.TABLE,
}
# A page of a manual, as openssl-enc(1), or an address.
SOURCE = re.compile(r"[\w.-]+\(\d\)|https://[\w.-]+(?:/\S*)?")


@pytest.mark.parametrize("line", WITH_SECRETS)
def test_of_the_secret_nothing_is_left_and_the_rest_stays(line: str) -> None:
    masked = " ".join(mask(words(line)))
    halves = [half for each in secrets(line) for half in (each[:8], each[-8:])]
    assert [half for half in halves if half in masked] == []
    assert masked.count(MASK) >= 1
    assert [word for word in shown_words(line) if word not in masked] == []


@pytest.mark.parametrize("line", HARMLESS)
def test_what_holds_no_secret_is_unchanged(line: str) -> None:
    assert mask(words(line)) == words(line)


def test_the_lists_are_as_long_as_is_promised() -> None:
    assert len(set(WITH_SECRETS)) == len(WITH_SECRETS) >= 300
    assert len(set(HARMLESS)) == len(HARMLESS) >= 300


@pytest.mark.parametrize("kind", TABLES)
def test_every_entry_of_the_tables_has_a_source(kind: str) -> None:
    entries = tomllib.loads(TABLES[kind].read_text("utf-8"))[kind]
    sources = [re.split("[;,] ", entry["source"]) for entry in entries]
    assert sources
    assert [each for every in sources for each in every if not SOURCE.fullmatch(each)] == []


def test_no_client_has_two_entries() -> None:
    entries = tomllib.loads(clients.TABLE.read_text("utf-8"))["client"]
    names = Counter(name for entry in entries for name in entry["names"])
    assert [name for name, count in names.items() if count > 1] == []
    assert len(names) == len(clients.load())


def test_a_field_that_is_not_known_is_refused(tmp_path: Path) -> None:
    table = tmp_path / "clients.toml"
    table.write_text('[[client]]\nnames = ["x"]\nsource = "x(1)"\nvalues_of = ["-p"]\n')
    with pytest.raises(TypeError, match="values_of"):
        clients.load(table)
