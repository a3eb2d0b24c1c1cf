"""Lines of a TOML file that is well formed, of which tomllib tells none; pure."""

import re
from itertools import islice

# Strings and comments, so that what looks like a header in one of them is none (TOML 1.0).
_QUIET = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}'
    r"|'''.*?'{3,5}"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'[^'\n]*'"
    r"|\#[^\n]*",
    re.DOTALL,
)
_MAX_DOTS = 50  # outside of strings; no key of the file has any
_TABLE = re.compile(r"\s*\[")


def line_of_dots(text: str) -> int | None:
    """The first line with a key of very many parts, which takes tomllib the square of their number;
    None if there is none."""
    plain = _QUIET.sub(lambda found: "\n" * found[0].count("\n"), text)
    lines = enumerate(plain.split("\n"), start=1)
    return next((at for at, line in lines if line.count(".") > _MAX_DOTS), None)


class FileLines:
    """The lines of one text, without comments and strings of several lines."""

    def __init__(self, text: str) -> None:
        self._lines = _QUIET.sub(_blank, text).split("\n")

    def of_block(self, name: str, number: int) -> int:
        """The line of the header of a block, counted from 0; of a list of blocks the line of its
        key."""
        header = re.compile(rf"\s*\[\[\s*[\"']?{re.escape(name)}[\"']?\s*\]\]")
        found = (at for at, line in enumerate(self._lines, start=1) if header.match(line))
        return next(islice(found, number, None), self.of_key(name))

    def of_key(self, key: str, after: int = 1) -> int:
        """The first line with a key or a table from a line on, up to the next table; else that
        line."""
        named = re.compile(rf"\s*\[*\s*[\"']?{re.escape(key)}[\"']?\s*[=.\]]")
        for at, line in enumerate(self._lines[after - 1 :], start=after):
            if named.match(line):
                return at
            if at > after > 1 and _TABLE.match(line):
                break
        return after


def _blank(found: re.Match[str]) -> str:
    piece = found[0]
    breaks = piece.count("\n")
    if breaks or piece.startswith("#"):
        return "\n" * breaks
    return piece  # a key may be quoted
