"""Names and patterns of hosts, as people write them into a filter or a file; pure."""

from fnmatch import fnmatchcase

from porteye_core.errors import FilterError

MAX_PATTERNS = 100
# The longest name of a host, as the DNS takes it.
MAX_LENGTH = 253

Patterns = tuple[str, ...]


def parse(text: str, field: str = "hosts") -> Patterns:
    """Parse names and patterns, separated by commas; raises FilterError.

    field: the filter or key that an error names. In a pattern * stands for any text, ? for a
    character, and [a-c] for one of these.

    >>> parse("Web*, db1")
    ('web*', 'db1')
    """
    found = tuple(dict.fromkeys(_pattern(part, field) for part in text.split(",") if part.strip()))
    if len(found) > MAX_PATTERNS:
        raise FilterError(
            field, f"More than {MAX_PATTERNS} names and patterns of hosts.", "Use wider patterns."
        )
    return found


def matches(patterns: Patterns, name: str) -> bool:
    """Tell whether parsed patterns mean a host of this name, in any case; none mean every host.

    >>> matches(parse("web*, db1"), "WEB3"), matches(parse("web*, db1"), "db12")
    (True, False)
    """
    folded = name.casefold()
    return not patterns or any(fnmatchcase(folded, each) for each in patterns)


def _pattern(part: str, field: str) -> str:
    text = part.strip()
    if not text.isprintable():
        raise FilterError(field, "The name of a host has a control character.", "Remove it.")
    if len(text) > MAX_LENGTH:
        raise FilterError(
            field, f"The name of a host has {len(text)} characters.", f"Use at most {MAX_LENGTH}."
        )
    if _is_unclosed(text):
        raise FilterError(
            field,
            f"“{text[:40]}” opens a bracket and does not close it.",
            "Write one of several characters without commas, like web[12].",
        )
    return text.casefold()


def _is_unclosed(text: str) -> bool:
    """Tell whether a bracket opens that nothing closes, which fnmatch takes for a letter.

    >>> [_is_unclosed(text) for text in ("a[12]", "a[]]", "a[", "a[]", "a[!]", "a]")]
    [False, False, True, True, True, False]
    """
    place = text.find("[")
    while place >= 0:
        first = place + 1 + text[place + 1 :].startswith("!")
        end = text.find("]", first + 1)  # the first character is no end
        if end < 0:
            return True
        place = text.find("[", end)
    return False
