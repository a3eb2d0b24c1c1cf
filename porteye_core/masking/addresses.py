"""Secrets in URLs: a password, a token in the place of the user, an address that is a secret."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from porteye_core.masking.randomness import is_token

MASK = "***"

TABLE = Path(__file__).with_name("addresses.toml")
_URL = re.compile(r"://(?P<rest>[^\s\"]++)")
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]{1,19}\Z")
_LONGEST_SCHEME = 20
_HOST = re.compile(r"[^/?#]*+")
_IN_USER = re.compile(r"[/?#]")
# What follows the colon is a port, so no password.
_PORT = re.compile(r"\d{1,5}(?:[/?#,'\]]|\Z)")
_NO_PASSWORD = ("", "x-oauth-basic")  # the user of such a URL is the token
_SHORTEST_TOKEN = 16
_TO_END = re.compile(r"[^\s\"'#]++")
_TO_MARK = re.compile(r"[^\s\"'?#]++")
_TO_SLASH = re.compile(r"[^\s\"'?#/]++")
_WEB = ("http", "https")


def mask_urls(text: str) -> str:
    """The text with the secrets masked that its URLs hold.

    >>> mask_urls("https://bob:hunter2@host/ and rtmp://live.example/app/hunter2")
    'https://bob:***@host/ and rtmp://live.example/app/***'
    """
    return _URL.sub(_url, text) if "://" in text else text


def _url(found: re.Match[str]) -> str:
    """The text behind a scheme: a URL, or several with a comma between them."""
    start = found.start()
    scheme = _scheme(found.string[max(start - _LONGEST_SCHEME, 0) : start])
    parts = []
    for part in found["rest"].split("://"):
        parts.append(_part(part, scheme))
        scheme = _scheme(part[-_LONGEST_SCHEME:])
    return "://".join(("", *parts))


def _scheme(before: str) -> str:
    found = _SCHEME.search(before)
    return found[0] if found else ""


def _part(part: str, scheme: str) -> str:
    if scheme in _SECRET_SCHEMES and part:
        at = part.rfind("@")
        return MASK + part[at:] if at > 0 else MASK
    part = _without_password(part, is_web=scheme in _WEB)
    for found, until, schemes in _ADDRESSES:
        if scheme in schemes and (before := found.match(part)):
            secret = until.match(part, before.end())
            return part[: before.end()] + MASK + part[secret.end() :] if secret else part
    return part


def _without_password(part: str, *, is_web: bool) -> str:
    """The text behind :// in a URL, its password masked; one with a slash in it, too."""
    host = _HOST.match(part)
    at = host[0].rfind("@") if host else -1
    if at < 0:
        at = part.rfind("@")
    user, colon, password = part[:at].partition(":")
    if at < 0 or _IN_USER.search(user) or _PORT.match(password):
        return part
    if password in _NO_PASSWORD:
        is_secret = (is_web or colon) and len(user) >= _SHORTEST_TOKEN
        return (MASK + colon + password if is_secret else part[:at]) + part[at:]
    # Both parts of the DSN of Sentry are keys.
    is_key = len(user) >= _SHORTEST_TOKEN and is_token(user)
    return f"{MASK if is_key else user}:{MASK}{part[at:]}"


def _addresses(
    entries: list[dict[str, Any]],
) -> Iterator[tuple[re.Pattern[str], re.Pattern[str], tuple[str, ...]]]:
    """The text before the secret, the secret, and the schemes of each address."""
    for entry in entries:
        ends_in_query = entry["before"].endswith(r"\?")
        until = _TO_SLASH if entry.get("until") == "/" else _TO_END if ends_in_query else _TO_MARK
        yield re.compile(entry["before"]), until, tuple(entry.get("schemes", _WEB))


_ENTRIES = tomllib.loads(TABLE.read_text("utf-8"))
_ADDRESSES = tuple(_addresses(_ENTRIES["address"]))
_SECRET_SCHEMES = frozenset(name for entry in _ENTRIES["scheme"] for name in entry["names"])
