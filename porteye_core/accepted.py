"""Content that a client accepts (RFC 9110, section 12.5); pure."""

from collections.abc import Iterator
from typing import NamedTuple


class Accepted(NamedTuple):
    """A value of Accept or Accept-Encoding, in lower case, with its parameters and weight."""

    value: str
    parameters: dict[str, str]
    weight: float


def accepted(header: str) -> Iterator[Accepted]:
    """The values of a header; what has no valid weight counts as refused.

    >>> [each.weight for each in accepted("text/plain;version=0.0.4;q=0.5, */*")]
    [0.5, 1.0]
    """
    for part in header.lower().split(","):
        value, *pairs = (piece.strip() for piece in part.split(";"))
        if value:
            split = (pair.partition("=") for pair in pairs)
            parameters = {name.strip(): text.strip(' "') for name, _, text in split}
            yield Accepted(value, parameters, _weight(parameters.pop("q", "1")))


def _weight(text: str) -> float:
    try:
        found = float(text)
    except ValueError:
        return 0.0
    return found if 0 <= found <= 1 else 0.0


def accepts_gzip(header: str) -> bool:
    """Tell that an Accept-Encoding names gzip and does not refuse it."""
    for each in accepted(header):
        if each.value in ("gzip", "x-gzip"):
            return each.weight > 0
    return False
