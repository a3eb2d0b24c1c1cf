"""Secrets that no name and no flag announces, but their place among a client's words."""

import re
from collections.abc import Callable, Sequence

_ORACLE = re.compile(r"(?s)(?P<shown>[\w$#\"]+/)(?P<secret>[^@]++)(?P<rest>.*+)")
_SHOWN_TO_NET = re.compile(r"[A-Za-z]:|\*|[/\\].*+", re.DOTALL)
_WITH_PASSWORD = ("add_user", "change_password", "authenticate_user")


def places(client: str, words: Sequence[str]) -> frozenset[int]:
    """The positions, counted from the client's own, of the words that are secrets as a whole."""
    find = _PLACES.get(client)
    return frozenset(find(words)) if find and len(words) > 2 else frozenset()


def oracle_login(client: str, word: str) -> tuple[str, str] | None:
    """What stands before and behind the password of `user/password@database`."""
    found = _ORACLE.fullmatch(word) if client in _ORACLE_CLIENTS else None
    return (found["shown"], found["rest"]) if found else None


def _arguments(words: Sequence[str]) -> list[int]:
    return [at for at, word in enumerate(words) if at and not word.startswith("-")]


def _rabbit(words: Sequence[str]) -> list[int]:
    found = _arguments(words)
    commands = [at for at in found if words[at] in _WITH_PASSWORD]
    return [at for at in found if commands and at > commands[0]][1:2]


def _htpasswd(words: Sequence[str]) -> list[int]:
    # -b: the password stands behind the file, which -n leaves out, and the user.
    switches = "".join(word for word in words if re.fullmatch(r"-[A-Za-z]+", word))
    place = 1 if "n" in switches else 2
    return _arguments(words)[place : place + 1] if "b" in switches else []


def _net(words: Sequence[str]) -> list[int]:
    found = _arguments(words)
    if words[1].lower() == "use":
        return [at for at in found[1:] if not _SHOWN_TO_NET.fullmatch(words[at])]
    is_user = words[1].lower() == "user"
    return [at for at in found[2:3] if is_user and not words[at].startswith("/")]


_PLACES: dict[str, Callable[[Sequence[str]], list[int]]] = {
    "rabbitmqctl": _rabbit,
    "htpasswd": _htpasswd,
    "net": _net,
}
_ORACLE_CLIENTS = ("sqlplus", "sqlcl", "expdp", "impdp", "sqlldr")
PLACED_CLIENTS = (*_PLACES, *_ORACLE_CLIENTS)
