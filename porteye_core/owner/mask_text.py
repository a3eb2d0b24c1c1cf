r"""Secrets inside one text: after a name, in a URL, behind a scheme, or known by their shape.

Anybody may choose the words of a command line, so every pattern takes linear time: a repetition is
possessive and starts only where a run of its characters starts, or it is bounded.
"""

import re

from porteye_core.owner.mask_names import is_header, is_secret

MASK = "***"

_QUOTE = r"(?:\\{0,3}[\"'])"  # in JSON within a shell's quotes it is escaped
# A name and what parts it from its value. A colon before digits or a slash parts a host and a
# port, an image and a tag, or two paths; a name behind // is the user in a URL.
_NAMED = re.compile(
    r"(?<![\w.-])(?<!//)(?P<name>[\w.-]++)"
    rf"(?P<apart>(?P<quoted>{_QUOTE})\]?\s{{0,8}}[:=]\s{{0,8}}"
    r"|\s{0,8}(?:=|:(?![/:]|\d{1,5}(?:[/\s]|\Z)))\s{0,8})"
)
_HERE = re.compile(rf"/?{_NAMED.pattern}")  # a flag of Windows begins with a slash
_SCHEME = re.compile(r"(?i)(?:bearer|basic|digest|token|apikey|negotiate)\s{1,8}")
_QUOTED = re.compile(
    r"(?s)(?P<open>\\{1,3}[\"'])(?:[^\"'\\]++|\\{2,}+[\"']?)*+"
    r"|(?P<plain>\")(?:[^\"\\]++|\\.?)*+|(?P<single>')[^']*+"
)
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
_URL = re.compile(r"(?P<scheme>(?:http|https|))://(?P<rest>[^\s\"]++)")
# user:password@host without a scheme, as proxies take it; a digest's and a mail's name look alike.
_LOGIN = re.compile(
    r"(?<![^\s\"'])((?:-{0,2}[\w-]++=)?(?!(?:mailto|sips?|npm|file|git|acct):)[\w.+-]++:)"
    r"[^\s@/\"']++(?=@(?!sha\d)[\w\[])"
)
# The last part of these addresses is what admits to them: stream keys, web hooks, bots.
_KEY_IN_PATH = re.compile(
    r"(\brtmps?://[^\s/]{1,256}/[^\s/]{1,64}/|\bhooks\.slack\.com/\w{1,16}/"
    r"|\bdiscord(?:app)?\.com/api/webhooks/\d{1,32}/|\bapi\.telegram\.org/bot)[^\s\"'?#]++"
)
# What follows the colon is a port, so no password.
_PORT = re.compile(r"\d{1,5}(?:[/?#,'\]]|\Z)")
_NO_PASSWORD = ("", "x-oauth-basic")  # the user of such a URL is the token
_SHORTEST_TOKEN = 16
_BEHIND = re.compile(r"(\b(?:(?i:bearer)|Basic)\s{1,8})[^\s\"',;]{4,}+")
_PASS = re.compile(r"(\bpass:)[^\s\"']++")
_KEY_BLOCK = re.compile(
    r"(?s)(-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY-----)"
    r".*?(?=-----END [A-Z0-9 ]{0,40}-----|\Z)"
)
_TOKEN = re.compile(
    r"\b(?:gh[pousr]_\w{20,}|github_pat_\w{20,}|gl(?:pat|rt|ptt|dt|ft|soat|cbt)-[\w-]{16,}"
    r"|xox[abeoprs]-[\w-]{10,}|xapp-[\w-]{10,}|sk-[\w-]{16,}|[rsp]k_(?:live|test)_\w{10,}"
    r"|whsec_\w{16,}|A[KS]IA[0-9A-Z]{16}|AIza[\w-]{30,}|ya29\.[\w-]{16,}|npm_\w{20,}"
    r"|pypi-[\w-]{16,}|tskey-[\w-]{8,}|hf_[A-Za-z0-9]{14,}|dckr_[a-z]{2,4}_[\w-]{10,}"
    r"|hvs\.[\w-]{16,}|dop_v1_\w{16,}|SG\.[\w-]{16,}\.[\w-]{16,}|AGE-SECRET-KEY-[\w-]{10,})"
    r"|(?<![\w-])eyJ[\w-]{8,}+\.[\w-]{8,}+(?:\.[\w-]*+)?"
)


def mask_text(text: str, *, is_script: bool = False) -> str:
    """The text with the secrets masked that it holds; in a script a semicolon ends any value.

    >>> mask_text("Server=db;Password=correct horse;Timeout=3")
    'Server=db;Password=***;Timeout=3'
    """
    text = _KEY_BLOCK.sub(rf"\1{MASK}", text)
    text = _URL.sub(_url, text)
    text = _LOGIN.sub(rf"\1{MASK}", text)
    text = _KEY_IN_PATH.sub(rf"\1{MASK}", text)
    text = _named(text, is_script=is_script)
    text = _BEHIND.sub(rf"\1{MASK}", text)
    text = _PASS.sub(rf"\1{MASK}", text)
    return _TOKEN.sub(MASK, text)


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
        if is_secret(found["name"]):
            scheme = _SCHEME.match(word, found.end())
            shown = scheme.end() if scheme and is_header(found["name"]) else found.end()
            return word[:shown] + MASK if len(word) > shown else word
        end = found.end()
    return None


def _named(text: str, *, is_script: bool) -> str:
    parts = []
    end = 0
    start = 0
    while found := _NAMED.search(text, start):
        start = found.end()
        if is_secret(found["name"]):
            shown, stop = _value(text, found, is_script=is_script)
            if stop > shown:
                parts += [text[end:shown], MASK]
                start = end = stop
    return "".join((*parts, text[end:]))


def _value(text: str, found: re.Match[str], *, is_script: bool) -> tuple[int, int]:
    """Where the value of a name starts and ends."""
    start = found.end()
    if quoted := _QUOTED.match(text, start):
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
    value = pattern.match(text, start)
    return start, value.end() if value else start


def _url(found: re.Match[str]) -> str:
    """A URL, or several with a comma between them, with its password masked."""
    scheme = found["scheme"]
    parts = []
    for part in found["rest"].split("://"):
        parts.append(_without_password(part, is_web=scheme.startswith("http")))
        scheme = "http" if part.endswith(("http", "https")) else ""
    return "://".join((found["scheme"], *parts))


def _without_password(part: str, *, is_web: bool) -> str:
    """What stands behind :// in a URL, its password masked; one with a slash in it, too."""
    host = re.match(r"[^/?#]*+", part)
    at = host[0].rfind("@") if host else -1
    if at < 0:
        at = part.rfind("@")
    user, colon, password = part[:at].partition(":")
    if at < 0 or re.search(r"[/?#]", user) or _PORT.match(password):
        return part
    if password in _NO_PASSWORD:
        is_token = (is_web or colon) and len(user) >= _SHORTEST_TOKEN
        return (MASK + colon + password if is_token else part[:at]) + part[at:]
    return f"{user}:{MASK}{part[at:]}"
