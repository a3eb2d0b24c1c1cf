r"""Secrets inside one text: after a name, in a URL, behind a scheme, or known by their shape."""

import re

from porteye_core.masking.addresses import MASK, mask_urls
from porteye_core.masking.calls import assignments, secret_spans
from porteye_core.masking.names import (
    hides,
    is_header,
    is_secret,
    may_name_secret,
    names_command,
)
from porteye_core.masking.randomness import LONGEST_TOKEN, random_words
from porteye_core.masking.tokens import mask_tokens

_QUOTE = r"(?:\\{0,3}[\"'])"  # in JSON within a shell's quotes it is escaped
# A name and what parts it from its value. A colon before digits or a slash parts a host and a
# port, an image and a tag, or two paths; a name behind // is the user in a URL.
_NAMED = re.compile(
    r"(?<![\w.-])(?<!//)(?P<name>[\w.-]++)"
    rf"(?P<apart>(?P<quoted>{_QUOTE})\]?\s{{0,8}}(?:=>|[:=])\s{{0,8}}"
    r"|\}?\s{0,8}(?:(?<=\s)=>|=|:(?![/:]|\d{1,5}(?:[/\s]|\Z)))\s{0,8})"
)
_HERE = re.compile(rf"/?{_NAMED.pattern}")  # a flag of Windows begins with a slash
_SCHEME = re.compile(
    r"(?i)(?:bearer|basic|digest|token|apikey|api-token|negotiate|geniekey|bot)\s{1,8}"
)
_QUOTED = re.compile(
    r"(?s)(?P<open>\\{1,3}[\"'])(?:[^\"'\\]++|\\{2,}+[\"']?)*+"
    r"|(?P<plain>\")(?:[^\"\\]++|\\.?)*+|(?P<single>')[^']*+"
)
# A command that prints a secret, where a flag takes one.
ECHOED = re.compile(r"(?s)(\s{0,8}(?:echo|printf)\s{1,8}(?:-\w{1,3}\s{1,8}){0,3}).+")
_PROSE = re.compile(r"[a-z]{1,32}(?:\s[\w'-]{1,32}){0,32}[.!]?")
_LIST = re.compile(r"\[[^\]]*+")
_JSON_VALUE = re.compile(r"[^\s,}\]]++")
_TO_QUOTE = re.compile(r"[^\"'\r\n]++")
_WORD = re.compile(r"(?:[^\s;&,\"']++|[\"'](?=\w))++")
# In a list of names and values, a value ends at what its name began at.
_UP_TO = {
    ";": re.compile(r"[^;\"']++"),
    "?": re.compile(r"[^\s&#\"']++"),
    "&": re.compile(r"[^\s&#\"']++"),
    ",": re.compile(r"[^\s,\"']++"),
}
# user:password@host without a scheme, as proxies take it; a digest's and a mail's name look alike.
_LOGIN = re.compile(
    r"(?<![^\s\"'])((?:-{0,2}[\w-]++=)?"
    r"(?!(?:mailto|sips?|npm|file|git|acct|sftp|ssh|scp|rsync|xmpp):)(?:[\w.-]{1,64}/)?[\w.+-]++:(?!:))"
    r"[^\s@/\"']++(?=@(?!sha\d)[\w\[])"
)
_ORACLE_THIN = re.compile(r"(?i)(\bjdbc:oracle:\w{1,8}:[^\s/@]{1,128}/)[^\s@\"']{1,256}+(?=@)")
_BEHIND = re.compile(r"(\b(?:(?i:bearer)|Basic)\s{1,8})[^\s\"',;]{4,}+")
_PASS = re.compile(r"(\bpass:)[^\s\"']++")
_KEY_BLOCK = re.compile(
    r"(?s)(-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY-----)"
    r".*?(?=-----END [A-Z0-9 ]{0,40}-----|\Z)"
)
# GET /write?u=bob&p=… as InfluxDB takes it.
_QUERY_LOGIN = re.compile(r"([?&]u=[^&\s]{0,64}&p=)[^&\s\"']++")


