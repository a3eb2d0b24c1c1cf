"""Secrets in command lines, masked before anything is stored.

It knows secrets by the name they are given to, by the client whose flag takes one, by their place
in a URL or a header, and by the shape of well-known tokens. A false mask hides a harmless word; a
missed one shows a password to everybody who may read the history, so doubt masks.
"""

import re
import shlex
from collections.abc import Iterator, Sequence

from porteye_core.owner.mask_clients import Flags
from porteye_core.owner.mask_names import is_secret, may_stand_alone
from porteye_core.owner.mask_places import oracle_login
from porteye_core.owner.mask_text import MASK, mask_assignment, mask_text

__all__ = ["MASK", "mask"]

_DEEPEST_SCRIPT = 3  # sh -c "sh -c '…'": beyond that only the text is searched
_FLAG = re.compile(r"-{1,2}[\w.-]++")
_LABEL = re.compile(r"[\w.-]++:")
_SCHEME = re.compile(r"(?i:bearer)|Basic")
_RUNS = re.compile(r"-[a-z]{0,8}c")
# Where openssl may read a password: only behind pass: is it the password itself.
_SOURCE = re.compile(r"(?:file|env|fd):.*+|stdin", re.DOTALL)
_SOURCE_FLAGS = ("-pass", "-passin", "-passout")
# A word as a shell takes it; an open quotation mark reaches to the end, so that nothing is tried
# twice.
_SHELL_WORD = re.compile(r"(?s)(?:[^\s'\"\\;&|()]++|\\.?|'[^']*+'?|\"(?:[^\"\\]++|\\.?)*+\"?)++")
# echo hunter2 | sudo -S …: bounded, so that a long script of echoes is read in linear time.
_PIPED = re.compile(
    r"(\b(?:echo|printf)\s{1,8}(?:-\w{1,3}\s{1,8}){0,3})[^|\n]{1,256}"
    r"(?=\|[^|\n]{0,200}?(?:\s-S\b|-stdin\b|chpasswd|--with-token|passphrase-fd))"
)
_PIECE = re.compile(r"(?s)'([^']*+)'?|\"((?:[^\"\\]++|\\.?)*+)\"?|\\(.?)")
_ESCAPED = re.compile(r"(?s)\\([\"\\$`])")


def mask(argv: Sequence[str]) -> list[str]:
    """The same words with every secret replaced by ***.

    >>> mask(["mysql", "-uroot", "-phunter2"])
    ['mysql', '-uroot', '-p***']
    """
    return list(_masked(argv, 0))


def _masked(argv: Sequence[str], depth: int) -> Iterator[str]:
    flags = Flags()
    before = ""
    for position, word in enumerate(argv):
        flags = flags.at(argv, position)
        if position in flags.places:
            yield MASK
        elif login := oracle_login(flags.client, word):
            yield MASK.join(login)
        elif before in flags.second_part:
            yield _second_part(word) or _word(word, flags, depth)
        elif before in _SOURCE_FLAGS and _SOURCE.fullmatch(word):
            yield word
        elif _takes_secret(before, word, flags) or _is_set(argv, position):
            yield "pass:" + MASK if word.startswith("pass:") else MASK
        elif flags.runs_text and _RUNS.fullmatch(before):
            yield _program(word, flags, depth)
        else:
            yield _word(word, flags, depth)
        before = word


def _takes_secret(before: str, word: str, flags: Flags) -> bool:
    """Whether this word is the secret that the word before it announces."""
    is_flag = word.startswith("-")
    if before in flags.whole:
        return not (flags.prompts and is_flag)
    if _FLAG.fullmatch(before):
        # A password may begin with a dash, but behind a switch stands the next flag.
        return is_secret(before) and not (is_flag and may_stand_alone(before))
    if _LABEL.fullmatch(before):  # a title that was split at its blanks
        return is_secret(before[:-1]) and not _SCHEME.fullmatch(word)
    return bool(_SCHEME.fullmatch(before)) and not is_flag


def _is_set(argv: Sequence[str], position: int) -> bool:
    """Whether this is the value in `config set NAME VALUE`."""
    return position > 1 and argv[position - 2] == "set" and is_secret(argv[position - 1])


def _second_part(word: str) -> str | None:
    """Of `user:password`, `user%password` and the like the second part masked."""
    match = re.fullmatch(r"(?s)([^:%=,]*+[:%=,]).+", word)
    return match[1] + MASK if match else None


def _word(word: str, flags: Flags, depth: int) -> str:
    masked = _joined(word, flags) or mask_assignment(word)
    if masked is not None:
        return masked
    masked = mask_text(word)
    return _script(masked, depth) if any(map(str.isspace, masked)) else masked


def _joined(word: str, flags: Flags) -> str | None:
    """A flag and its secret in one word, as in -phunter2 and --user=bob:hunter2."""
    if word in flags.whole or not (flags.joins and word[:1] in ("-", "/")):
        return None
    for flag in (*flags.whole, *flags.second_part):
        head = flag + "=" if flag.startswith("--") else flag
        if word.startswith(head) and word != head and (head != flag or word[1] != "-"):
            rest = word[len(head) :]
            secret = MASK if flag in flags.whole else _second_part(rest)
            return None if secret is None else head + secret
    return None


def _program(text: str, flags: Flags, depth: int) -> str:
    """The program behind -c; a shell's is unquoted first, lest a mask end within a quotation."""
    if flags.is_shell:
        return mask_text(_script(text, depth), is_script=True)
    return _script(mask_text(text, is_script=True), depth)


def _script(text: str, depth: int) -> str:
    """A word that is a command line itself, as `sh -c` takes it."""
    if depth >= _DEEPEST_SCRIPT:
        return text
    text = _PIPED.sub(rf"\1{MASK} ", text)
    found = list(_SHELL_WORD.finditer(text))
    words = [_unquoted(each[0]) for each in found]
    parts = []
    end = 0
    for each, word, masked in zip(found, words, _masked(words, depth + 1), strict=True):
        if word != masked:
            parts += [text[end : each.start()], _quoted(masked)]
            end = each.end()
    return "".join((*parts, text[end:]))


def _unquoted(word: str) -> str:
    return _PIECE.sub(_inner, word)


def _inner(piece: re.Match[str]) -> str:
    if piece[2] is not None:
        return _ESCAPED.sub(r"\1", piece[2])
    return piece[1] if piece[1] is not None else piece[3]


def _quoted(word: str) -> str:
    """The word as a shell would take it; the stars of a mask need no quotes to be read."""
    plain = word.replace(MASK, "")
    return word if not plain or shlex.quote(plain) == plain else shlex.quote(word)
