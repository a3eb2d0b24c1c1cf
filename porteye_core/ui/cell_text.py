"""Texts that fit a cell: Streamlit draws a table on a canvas, which cuts a text without a mark."""

import re
import unicodedata
from functools import lru_cache

_PADDING = 16  # pixels on both sides of a cell together
_LEAST = 64  # pixels of a title, however long the folder is
_INTERPRETER = re.compile(r" \([^()]+\)$")
_WORD = re.compile(r"[\w-]+")
_MARK = "…"
_MARK_WIDTH = 13.5
# Pixels of the characters of Source Sans at 14 pixels, as a browser measures them.
_WIDTHS = {
    character: width
    for width, characters in {
        3.0: " ",
        3.5: "',.:;Iijl|·",
        4.0: "!()[]f{}",
        4.5: "-t",
        5.0: "/\\r",
        6.0: '"*?sxz',
        6.5: "JYcvy",
        7.0: "0123456789#$+<=>FLVX^_aegk~≥",
        7.5: "AESTZ`bhnou",
        8.0: "BCKPRdpq",
        8.5: "&DG←",
        9.0: "HNU",
        9.5: "OQ",
        10.0: "Mw",
        11.0: "W",
        11.5: "%m",
        12.0: "@",
    }.items()
    for character in characters
}
_WIDE, _OTHER = 14.0, 9.0  # of Chinese, Japanese and Korean, and of any other script


@lru_cache(maxsize=8192)  # a table has the same texts at every refresh
def fitted(text: str, column: int) -> str:
    """The text, cut with a mark where it is wider than a column of so many pixels.

    >>> fitted("postgres", 100), fitted("postgresql@15-main", 100)
    ('postgres', 'postgresql…')
    """
    room: float = column - _PADDING
    if width_of(text) <= room:
        return text
    room -= _MARK_WIDTH
    kept = 0
    for character in text:
        room -= width_of(character)
        if room < 0:
            break
        kept += 1
    return text[:kept].rstrip() + _MARK


def program(title: str, folder: str, column: int) -> str:
    """A program with the folder it runs in, which tells two of one name apart. Where both do not
    fit, the title first loses the name of its interpreter, then its last words; never the folder.

    >>> program("server.js (node)", "/srv/shop", 200), program("server.js (node)", "/srv/shop", 140)
    ('server.js (node) · shop', 'server.js · shop')
    >>> program("gunicorn shop.wsgi", "/srv/site", 148)
    'gunicorn… · site'
    """
    name = folder.rstrip("/").rpartition("/")[2]
    behind = f" · {fitted(name, column // 2)}" if name and name not in _WORD.findall(title) else ""
    room = max(_LEAST, round(column - width_of(behind)))
    if width_of(title) > room - _PADDING:
        title = _INTERPRETER.sub("", title)
    return _words(title, room) + behind


def _words(text: str, column: int) -> str:
    """The text, cut with a mark after a word; within its first one only if that is too long."""
    cut = fitted(text, column)
    if cut == text or text.startswith(cut.removesuffix(_MARK) + " "):
        return cut
    words = cut.rpartition(" ")[0]
    return words + _MARK if words else cut


def width_of(text: str) -> float:
    """The pixels that a text takes at 14 pixels."""
    return sum(_WIDTHS.get(each) or _other_width(each) for each in text)


def _other_width(character: str) -> float:
    if unicodedata.combining(character):
        return 0.0
    return _WIDE if unicodedata.east_asian_width(character) in "WF" else _OTHER
