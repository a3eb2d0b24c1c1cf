"""Words that look drawn at random, and words that look like paths: the last net for secrets.

A token of base 62 changes between capitals, small letters and digits at 62 of 100 places; words
that people write, even in camel case, at 40 or fewer. What is harmless and random is written in
fewer alphabets: digests and commits in hexadecimal, UUIDs, names of pods and containers in small
letters and digits, ULIDs in capitals and digits.
"""

import re
from itertools import pairwise

_SHORTEST_RUN = 16  # of letters and digits, in a word of base 64 that - and _ part
_LEAST_CHANGES = 0.45
_LEAST_CHANGES_IN_WORDS = 0.58  # where small letters stand together, or a lone digit
_LETTERS_OF_A_WORD = re.compile(r"[a-z]{6}")
_RUN = re.compile(r"[A-Za-z0-9]{16,}+")
# The word ends where it ends: a part of a path, of a dotted name or of an image is none. What
# stands behind :// is the URL's to judge; an image, a digest and a public key are no secrets.
_CANDIDATE = re.compile(
    r"(?:://|\bAAAA[A-Z]\d?(?:NzaC1|VjZHNh)|\bdata:|\bsha\d{1,3}[-:]|\bSHA256:)\S*+"
    r"|(?<![\w+/.:@\\~%-])(?P<word>[A-Za-z0-9](?:[A-Za-z0-9_-]{23,}+|[A-Za-z0-9+/]{20,}+)={0,2})"
    r"(?![\w+/.:@\\~%-])"
)
_ROOT = re.compile(
    r"(?:/(?:etc|run|var|home|root|srv|opt|usr|tmp|mnt|media|dev|proc|data|app|config|certs?|keys?"
    r"|secrets|nix|snap|lib|tls|ssl|pki|vault|workspace|builds|Users)/"
    r"|~/|\.{1,2}/|\$\{?\w+\}?/|[A-Za-z]:\\|file:)"
)
_ABSOLUTE = re.compile(r"(?:/[\w.@+:-]{1,64}){2,32}/?")
_KEY_FILE = re.compile(
    r"[\w./@+-]{1,200}\.(?:pem|key|crt|cer|der|p12|pfx|jks|json|ya?ml|txt|pub|file|conf|asc|gpg)"
)
_SHORTEST_TOKEN = 8
LONGEST_TOKEN = 512
_LONGEST_PATH = 4096  # PATH_MAX of Linux
_TOKEN_PART = re.compile(r"[A-Za-z0-9]{8,}+")
_TOKEN = re.compile(r"(?:base64:|s:|mkey:|\d/)?[\w+=~!$%^&*-]{8,}+")
_MARK = re.compile(r"[^A-Za-z0-9]")
_HEX = re.compile(r"(?:0x)?[0-9a-fA-F]*")
# The number of a key of OpenPGP, or its fingerprint.
_KEY_NUMBER = re.compile(r"(?:0x)?(?:[0-9A-F]{8}|[0-9A-F]{16}|[0-9A-F]{40})!?")
_PLAIN_WORD = re.compile(r"[A-Za-z]{0,32}[-_]?(?:v?\d{1,4})?")


def random_words(text: str) -> list[tuple[int, int]]:
    """The places of words that look drawn at random.

    >>> random_words("app Xk29sLmQ0aPlv1SiskN7tWq3ErB 0ee08df0cf4527e40edc9aa28f4b5bd38bbff2b2")
    [(4, 31)]
    """
    if len(text) < _SHORTEST_RUN:
        return []
    return [
        found.span("word")
        for found in _CANDIDATE.finditer(text)
        if found["word"] and is_random(found["word"])
    ]


def is_random(word: str) -> bool:
    """Tell if a word of base 62 or 64 looks drawn at random."""
    if _HEX.fullmatch(word):
        return False
    letters = _MARK.sub("", word)
    if word.endswith("=") or "+" in word or len(word) - len(letters) <= len(word) / 12:
        return _changes_much(letters)
    return any(_changes_much(run) for run in _RUN.findall(word))


def is_path(value: str) -> bool:
    """Tell if a value is the path of a file, as the key of a server has it.

    >>> is_path("/etc/ssl/key.pem"), is_path("client.key"), is_path("/8Zx1hunter2")
    (True, True, False)
    """
    if len(value) > _LONGEST_PATH or any(map(str.isspace, value)):
        return False
    if any(map(is_random, _RUN.findall(value))):
        return False
    return bool(_ROOT.match(value) or _ABSOLUTE.fullmatch(value) or _KEY_FILE.fullmatch(value))


def is_token(value: str) -> bool:
    """Tell if a value of a name like `key` or `code` is a token and no word.

    >>> is_token("user_id2"), is_token("id_ed25519"), is_token("4f1c0e9a8b7d"), is_token("404")
    (False, False, True, False)
    """
    if not _SHORTEST_TOKEN <= len(value) <= LONGEST_TOKEN or not _TOKEN.fullmatch(value):
        return False
    if _PLAIN_WORD.fullmatch(value) or _KEY_NUMBER.fullmatch(value):
        return False
    return any(_mixes(part) for part in _TOKEN_PART.findall(value))


def _mixes(part: str) -> bool:
    """Tell if letters and digits alternate as no word with a number behind it has them."""
    return not part.isalpha() and not part.isdigit() and not _PLAIN_WORD.fullmatch(part)


def _changes_much(word: str) -> bool:
    kinds = ["d" if c.isdigit() else "u" if c.isupper() else "l" for c in word]
    if len(word) < _SHORTEST_RUN or len(set(kinds)) < 3:
        return False
    changes = sum(one != two for one, two in pairwise(kinds))
    has_words = kinds.count("d") < 2 or _LETTERS_OF_A_WORD.search(word)
    least = _LEAST_CHANGES_IN_WORDS if has_words else _LEAST_CHANGES
    return changes >= least * (len(word) - 1)
