r"""Every answer in every state, compared with what stands in tests/data/answers.

A file holds for each command its output, its errors after `!` and its exit status. Clock, pids and
paths are replaced by names. To write the files anew and look at their difference:

    PORTEYE_WRITE_ANSWERS=1 python -m pytest -n 0 tests/unit/command/test_program_answers.py
"""

import os
import re
import shlex
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from porteye_core import __version__
from porteye_core.command.program import main
from porteye_core.config import monitor_command
from porteye_core.judging import expected_file
from porteye_core.model import Ancestor, Precision
from porteye_core.store.file import migrations
from porteye_core.store.writing.startup import open_writer
from porteye_core.store.writing.writer import Closing, Opening, Writer
from tests.kit.command import timeless
from tests.kit.old_database import old_database
from tests.kit.seeding import MINUTE, Instant, seed
from tests.kit.service import PROJECT
from tests.kit.terminal import terminal
from tests.kit.values import HOST, SECOND, endpoint, owned, process

ANSWERS = PROJECT / "tests" / "data" / "answers"
WRITES = bool(os.environ.get("PORTEYE_WRITE_ANSWERS"))
# Ports on which no scan of this machine finds anything: 9 is that of discard.
COMMANDS = (
    "who 8765",
    "who 9",
    "who 9 --json",
    "who 8765 --at '25 min ago'",
    "who 8765 --at '15 min ago'",
    "who 8765 --at '2 hours ago'",
    "who 8765 --at '25 min ago' --json",
    "now --port 9",
    "now --port 9 --json",
    "history --limit 2",
    "history --limit 1 --json",
    "history --port 9",
    "diff '35 min ago' '25 min ago'",
    "diff '35 min ago' '15 min ago' --json",
    "diff '15 min ago' '14 min ago'",
    "diff '3 hours ago' '2 hours ago'",
    "export --csv - --port 8765",
    "export --json - --kind closed",
    "export --csv FOLDER/history.csv",
    "health",
    "health --json",
    "check --at '25 min ago'",
    "check --at '25 min ago' --expected FOLDER/expected.toml",
    "check --at '2 hours ago' --expected FOLDER/expected.toml --nagios",
    "learn --since '1 hour ago'",
    "learn --diff --expected FOLDER/expected.toml",
)
WATCHED = (
    "who 80",
    "who nginx --json",
    "who 53/udp",
    "now",
    "now --exposed",
    "now --process nginx --json",
    "history",
    "check --expected FOLDER/expected.toml",
    "check --expected FOLDER/expected.toml --json",
    "check --expected FOLDER/expected.toml --nagios",
    "check --expected FOLDER/expected.toml --junit",
)
WRONG = (
    "",
    "what",
    "who",
    "who 99999",
    "who 80 --at soon",
    "who 80 --at tomorrow",
    "who --pid 0",
    "now --protocol sctp",
    "now --port 70000",
    "now --exposure far",
    "history --limit 0",
    "history --kind changed",
    "diff",
    "diff soon",
    "export",
    "export --csv a --json b",
    "export --parquet -",
    "backup",
    "completion tcsh",
    "check --json --nagios",
    "check --expected FOLDER",
    "check --expected FOLDER/wrong.toml",
    "check --expected FOLDER/absent.toml",
    "learn --since tomorrow",
)
# nginx is wider than it says, postgres is another's, sshd is missing and 8765 is new.
_EXPECTED = """
[[expected]]
port = 80
program = "nginx"
label = "Shop"

[[expected]]
port = 5432
user = "postgres"

[[expected]]
port = 22
always = true

[[expected]]
port = 53
protocol = "udp"
unit = "dns.service"
"""
_EVIL = "ev\x1b[31mil\nname\u202e\x9b"


def answers(name: str, told: Iterator[str]) -> None:
    """Compare with the file, or write it."""
    path, text = ANSWERS / f"{name}.txt", "".join(told)
    if WRITES:
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