def mask_text(text: str, *, is_script: bool = False) -> str:
    """The text with the secrets masked that it holds; in a script a semicolon ends any value.

    >>> mask_text("Server=db;Password=correct horse;Timeout=3")
    'Server=db;Password=***;Timeout=3'
    """
    if "PRIVATE KEY" in text:
        text = _KEY_BLOCK.sub(rf"\1{MASK}", text)
    text = mask_urls(text)
    if "@" in text:
        text = _LOGIN.sub(rf"\1{MASK}", text)
    if "/" in text:
        text = _ORACLE_THIN.sub(rf"\1{MASK}", text)
    if "=" in text or ":" in text or "(" in text:
        text = _QUERY_LOGIN.sub(rf"\1{MASK}", _named(text, is_script=is_script))
    if " " in text:
        text = _BEHIND.sub(rf"\1{MASK}", text)
    text = _PASS.sub(rf"\1{MASK}", _masked(text, secret_spans(text)))
    text = mask_tokens(text)
    return _masked(text, random_words(text))


def mask_assignment(word: str) -> str | None:
    """A word that is NAME=value, or OPTION=NAME=value, masked to its end if the name says so.

    >>> mask_assignment("--password=correct horse, battery")
    '--password=***'
    """
    end = 0
    for _ in range(4):  # --build-arg=env=NAME=value is as deep as it goes
        found = _HERE.match(word, end)
        if not found or found["quoted"]:
            return None
        if names_command(found["name"]) and (echoed := ECHOED.fullmatch(word, found.end())):
            return word[: echoed.end(1)] + MASK
        value = word[found.end() :]
        if hides(found["name"], value) and not _is_prose(word, found):
            scheme = _SCHEME.match(word, found.end())
            shown = scheme.end() if scheme and is_header(found["name"]) else found.end()
            return word[:shown] + MASK if len(word) > shown else word
        end = found.end()
    return None


def _masked(text: str, spans: list[tuple[int, int]]) -> str:
    """The text with these places masked."""
    parts = []
    end = 0
    for start, stop in sorted(spans):
        if start >= end and text[start:stop] != MASK:
            parts += [text[end:start], MASK]
            end = stop
    return "".join((*parts, text[end:])) if parts else text


def _named(text: str, *, is_script: bool) -> str:
    spans = [span for name, value, span in assignments(text) if hides(name, value)]
    start = 0
    while found := _NAMED.search(text, start):
        start = found.end()
        if may_name_secret(found["name"]) and not _is_in_path(text, found):
            # Of a name that only may be a secret's, no more is read than a token has.
            limit = len(text) if is_secret(found["name"]) else start + LONGEST_TOKEN + 1
            shown, stop = _value(text, found, limit, is_script=is_script)
            value = text[shown:stop]
            if value and hides(found["name"], value) and not _is_prose(text, found):
                spans.append((shown, stop))
                start = stop
    return _masked(text, spans)


def _is_in_path(text: str, found: re.Match[str]) -> bool:
    """Tell if a name ends one of two paths, as in /etc/passwd:/etc/passwd:ro."""
    start = found.start()
    return start > 1 and text[start - 1] == "/" and ":" in found["apart"]


def _is_prose(text: str, found: re.Match[str]) -> bool:
    """Tell if a name and what follows are words of a sentence, as in auth: rotate the keys."""
    is_said = found["name"] == "auth" and ": " in found["apart"]
    return is_said and bool(_PROSE.fullmatch(text, found.end()))


def _value(text: str, found: re.Match[str], limit: int, *, is_script: bool) -> tuple[int, int]:
    """The start and the end of the value of a name, at the limit at the latest."""
    start = found.end()
    if quoted := _QUOTED.match(text, start, limit):
        return start + len(quoted[quoted.lastgroup or 0]), quoted.end()
    before = text[max(found.start() - 2, 0) : found.start()].rstrip()[-1:]
    pattern = _WORD
    if found["quoted"]:
        pattern = _LIST if text.startswith("[", start) else _JSON_VALUE
    elif is_header(found["name"]) and ":" in found["apart"]:
        scheme = _SCHEME.match(text, start)
        start = scheme.end() if scheme else start
        pattern = _TO_QUOTE
    elif before in _UP_TO and not is_script:
        pattern = _UP_TO[before]
    value = pattern.match(text, start, limit)
    return start, value.end() if value else start
