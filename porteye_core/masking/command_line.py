"""The words of a command line, each masked as the client and the word before it demand."""

import re
import shlex
from collections.abc import Iterator, Sequence

from porteye_core.masking.addresses import MASK
from porteye_core.masking.clients import UNKNOWN, Client, client_of
from porteye_core.masking.names import hides, is_secret, may_stand_alone, names_command
from porteye_core.masking.randomness import is_path
from porteye_core.masking.text import ECHOED, mask_assignment, mask_text
from porteye_core.masking.usage import FARTHEST, Place

_DEEPEST_SCRIPT = 3  # sh -c "sh -c '…'": beyond that only the text is searched
_MAX_CLIENTS = 32  # whose arguments are searched: no command line of a person names more
# What stands before a command, or before the command that another one starts.
_WRAPPER = re.compile(
    r"(?s)(?:\S{0,64}/)?(?:sudo|doas|env|exec|nice|nohup|timeout|setsid|stdbuf|time|command|xargs|npx"
    r"|strace|ionice|chroot|runuser|systemd-run|torsocks|proxychains4?)"
    r"|-.*+|\d++|\w++=.*+"
)
_FLAG = re.compile(r"(?:-{1,2}|\+)[\w.:-]++")
# Of clients that the table does not know: -u bob -p hunter2, in this order or the other, and
# login … -p hunter2. A port, a mapping of ports, a path and NAME=value are no passwords.
_USER_FLAG = re.compile(r"-u|-U|-au|-gu|-xu|--?user(?:[-_]?name)?|/u")
_PASSWORD_FLAG = re.compile(r"-p|-P|-ap|-gp|-xp|-pw|/p")
_NO_PASSWORD = re.compile(
    r"(?s)[\d.,:/x-]++|.*+(?<=[:/]\d)|[-+/~.*].*+|\w++=.*+|.*:\d{1,5}(?:/(?:tcp|udp))?"
    r"|[\w./-]++(?<=\.pid|\.log|\.cfg|\.ini|\.xml)|[\w./-]++(?<=\.conf|\.sock|\.json)"
)
# bob:Hunter2 behind -u, not user:group.
_LOGIN_FLAG = re.compile(r"-u|-U|--user")
_LOGIN = re.compile(r"([\w.@+-]++:)(?![/\d]|[a-z_][a-z0-9_-]*+\Z)[^\s:/]++")
_LABEL = re.compile(r"[\w.-]++:")
_SCHEME = re.compile(r"(?i:bearer)|Basic")
_RUNS = re.compile(r"-[a-z]{0,8}c")
_ORACLE = re.compile(
    r"(?s)(?P<shown>(?:userid=)?[\w$#\"]+/)(?P<secret>[^@/.]++|[^@]++(?=@))(?P<rest>.*+)"
)
# Where openssl may read a password: only behind pass: is it the password itself.
_SOURCE = re.compile(r"(?:file|env|fd):.*+|stdin", re.DOTALL)
_SOURCE_FLAGS = ("-pass", "-passin", "-passout")
# A word as a shell takes it; an open quotation mark reaches to the end, so that nothing is tried
# twice.
_SHELL_WORD = re.compile(r"(?s)(?:[^\s'\"\\;&|()]++|\\.?|'[^']*+'?|\"(?:[^\"\\]++|\\.?)*+\"?)++")
# echo hunter2 | sudo -S …: bounded, so that a long script of echoes is read in linear time.
_PIPED = re.compile(
    r"(\b(?:echo|printf)\s{1,8}(?:-\w{1,3}\s{1,8}){0,3})[^|\n]{1,256}"
    r"(?=\|[^|\n]{0,200}?(?:\s-S\b|-stdin\b|chpasswd|--with-token|passphrase-fd|\bcryptsetup\b"
    r"|\bkinit\b|\bpasswd\b|\bwg\s{1,4}(?:pubkey|set)|\bsmbpasswd\b|password_stdin|\bpassword-fd\b))"
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
    client = UNKNOWN
    places: dict[int, Place] = {}
    clients = 0
    is_first = True
    before = ""
    for position, word in enumerate(argv):
        named = client_of(word)
        if named is not None and (is_first or not named.first):
            client = named
            clients += 1
            if clients <= _MAX_CLIENTS:
                rest = argv[position + 1 : position + 1 + FARTHEST]
                places |= {position + 1 + at: place for at, place in client.places(rest)}
        if position in places:
            yield _placed(word, places[position])
        elif _is_set(argv, position) or _stands_beside_user(argv, position, client):
            yield MASK
        else:
            yield _behind(before, word, client, depth)
        is_first = is_first and bool(_WRAPPER.fullmatch(word))
        before = _without_switches(word, client)


def _behind(before: str, word: str, client: Client, depth: int) -> str:
    """A word as the word before it and the client demand."""
    if before in client.public_of or (before in _SOURCE_FLAGS and _SOURCE.fullmatch(word)):
        return word
    if before in client.second_part_of:
        return _second_part(word) or _word(word, client, depth)
    if _takes_secret(before, word, client):
        return "pass:" + MASK if word.startswith("pass:") else MASK
    login = _LOGIN_FLAG.fullmatch(before) and _LOGIN.fullmatch(word)
    if shown := login or (names_command(before) and ECHOED.fullmatch(word)):
        return shown[1] + MASK
    if before in client.programs or (client.shell and _RUNS.fullmatch(before)):
        return _program(word, client, depth)
    return _word(word, client, depth)


def _placed(word: str, place: Place) -> str:
    """A word that is a secret because of its place among the arguments."""
    if place.second_part:
        return word[: place.shown] + (_second_part(word[place.shown :]) or word[place.shown :])
    return word[: place.shown] + MASK


def _takes_secret(before: str, word: str, client: Client) -> bool:
    """Tell if this word is the secret that the word before it announces."""
    is_flag = word.startswith("-")
    if before in client.value_of:
        return not (client.prompts and is_flag)
    if before in client.key_of:
        return not is_path(word)
    if _FLAG.fullmatch(before):
        # A password may begin with a dash, but behind a switch stands the next flag.
        return hides(before, word) and not (is_flag and may_stand_alone(before))
    if _LABEL.fullmatch(before):  # a title that was split at its blanks, or a sentence
        is_said = before == "auth:" and word.isalpha() and word.islower()
        return hides(before[:-1], word) and not is_said and not _SCHEME.fullmatch(word)
    return bool(_SCHEME.fullmatch(before)) and not is_flag


def _is_set(argv: Sequence[str], position: int) -> bool:
    """Tell if this is the value in `config set NAME VALUE`."""
    if position < 2 or argv[position - 2] not in ("set", "SET", "/set"):
        return False
    name = argv[position - 1]
    return name[:1] != "-" and is_secret(name)


def _stands_beside_user(argv: Sequence[str], position: int, client: Client) -> bool:
    """Tell if this is the password in `-u bob -p hunter2`, or in `login … -p hunter2`."""
    flag, word = argv[position - 1] if position else "", argv[position]
    # python -u script -p …: the -u of an interpreter names nobody.
    if not _PASSWORD_FLAG.fullmatch(flag) or flag in client.public_of or client.programs:
        return False
    if _NO_PASSWORD.fullmatch(word):
        return False
    before = position > 2 and _USER_FLAG.fullmatch(argv[position - 3])
    behind = position + 2 < len(argv) and _USER_FLAG.fullmatch(argv[position + 1])
    is_user = bool(before and argv[position - 2][:1] != "-")
    is_user = is_user or bool(behind and argv[position + 2][:1] != "-")
    return is_user or "login" in argv[max(position - 8, 0) : position]


def _second_part(word: str) -> str | None:
    """Of `user:password`, `user%password` and the like the second part masked."""
    match = re.fullmatch(r"(?s)([^:%=,]*+[:%=,]).+", word)
    return match[1] + MASK if match else None


def _word(word: str, client: Client, depth: int) -> str:
    word = _shaped(word, client)
    masked = _joined(word, client) or mask_assignment(word)
    if masked is not None:
        return masked
    masked = mask_text(word)
    return _script(masked, depth) if any(map(str.isspace, masked)) else masked


def _without_switches(word: str, client: Client) -> str:
    """A flag without the switches that stand in the same word: -u of -su."""
    if not client.switches or word[:1] != "-" or word[1:2] == "-":
        return word
    return "-" + word[1:-1].lstrip(client.switches) + word[-1]


def _joined(word: str, client: Client) -> str | None:
    """A flag and its value in one word, as in -phunter2 and --user=bob:hunter2."""
    if word[:1] not in ("-", "/") or word in client.value_of:
        return None
    for flag in client.public_of:
        if word.startswith(flag + "="):
            return word
    for flag in (*client.value_of, *client.second_part_of):
        is_long = flag.startswith("--") or client.long_flags or len(flag) > 3
        head = flag if flag.endswith(":") or not is_long else flag + "="
        if not word.startswith(head) or word == head or (not is_long and word[1] == "-"):
            continue
        rest = word[len(head) :]
        secret = MASK if flag in client.value_of else _second_part(rest)
        return None if secret is None else head + secret
    return None


def _shaped(word: str, client: Client) -> str:
    """A word with the secret masked that the client takes in it, as in h=db,u=root,p=hunter2."""
    if client.oracle_login and (login := _ORACLE.fullmatch(word)):
        return login["shown"] + MASK + login["rest"]
    for pattern in client.patterns:
        if found := pattern.search(word):
            return word[: found.start(1)] + MASK + word[found.end(1) :]
    return word


def _program(text: str, client: Client, depth: int) -> str:
    """The program behind -c; a shell's is unquoted first, lest a mask end within a quotation."""
    if client.shell:
        return mask_text(_script(text, depth), is_script=True)
    return _script(mask_text(text, is_script=True), depth)


def _script(text: str, depth: int) -> str:
    """A word that is a command line itself, as `sh -c` takes it."""
    if depth >= _DEEPEST_SCRIPT:
        return text
    text = _PIPED.sub(rf"\1{MASK} ", text)
    parts = []
    end = 0
    for command in _commands(text):
        words = [_unquoted(each[0]) for each in command]
        for each, word, masked in zip(command, words, _masked(words, depth + 1), strict=True):
            if word != masked:
                parts += [text[end : each.start()], _quoted(masked)]
                end = each.end()
    return "".join((*parts, text[end:]))


def _commands(text: str) -> Iterator[list[re.Match[str]]]:
    """The words of each command of a script."""
    command: list[re.Match[str]] = []
    for word in _SHELL_WORD.finditer(text):
        if command and not text[command[-1].end() : word.start()].isspace():
            yield command
            command = []
        command.append(word)
    yield command


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
