"""Secrets in command lines, masked before anything is stored.

It knows secrets by the name they are given to, by the client whose flag takes one, by their place
in a URL or a header, and by the shape of well-known tokens. A false mask hides a harmless word; a
missed one shows a password to everybody who may read the history, so doubt masks.
"""

import re
import shlex
from collections.abc import Iterator, Sequence
from pathlib import PurePath
from typing import NamedTuple

MASK = "***"

_NAME = (
    r"(?:[\w.-]*[_.-])?(?:\w*(?:password|passwd|passphrase|secret|token)|pass(?:wrd|code)?|\w*pwd"
    r"|secrets|api[_-]?key"
    r"|access[_-]?key(?:[_-]?id)?|secret[_-]?key|private[_-]?key|credentials?|auth|authorization"
    r"|client[_-]?secret|encryption[_-]?key|signing[_-]?key|account[_-]?key|sas|pat|bearer"
    r"|requirepass|masterauth|userpass|passin|passout|cookie|connection[_-]?string)"
)
_CAMEL = r"[\w.-]*(?:Password|Passwd|Secret|Token|ApiKey|AccessKey|PrivateKey)"
_ASSIGNED = re.compile(
    rf"(?P<head>(?<![\w])(?:(?i:--?{_NAME}|{_NAME})|--?{_CAMEL}|{_CAMEL})\s*=\s*)"
    r"(?P<value>\"[^\"]*\"|'[^']*'|[^\s;&,]+)"
)
_TAKES_NEXT = re.compile(rf"(?:(?i:--?{_NAME})|--?{_CAMEL})")
_URL = re.compile(r"(?P<head>[a-zA-Z][\w+.-]*://[^\s/@:]*:)(?P<value>[^\s/]+)(?=@)")
_URL_TOKEN = re.compile(r"(?P<head>https?://)(?P<value>[^\s/@:]{16,})(?=@)")
_HEADER = re.compile(
    r"(?i)(?P<head>(?:proxy-)?authorization\s*:\s*(?:(?:bearer|basic|token|digest|apikey)\s+)?"
    r"|\b(?:bearer|basic)\s+|(?:x-[\w-]*(?:key|token|secret|auth)|cookie|private-token)\s*:\s*)"
    r"(?P<value>(?!\*\*\*)[^\s\"']{4,}[^\"']*)"
)
_JSON = re.compile(rf"(?i)(?P<head>[\"']{_NAME}[\"']\s*:\s*[\"'])(?P<value>[^\"']+)")
_TOKENS = re.compile(
    r"(?P<head>)(?P<value>\b(?:gh[pousr]_\w{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}|xox[abprs]-[\w-]{10,}"
    r"|sk-[\w-]{16,}|AKIA[0-9A-Z]{16}|AIza[\w-]{30,}|npm_\w{20,}|eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*))"
)
_IN_TEXT = (_HEADER, _JSON, _URL, _URL_TOKEN, _ASSIGNED, _TOKENS)

# Flags that carry a secret for one client only: -p is a port to many others.
_WHOLE = {
    ("mysql", "mariadb", "mysqldump", "mysqladmin", "mariadb-dump", "mariadb-admin"): ("-p",),
    ("mongo", "mongosh", "mongodump", "mongorestore", "mongoexport", "mongoimport"): ("-p",),
    ("sshpass", "7z", "7za", "7zr", "unrar", "rar"): ("-p",),
    ("docker", "podman", "nerdctl", "helm", "oc", "az"): ("-p",),
    ("redis-cli", "redis-benchmark"): ("-a",),
    ("ldapsearch", "ldapadd", "ldapmodify", "ldapwhoami", "ldapdelete"): ("-w",),
    ("sqlcmd", "bcp", "osql", "isql", "mosquitto_pub", "mosquitto_sub", "zip", "unzip"): ("-P",),
    ("ipmitool", "xfreerdp", "rdesktop"): ("-P", "-p"),
    ("influx", "cqlsh", "clickhouse-client"): ("-p", "-password"),
}
# Flags whose value is user:password or user%password: the user stays readable.
_SECOND_PART = {
    ("curl", "wget", "http", "https"): ("-u", "--user", "-a", "--auth", "-U", "--proxy-user"),
    ("smbclient", "rpcclient", "net"): ("-U", "--user"),
}
# The -p of these is a port or a project unless this subcommand stands behind the client's name.
_SUBCOMMAND = dict.fromkeys(("docker", "podman", "nerdctl", "helm", "oc", "az"), "login")


def _by_client(flags: dict[tuple[str, ...], tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    return {client: each for clients, each in flags.items() for client in clients}


_WHOLE_OF = _by_client(_WHOLE)
_SECOND_PART_OF = _by_client(_SECOND_PART)


class _Flags(NamedTuple):
    """The flags of the client whose words are being read."""

    whole: tuple[str, ...] = ()
    second_part: tuple[str, ...] = ()

    def of(self, word: str, rest: Sequence[str]) -> "_Flags":
        """The flags that hold from this word on: others if the word names a client."""
        client = PurePath(word.replace("\\", "/")).name.removesuffix(".exe")
        if word.startswith("-") or client not in {*_WHOLE_OF, *_SECOND_PART_OF}:
            return self
        if client in _SUBCOMMAND and _SUBCOMMAND[client] not in rest:
            return _Flags()
        return _Flags(_WHOLE_OF.get(client, ()), _SECOND_PART_OF.get(client, ()))


def mask(argv: Sequence[str]) -> list[str]:
    """The same words with every secret replaced by ***.

    >>> mask(["mysql", "-uroot", "-phunter2"])
    ['mysql', '-uroot', '-p***']
    """
    return list(_masked(argv))


def _masked(argv: Sequence[str]) -> Iterator[str]:
    flags = _Flags()
    before = ""
    for position, word in enumerate(argv):
        flags = flags.of(word, argv[position:])
        if before in flags.second_part:
            yield _second_part(word)
        elif _takes_secret(before, flags) and not word.startswith("--"):
            yield MASK
        else:
            yield _word(word, flags)
        before = word


def _takes_secret(flag: str, flags: _Flags) -> bool:
    return flag in flags.whole or bool(_TAKES_NEXT.fullmatch(flag))


def _second_part(word: str) -> str:
    """Of `user:password` and `user%password` the second part masked."""
    match = re.fullmatch(r"([^:%]*[:%]).+", word)
    return match[1] + MASK if match else word


def _word(word: str, flags: _Flags) -> str:
    for flag in (*flags.whole, *flags.second_part):
        if word.startswith(flag) and word != flag and not word.startswith("--"):
            rest = word[len(flag) :]
            return flag + (MASK if flag in flags.whole else _second_part(rest))
    if any(character.isspace() for character in word):
        word = _shell_text(word)
    for pattern in _IN_TEXT:
        word = pattern.sub(rf"\g<head>{MASK}", word)
    return word


def _shell_text(text: str) -> str:
    """A word that is a command line itself, as `sh -c` takes it."""
    try:
        words = shlex.split(text)
    except ValueError:  # an open quotation mark: only the patterns can help
        return text
    if len(words) < 2:
        return text
    for word, masked in zip(words, mask(words), strict=True):
        if word != masked:
            # A word that was quoted in pieces is not in the text as it is: join it all anew.
            if word not in text:
                return shlex.join(mask(words))
            text = text.replace(word, masked)
    return text
