"""Text from a process, made safe to store and to show."""

import re

# C0 and C1 control characters, and the marks that reverse the direction of text: a terminal obeys
# the first, and the second make a command line read as something that it is not.
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def decoded(raw: bytes) -> str:
    """Decode what a process or its files are called: UTF-8, the bytes that are not kept aside."""
    return raw.decode("utf-8", "surrogateescape")


def clean(text: str) -> str:
    r"""The text with invalid UTF-8 replaced and control characters written out.

    psutil hands bytes that are not UTF-8 over as lone surrogates, which SQLite, JSON, CSV and
    Arrow all refuse.

    >>> clean("a\x1b[31mb")
    'a\\x1b[31mb'
    """
    valid = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return _UNSAFE.sub(lambda match: match[0].encode("unicode_escape").decode("ascii"), valid)


def cap(text: str, size: int) -> str:
    """The text cut to `size` bytes of UTF-8, with an ellipsis where something was cut."""
    encoded = text.encode()
    if len(encoded) <= size:
        return text
    mark = "…"
    return encoded[: size - len(mark.encode())].decode("utf-8", "ignore") + mark
