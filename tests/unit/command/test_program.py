"""The program: what it loads, how it ends, and what it writes to which output."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from porteye_core.command.arguments import commands, parser
from tests.kit.command import run_command, running_command
from tests.kit.processes import bound
from tests.kit.seeding import Instant
from tests.kit.service import PROJECT, environment
from tests.kit.waiting import until

HEAVY = {"pandas", "numpy", "streamlit", "plotly", "fastapi", "starlette", "pydantic", "pyarrow"}
# An import of one of these is an error, and what was loaded is told at the end.
_HOOKED = f"""
import sys
class Heavy:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {HEAVY!r}:
            raise ImportError(f"{{name}} is heavy")
sys.meta_path.insert(0, Heavy())
from porteye_core.command.program import main
status = main(["porteye", *sys.argv[1:]])
print(*sorted(sys.modules), file=sys.stderr)
sys.exit(status)
"""


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (["who", "80"], 0),
        (["who", "9"], 1),
        (["who", "80", "--at", "2 min ago", "--json"], 0),
        (["now"], 0),
        (["now", "--json", "--exposed"], 0),
        (["history", "--port", "80"], 0),
        (["health"], 0),
        (["metrics"], 0),
        (["diff", "40 min ago", "25 min ago"], 1),
        (["export", "--csv", "-"], 0),
        (["learn"], 0),
        (["check", "--expected", os.devnull], 3),
        (["check", "--expected", str(PROJECT / "tests" / "data" / "expected.toml")], 0),
    ],
)
def test_an_answer_loads_nothing_heavy(seeded: Instant, words: list[str], status: int) -> None:
    run = subprocess.run(
        bound(sys.executable, "-c", _HOOKED, *words),
        cwd=PROJECT,
        env=environment(PORTEYE_DB=str(seeded.db)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == status, run.stderr
    loaded = set(run.stderr.split())
    assert "porteye_core.store.reading.row_reader" in loaded
    assert not {name.partition(".")[0] for name in loaded} & (HEAVY | {"psutil"})


def test_who_loads_the_parts_of_no_other_command(seeded: Instant) -> None:
    """They take as long as its answer."""
    run = subprocess.run(
        bound(sys.executable, "-c", _HOOKED, "who", "80"),
        cwd=PROJECT,
        env=environment(PORTEYE_DB=str(seeded.db)),
        capture_output=True,
        text=True,
        check=False,
    )
    loaded = set(run.stderr.split())
    others = {"metrics.families", "monitor", "command.history", "command.diff", "command.export"}
    others |= {"command.metrics", "command.health", "store.reading.changes", "store.reading.export"}
    assert not {f"porteye_core.{each}" for each in others} & loaded


def test_a_look_at_the_machine_loads_psutil_alone(db: Path) -> None:
    run = subprocess.run(
        bound(sys.executable, "-c", _HOOKED, "who", "1/udp"),
        cwd=PROJECT,
        env=environment(PORTEYE_DB=str(db)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 1, run.stderr
    assert not {name.partition(".")[0] for name in run.stderr.split()} & HEAVY


@pytest.mark.parametrize("words", [["now"], ["now", "--json"], ["history"], ["who", "80"]])
def test_a_reader_that_has_enough_ends_it_quietly(seeded: Instant, words: list[str]) -> None:
    read, write = os.pipe()
    os.close(read)
    try:
        run = subprocess.run(
            bound(sys.executable, "-m", "porteye_core.command", *words),
            cwd=PROJECT,
            env=environment(PORTEYE_DB=str(seeded.db)),
            stdout=write,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    finally:
        os.close(write)
    assert (run.returncode, run.stderr) == (141, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
@pytest.mark.parametrize("words", [["now"], ["history", "--follow", "--json"]])
def test_an_output_that_is_full_is_an_error(seeded: Instant, words: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        run = subprocess.run(
            bound(sys.executable, "-m", "porteye_core.command", *words),
            cwd=PROJECT,
            env=environment(PORTEYE_DB=str(seeded.db)),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert run.returncode == 1
    assert run.stderr == "porteye: The answer cannot be written: No space left on device.\n"


def test_an_interrupt_ends_what_follows_quietly(seeded: Instant) -> None:
    words = ("history", "--follow", "--json")
    with running_command(*words, PORTEYE_DB=str(seeded.db)) as process:
        assert process.stdout is not None
        first = json.loads(process.stdout.readline())
        assert first["status"] == "opened"
        process.send_signal(2)
        until(lambda: process.poll() is not None, "the command has ended")
        assert process.stderr is not None
        assert (process.returncode, process.stderr.read()) == (130, "")


def test_an_output_that_has_no_such_letter_gets_another(seeded: Instant) -> None:
    run = run_command("now", PORTEYE_DB=str(seeded.db), PYTHONIOENCODING="ascii")
    assert run.returncode == 0, run.stderr
    assert run.stdout.isascii()


def test_the_database_is_that_of_the_flag_then_of_the_variable(
    seeded: Instant, tmp_path: Path
) -> None:
    empty = str(tmp_path / "none.db")
    found = run_command("history", "--db", str(seeded.db), PORTEYE_DB=empty)
    assert found.returncode == 0
    assert run_command("history", PORTEYE_DB=empty).returncode == 3


def test_a_folder_as_database_is_wrong_use(tmp_path: Path) -> None:
    run = run_command("now", "--db", str(tmp_path))
    assert run.returncode == 2
    assert run.stderr == f"porteye: --db {tmp_path} is a folder. Give the path of a file in it.\n"


@pytest.mark.parametrize("words", [[], ["what"], ["now", "--colour"], ["who", "80", "--follow"]])
def test_wrong_use_says_how_it_is_used(words: list[str]) -> None:
    run = run_command(*words)
    assert (run.returncode, run.stdout) == (2, "")
    assert run.stderr.startswith("usage: porteye")


def test_help_has_examples() -> None:
    run = run_command("--help")
    assert run.returncode == 0
    assert "porteye who 3000 " in run.stdout


@pytest.mark.parametrize("name", sorted({*commands()} - {"alerts", "monitor", "dashboard"}))
def test_each_command_has_examples_that_are_understood(name: str) -> None:
    """The words of an example behind two spaces are no part of it."""
    lines = re.findall(rf"^  (?:.* \| )?(porteye {name} .*)$", commands()[name].format_help(), re.M)
    assert lines
    for line in lines:
        words = re.split(r"\s{2,}| >>? ", line)[0]
        assert parser().parse_args(shlex.split(words)[1:]).command == name
