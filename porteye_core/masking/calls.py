"""Secrets in the text of programs: arguments of calls, statements of SQL, dialogues of expect."""

import re
import tomllib
from pathlib import Path

TABLE = Path(__file__).with_name("calls.toml")
_MAX_ARGUMENTS = 8
_ARGUMENT = re.compile(
    r"\s{0,8}(?:[bBrRuUN]{0,2}(?P<string>\"(?:[^\"\\]++|\\.?)*+\"?|'(?:[^'\\]++|\\.?)*+'?)\s{0,8}"
    r"|(?:\{[^{}]{0,512}\}|\[[^\[\]]{0,512}\]|[^,()'\"{}\[\]\s]{1,128}|\s{1,8}){0,8}+)"
)
_STRING = r"N?(?P<quote>[\"'])(?P<secret>(?:(?!(?P=quote))[^\\]|\\.?)*+)"
_STATEMENT = re.compile(
    r"(?is)\b(?:identified(?:\s{1,8}with\s{1,8}\w{1,64})?\s{1,8}by|password(?:\s{1,8}from)?"
    r"|passphrase|pragma\s{1,8}(?:re)?key|convertto-securestring(?:\s{1,8}-string)?)"
    rf"(?:\s{{0,8}}=\s{{0,8}}|\s{{1,8}}){_STRING}"
)
_CHANGED = re.compile(
    rf"(?is)\bpassword\s{{1,8}}from\s{{1,8}}\S{{1,64}}\s{{1,8}}to\s{{1,8}}{_STRING}"
)
_SENT = re.compile(
    r"(?i)(?:assword|assphrase)[^;\n]{0,64}[;\n]\s{0,8}(?:exp_)?send\s{1,8}(?:--\s{1,8})?"
    r"[\"{](?P<secret>[^\"}\\]++)"
)
# requests.get(…, auth=("bob", "…")), define("DB_PASSWORD", "…") and setdefault("SECRET_KEY", "…")
_PAIR = re.compile(
    r"\bauth\s{0,4}=\s{0,4}\(\s{0,4}(?:'[^']{0,256}'|\"[^\"]{0,256}\"|[\w.]{1,64}),\s{0,4}"
    r"b?(?P<quote>[\"'])(?P<secret>[^\"']++)"
)
_SET = re.compile(
    r"\(\s{0,4}(?P<around>[\"'])(?P<name>[\w.-]{1,64})(?P=around)\s{0,4},\s{0,4}"
    r"(?P<quote>[\"'])(?P<secret>(?:(?!(?P=quote))[^\\]|\\.?)++)"
)


def _load() -> dict[str, int]:
    entries = tomllib.loads(TABLE.read_text("utf-8"))["call"]
    return {name.lower(): entry["argument"] for entry in entries for name in entry["names"]}


_ARGUMENT_OF = _load()
# The name of a function or method, and the object or module that it belongs to.
_CALL = re.compile(r"(?<!\w)(?:(?P<owner>\w{1,32})(?:\.|::))?(?P<name>\w{1,48}+)\s{0,4}\(")


def secret_spans(text: str) -> list[tuple[int, int]]:
    """The places of secrets in the text of a program or a statement of SQL."""
    if "'" not in text and '"' not in text:
        return []
    spans = [
        found.span("secret")
        for pattern in (_STATEMENT, _CHANGED, _SENT, _PAIR)
        for found in pattern.finditer(text)
    ]
    if "(" in text:
        spans += [span for found in _CALL.finditer(text) for span in _call(text, found)]
    return spans


def assignments(text: str) -> list[tuple[str, str, tuple[int, int]]]:
    """Names and values of calls that set something, and the places of the values."""
    if "(" not in text:
        return []
    return [(found["name"], found["secret"], found.span("secret")) for found in _SET.finditer(text)]


def _call(text: str, call: re.Match[str]) -> list[tuple[int, int]]:
    """The place of the secret in this call, if its function takes one."""
    name = call["name"].lower()
    wanted = _ARGUMENT_OF.get(f"{call['owner']}.{name}".lower(), _ARGUMENT_OF.get(name))
    if wanted is None:
        return []
    strings = _strings(text, call.end())
    if not -len(strings) <= wanted < len(strings):
        return []
    span = strings[wanted]
    return [span] if span and span[0] < span[1] else []


def _strings(text: str, at: int) -> list[tuple[int, int] | None]:
    """The places of the arguments from here on, without quotation marks; None for no string."""
    strings: list[tuple[int, int] | None] = []
    for _ in range(_MAX_ARGUMENTS):
        found = _ARGUMENT.match(text, at)
        if not found:
            break
        string = found["string"]
        if string is None:
            strings.append(None)
        else:
            start, end = found.span("string")
            strings.append((start + 1, end - (len(string) > 1 and string[-1] == string[0])))
        at = found.end()
        if text[at : at + 1] != ",":
            break
        at += 1
    return strings
