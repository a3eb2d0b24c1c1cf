"""docs/command.md says what the command does: each command, flag and exit status, and no other."""

import inspect
import re

from porteye_core.command import exits
from porteye_core.command.arguments import commands, parser
from porteye_core.command.mcp_server import LONGEST, MOST_ROWS, Tools
from tests.kit.service import PROJECT

DOCUMENT = (PROJECT / "docs" / "command.md").read_text()


def test_every_command_is_named_and_no_other() -> None:
    headings = re.findall(r"^## ([a-z, ]+)$", DOCUMENT, re.MULTILINE)
    named = [name for heading in headings for name in heading.split(", ")]
    assert sorted(named) == sorted(commands())


def test_every_flag_is_in_a_table_with_its_value_and_no_other() -> None:
    flags = {
        f"{flag} {action.metavar}" if action.metavar else flag
        for command in (parser(), *commands().values())
        for action in command._actions
        for flag in action.option_strings
        if flag.startswith("--")
    }
    cells = set(re.findall(r"^\| `(--[^`]+)` \|", DOCUMENT, re.MULTILINE))
    assert cells | {"--version"} == flags
    assert "`porteye --version`" in DOCUMENT


def test_every_exit_status_is_in_the_table() -> None:
    table = DOCUMENT.split("## Exit statuses\n")[1]
    listed = {int(status) for status in re.findall(r"^\| `(\d+)` \|", table, re.MULTILINE)}
    assert listed == {each for each in vars(exits).values() if isinstance(each, int)}


def test_every_tool_of_the_server_is_in_the_table_and_its_bounds_are_those_of_the_code() -> None:
    section = DOCUMENT.split("## mcp\n")[1].split("\n## ")[0]
    tools = {name for name, _ in inspect.getmembers(Tools, inspect.isfunction) if name[0] != "_"}
    assert set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)) == tools
    assert f"at most {MOST_ROWS} " in section
    assert f"cut to {LONGEST} characters" in section
