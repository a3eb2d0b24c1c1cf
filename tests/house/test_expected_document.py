"""docs/expected.md says what the code does: each key, value, verdict and field, and no other."""

import re
from pathlib import Path

import pytest

from porteye_core.command import exits
from porteye_core.judging.blocks import SECOND, Block, Defaults, Ephemeral
from porteye_core.judging.expected_file import (
    BLOCK_KEYS,
    DEFAULT_KEYS,
    MAX_SIZE,
    NAME,
    OF_SYSTEM,
    parse,
)
from porteye_core.judging.moment import JudgedLives
from porteye_core.judging.seen import REACHES
from porteye_core.judging.verdict_records import record
from porteye_core.judging.verdicts import Judgement, Verdict
from porteye_core.model import Protocol
from porteye_core.toml_files.reading import MAX_TEXT
from tests.kit.service import PROJECT

DOCUMENT = (PROJECT / "docs" / "expected.md").read_text()


def table(heading: str) -> list[list[str]]:
    """The cells of the rows of the first table under a heading whose first cell is code."""
    section = re.split(r"^#+ ", DOCUMENT.split(f"# {heading}\n", 1)[1], flags=re.MULTILINE)[0]
    rows = re.findall(r"(?:^\| `.*\n)+", section, re.MULTILINE)[0].splitlines()
    return [line.removeprefix("| ").removesuffix(" |").split(" | ") for line in rows]


def names(heading: str) -> list[str]:
    return [cells[0].strip("`") for cells in table(heading)]


def test_every_key_is_in_its_table_and_no_other() -> None:
    assert tuple(names("Keys of a block")) == BLOCK_KEYS
    assert tuple(names("Keys of defaults")) == DEFAULT_KEYS


@pytest.mark.parametrize(("key", "value"), [cells[:2] for cells in table("Keys of a block")])
def test_each_value_of_a_block_that_is_named_can_be_read(key: str, value: str) -> None:
    for literal in re.findall(r"`([^`]+)`", value):
        port = "" if key == "`port`" else "port = 1\n"
        parse(f"[[expected]]\n{port}{key.strip('`')} = {literal}", Path(NAME))


@pytest.mark.parametrize(("key", "value"), [cells[:2] for cells in table("Keys of defaults")])
def test_each_value_of_the_defaults_that_is_named_can_be_read(key: str, value: str) -> None:
    for literal in re.findall(r"`([^`]+)`", value):
        parse(f"[defaults]\n{key.strip('`')} = {literal}", Path(NAME))


def test_the_defaults_are_those_of_the_code() -> None:
    said = {name.strip("`"): meaning for name, _, meaning in table("Keys of defaults")}
    text = "".join(
        f"{name} = {re.findall(r'default `([^`]+)`', meaning)[0]}\n"
        for name, meaning in said.items()
    )
    assert parse(f"[defaults]\n{text}", Path(NAME)).defaults == Defaults()
    assert f"never open for {Defaults().hold // SECOND}\nseconds" in DOCUMENT
    block = {name.strip("`"): meaning for name, _, meaning in table("Keys of a block")}
    assert f'default `"{Block(()).protocol}"`' in block["protocol"]
    assert f'default `"{Block(()).reach}"`' in block["reach"]
    assert "default `false`" in block["always"]


def test_every_value_of_a_choice_is_named() -> None:
    values = {name.strip("`"): value for name, value, _ in table("Keys of a block")}
    assert re.findall(r'"([^"]+)"', values["protocol"]) == [each.value for each in Protocol]
    ephemeral = dict(zip(names("Keys of defaults"), table("Keys of defaults"), strict=True))
    assert re.findall(r'"([^"]+)"', ephemeral["ephemeral"][1]) == [each.value for each in Ephemeral]


def test_the_reaches_stand_in_their_order() -> None:
    sentence = DOCUMENT.split("reach, which is the exposure: ")[1].split(", the narrowest first")[0]
    assert re.findall(r"`([^`]+)`", sentence) == [each.value for each in REACHES]


def test_every_verdict_is_in_the_table_the_gravest_first() -> None:
    assert names("Verdicts") == [each.value for each in Verdict]


def test_every_field_of_a_record_is_in_the_table() -> None:
    section = DOCUMENT.split("`--json`")[1].split("`--nagios`")[0]
    fields = re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)
    assert sorted(fields) == sorted(
        record(JudgedLives(Judgement(Verdict.MISSING, block=Block(()))))
    )


def test_every_exit_status_of_check_is_in_the_table() -> None:
    assert [int(name) for name in names("check")] == [
        exits.AS_EXPECTED,
        exits.NOT_AS_EXPECTED,
        exits.UNEXPECTED,
        exits.CANNOT_SAY,
    ]


def test_the_places_and_bounds_are_those_of_the_code() -> None:
    assert f"`{NAME}` beside the database" in DOCUMENT
    assert f"`{OF_SYSTEM}`" in DOCUMENT
    assert f"at most {MAX_SIZE // 1000} kB, and a text in it {MAX_TEXT:,} characters" in DOCUMENT


def test_the_examples_can_be_read() -> None:
    examples = re.findall(r"```toml\n(.*?)```", DOCUMENT, re.DOTALL)
    assert [len(parse(each, Path(NAME)).blocks) for each in examples] == [3, 1]