class Asking:
    """Commands on one database, told with what they said."""

    def __init__(self, db: Path, folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
        self._db, self._folder, self._capfd = db, folder, capfd

    def each(self, commands: tuple[str, ...]) -> Iterator[str]:
        """The answers as no terminal gets them."""
        for command in commands:
            status = self._run(command)
            out, err = self._capfd.readouterr()
            yield self._told(command, out, err, status)

    def on_terminal(
        self, commands: tuple[str, ...], columns: int, patch: pytest.MonkeyPatch
    ) -> Iterator[str]:
        """The answers as a terminal gets them, with their control characters escaped."""
        for command in commands:
            with terminal(columns, patch) as shown:
                status = self._run(command)
            yield self._told(command, shown.text, self._capfd.readouterr().err, status)

    def _run(self, command: str) -> int:
        name, *words = shlex.split(command.replace("FOLDER", str(self._folder))) or [""]
        try:
            return main(["porteye", *([name] if name else []), *words])
        except SystemExit as ended:  # of argparse
            return int(str(ended.code))

    def _told(self, command: str, out: str, err: str, status: int) -> str:
        err = re.sub(r"usage: (.|\n)*\n(?=porteye)", "usage: ...\n", err)  # another Python wraps it
        err = re.sub(r"choose from .*\)", "choose from ...)", err)
        said = "".join(f"! {line}\n" for line in self._plain(err).splitlines())
        return f"$ porteye {command}\n{self._plain(out)}{said}-> {status}\n\n"

    def _plain(self, text: str) -> str:
        for path, name in (
            (monitor_command(self._db), "MONITOR"),
            (str(self._db), "DB"),
            (str(self._folder), "FOLDER"),
            (sys.executable, "PYTHON"),
        ):
            text = text.replace(path, name)
        text = re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+\+00:00", "TIME", text)
        text = re.sub(r"\d{4}-\d\d-\d\d [\d:]{8}(,\d+)?", "DATE", text)
        text = text.replace(str(self._db.with_name("expected.toml")), "BESIDE")
        text = re.sub(r"[A-Z]\w\w \d+ [A-Z]\w\w( \d{4})? [\d:]+ UTC", "DAY", text)
        text = re.sub(rf"(\bpid|\"pid\":) {os.getpid()}\b", r"\1 OWN", text)
        text = re.sub(r"(schema|needs|knows) \d+", r"\1 N", timeless(text))
        text = text.replace(f'"version": "{__version__}"', '"version": "VERSION"')
        return re.sub(r"\x1b|\x9b|\r|\u202e", lambda found: f"<{ord(found[0]):x}>", text)


@pytest.fixture
def asking(
    db: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Asking:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "expected.toml").write_text(_EXPECTED)
    (folder / "wrong.toml").write_text(_EXPECTED.replace("program", "programme"))
    monkeypatch.setattr(expected_file, "OF_SYSTEM", folder / "absent.toml")
    monkeypatch.setenv("PORTEYE_DB", str(db))
    monkeypatch.setenv("COLUMNS", "80")  # of argparse, too
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    return Asking(db, folder, capfd)


def test_while_a_monitor_watches(seeded: Instant, asking: Asking) -> None:
    answers("watched", asking.each((*WATCHED, *COMMANDS)))


def test_after_a_monitor_has_ended(abandoned: Instant, asking: Asking) -> None:
    answers("abandoned", asking.each(COMMANDS))


def test_after_a_monitor_was_stopped(db: Path, asking: Asking) -> None:
    now = time.time_ns() // 1000
    with open_writer(db, HOST, now - 61 * MINUTE) as writer:
        seed(writer, now)
        writer.end_watch(now)
    answers("stopped", asking.each(COMMANDS))


def test_without_a_database(asking: Asking) -> None:
    answers("none", asking.each(COMMANDS))


def test_with_the_database_of_another_machine(elsewhere: Instant, asking: Asking) -> None:
    answers("elsewhere", asking.each(COMMANDS))


def test_with_an_older_schema(db: Path, asking: Asking) -> None:
    old_database(db, 5, 20)
    answers("older", asking.each(COMMANDS))


def test_with_a_newer_schema(abandoned: Instant, asking: Asking) -> None:
    with closing(sqlite3.connect(abandoned.db)) as connection:
        connection.execute(f"PRAGMA user_version = {len(migrations.STEPS) + 1}")
    answers("newer", asking.each(COMMANDS))


def test_with_what_is_no_database(db: Path, asking: Asking) -> None:
    db.write_text("no database at all\n" * 200)
    answers("damaged", asking.each(COMMANDS))


@pytest.fixture
def hostile(seeded: Instant, writer_of_now: Writer) -> Instant:
    """A listener whose every text was chosen by somebody who means harm."""
    owner = process(812, name=_EVIL, cmdline=f"{_EVIL} \x1b]0;title\x07 {'x' * 300}")
    owner = replace(
        owner, parents=(Ancestor(20, _EVIL), Ancestor(1, "日本語")), cwd=f"/srv/{_EVIL}", unit=_EVIL
    )
    at = seeded.now - 5 * SECOND
    opening = Opening(owned(endpoint(3000, address="0.0.0.0"), owner), at, Precision.KERNEL)
    (life,) = writer_of_now.record_changes(at, [opening])
    writer_of_now.record_changes(at + 1, closed=[Closing(life, at + 1, Precision.KERNEL)])
    again = replace(opening, at=at + 2)
    writer_of_now.record_changes(at + 2, [again])
    return seeded


_ON_TERMINAL = (
    "who 3000",
    "who 3000 --json",
    "who 3000 --at now",
    "now",
    "now --exposed",
    "history --limit 3",
    "diff '15 min ago'",
    "check --expected FOLDER/expected.toml",
    "learn",
    "export --csv - --port 3000",
    "export --json - --port 3000",
    "health",
)


def test_names_of_strangers(hostile: Instant, asking: Asking) -> None:
    answers("hostile", asking.each(_ON_TERMINAL))


@pytest.mark.parametrize("columns", [200, 80, 40])
def test_names_of_strangers_on_a_terminal(
    hostile: Instant, asking: Asking, monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    told = asking.on_terminal(_ON_TERMINAL, columns, monkeypatch)
    answers(f"terminal-{columns}", told)


@pytest.mark.parametrize("variable", ["NO_COLOR", "TERM"])
def test_a_terminal_without_colour(
    seeded: Instant, asking: Asking, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, "dumb")
    told = asking.on_terminal((*WATCHED, "health"), 100, monkeypatch)
    answers("terminal-plain", told)


def test_wrong_use(seeded: Instant, asking: Asking) -> None:
    answers("wrong-use", asking.each(WRONG))
