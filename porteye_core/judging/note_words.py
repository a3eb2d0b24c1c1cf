"""Words of people on an identity: checked before they are stored; pure."""

from collections.abc import Iterable
from typing import NamedTuple
from urllib.parse import urlsplit

from porteye_core.errors import FilterError
from porteye_core.store.alerts import Note
from porteye_core.system.plain_text import clean

MAX_LABEL, MAX_TEXT, MAX_LINK = 60, 1000, 500  # characters
_MOST = {"label": MAX_LABEL, "text": MAX_TEXT, "link": MAX_LINK}
_SCHEMES = ("http", "https")


class Words(NamedTuple):
    """Label, text and link of a note."""

    label: str = ""
    text: str = ""
    link: str = ""


def words_of(notes: Iterable[Note]) -> dict[str, Words]:
    """The words of notes, by the keys of their identities."""
    return {each.key: Words(each.label, each.text, each.link) for each in notes}


def checked(label: str, text: str, link: str) -> Words:
    r"""The words as they are stored, without control characters; raises FilterError.

    >>> checked(" SSH ", "two\nlines", "https://wiki.example/ssh")
    Words(label='SSH', text='two\nlines', link='https://wiki.example/ssh')
    """
    words = Words(_line(label), "\n".join(map(_line, text.strip().splitlines())), _line(link))
    for name, value in words._asdict().items():
        if len(value) > _MOST[name]:
            count = f"The {name} has {len(value)} characters."
            raise FilterError(name, count, f"Use {_MOST[name]} at most.")
    if words.link and not is_link(words.link):
        raise FilterError(
            "link",
            f"“{words.link[:40]}” is not a link.",
            "Use one that begins with http:// or https://.",
        )
    return words


def merged(first: Words, other: Words) -> Words:
    """The first words, and for each that is empty the other one.

    >>> merged(Words("SSH"), Words("sshd", "from the VPN")).text
    'from the VPN'
    """
    return Words(*(own or more for own, more in zip(first, other, strict=True)))


def is_link(text: str) -> bool:
    """Tell that a browser may follow it: http or https, with a host.

    >>> is_link("https://wiki.example/ssh"), is_link("javascript:alert(1)"), is_link("http:///x")
    (True, False, False)
    """
    try:
        parts = urlsplit(text)
        host = parts.hostname
    except ValueError:
        return False
    return parts.scheme in _SCHEMES and bool(host) and not any(map(str.isspace, text))


def _line(text: str) -> str:
    return clean(text.strip())
