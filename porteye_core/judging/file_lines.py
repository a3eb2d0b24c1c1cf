"""Lines of a TOML file that is well formed, of which tomllib tells none; pure."""

import re
from collections.abc import Iterator

# Strings and comments, so that what looks like a header in one of them is none (TOML 1.0).
_QUIET = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}'
    r"|'''.*?'{3,5}"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'[^'\n]*'"
    r"|\#[^\n]*",
    re.DOTALL,
)
_BLOCK = re.compile(r"\s*\[\[\s*[\"']?expected[\"']?\s*\]\]")
_TABLE = re.compile(r"\s*\[")


def line_of_block(text: str, number: int) -> int:
    """The line of the header of a block, counted from 0; of a list of blocks the line of its
    key."""
    headers = [at for at, line in _lines(text) if _BLOCK.match(line)]
    if number < len(headers):
        return headers[number]
    return line_of_key(text, "expected")


def line_of_key(text: str, key: str, after: int = 1) -> int:
    """The first line with a key or a table from a line on, up to the next table; else that line."""
    named = re.compile(rf"\s*\[*\s*[\"']?{re.escape(key)}[\"']?\s*[=.\]]")
    for at, line in _lines(text):
        if at >= after and named.match(line):
            return at
        if at > after and after > 1 and _TABLE.match(line):
            break
    return after


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """The lines with their numbers, without comments and strings of several lines."""
    plain = _QUIET.sub(_blank, text)
    yield from enumerate(plain.split("\n"), start=1)


def _blank(found: re.Match[str]) -> str:
    piece = found[0]
    breaks = piece.count("\n")
    if breaks or piece.startswith("#"):
        return "\n" * breaks
    return piece  # a key may be quoted
