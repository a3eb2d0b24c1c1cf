"""The command `porteye`: run in this process or as one, and its answers without the clock."""

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from porteye_core.command.program import main
from tests.kit.processes import bound, end
from tests.kit.service import PROJECT, environment

_DAY = r"(?:today|yesterday|[A-Z]\w\w \d+ [A-Z]\w\w(?: \d{4})?|\d{4}-\d\d-\d\d)"
_LENGTH = r"(?:\d+ (?:day|hour|minute|second)s?|[\d.]+ ms|less than a millisecond)"


def timeless(text: str) -> str:
    """The text with CLOCK for each time of day, and LENGTH for each length."""
    said = re.sub(rf"{_DAY} \d\d:\d\d", "CLOCK", text)
    return re.sub(rf"\b{_LENGTH}\b", "LENGTH", said)


class Answered:
    """An exit status with what was written."""

    def __init__(self, status: int, out: str, err: str) -> None:
        self.status, self.out, self.err = status, out, err

    @property
    def timeless(self) -> str:
        """The output without the clock."""
        return timeless(self.out)


class Command:
    """The command over one database."""

    def __init__(self, db: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.db, self._capsys = db, capsys

    def __call__(self, *words: str) -> Answered:
        """Run a command that takes --db."""
        self._capsys.readouterr()
        name, *others = words
        try:
            status = main(["porteye", name, "--db", str(self.db), *others])
        except SystemExit as ended:  # of argparse
            status = int(str(ended.code))
        out, err = self._capsys.readouterr()
        return Answered(status, out, err)


def run_command(*words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the command as a process, to its end."""
    return subprocess.run(
        bound(sys.executable, "-m", "porteye_core.command", *words),
        cwd=PROJECT,
        env=environment(TZ="UTC", **variables),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@contextmanager
def running_command(*words: str, **variables: str) -> Iterator["subprocess.Popen[str]"]:
    """The command as a process, which is ended at the end."""
    process = subprocess.Popen(
        bound(sys.executable, "-m", "porteye_core.command", *words),
        cwd=PROJECT,
        env=environment(**variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        end(process)
