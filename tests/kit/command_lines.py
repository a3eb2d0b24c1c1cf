"""Command lines of real tools, with secrets in them and without.

In `secret_command_lines.txt` each «…» is a secret, of which nothing may be left; what stands around
it stays. The words of each line of `harmless_command_lines.txt` come out as they went in.
"""

import re
import shlex
from pathlib import Path

_DATA = Path(__file__).parents[1] / "data"
_SECRET = re.compile("«(.+?)»")


def _lines(name: str) -> tuple[str, ...]:
    text = (_DATA / name).read_text("utf-8")
    return tuple(line for line in text.splitlines() if line and not line.startswith("# "))


WITH_SECRETS = _lines("secret_command_lines.txt")
HARMLESS = _lines("harmless_command_lines.txt")


def secrets(line: str) -> list[str]:
    """The secrets of a line."""
    return _SECRET.findall(line)


def words(line: str) -> list[str]:
    """The arguments that a shell makes of a line; the marks around secrets are left out."""
    return shlex.split(_SECRET.sub(lambda found: found[1], line))


def shown_words(line: str) -> list[str]:
    """The arguments of a line that hold no secret."""
    return [word for word in shlex.split(line) if not _SECRET.search(word)]
