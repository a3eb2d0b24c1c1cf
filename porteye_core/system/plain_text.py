"""Safe text: text of a process, ready to store and to show."""

import re

# C0 and C1 control characters, which a terminal obeys, separators of lines, and marks that reverse
# the direction of text, which make a command line look like another one.
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def decoded(raw: bytes) -> str:
    """Decode a name as UTF-8; invalid bytes become surrogates."""
    return raw.decode("utf-8", "surrogateescape")


def clean(text: str) -> str:
    r"""Replace invalid UTF-8 and escape control characters.

    psutil returns invalid bytes as lone surrogates, which SQLite, JSON, CSV and Arrow refuse.

    >>> clean("a\x1b[31mb")
    'a\\x1b[31mb'
    """
    valid = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return _UNSAFE.sub(lambda match: match[0].encode("unicode_escape").decode("ascii"), valid)


def cap(text: str, size: int) -> str:
    """Cut a text to `size` bytes of UTF-8, with an ellipsis at the end."""
    encoded = text.encode()
    if len(encoded) <= size:
        return text
    mark = "…"
    return encoded[: size - len(mark.encode())].decode("utf-8", "ignore") + mark
