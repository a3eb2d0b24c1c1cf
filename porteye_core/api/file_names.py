"""Names of the files that the API sends: contents, filters and times, in ASCII that every file
system takes."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime

from porteye_core.filters import parameters
from porteye_core.model import Filters
from porteye_core.store.reading import Form

_LONGEST_PART = 40  # characters of one filter: file systems take 255 of a name
_LONGEST = 200
_BARE = ("process", "protocol", "kind")  # filters whose value needs no name before it
_TIMES = ("since", "until")
_DAY_US = 86_400_000_000


def file_name(
    what: str, form: Form, filters: Filters, *times: int | None, hosts: Sequence[str] = ()
) -> str:
    """Return the name of a file of `what`, made by these filters; times: a moment or the two ends
    of a range, whose first may be open; hosts: names and patterns.

    >>> at = 1_795_417_380_000_000
    >>> file_name("history", Form.CSV, Filters(process="node"), at - 7 * _DAY_US, at)
    'porteye-history-node-2026-11-16-to-23.csv'
    """
    said = {"host": ",".join(hosts), **parameters(filters)}
    words = [_word(name, text) for name, text in said.items() if text and name not in _TIMES]
    stem = "-".join(filter(None, ("porteye", what, *words)))
    return f"{stem[:_LONGEST].rstrip('-,.')}-{_range(*times)}.{form}"


def _word(name: str, text: str) -> str:
    plain = re.sub(r"[^A-Za-z0-9.,]+", "-", text).strip("-.,")
    if name == "port" and len(plain) > _LONGEST_PART:
        plain = f"{plain.count(',') + 1}-ranges"
    plain = plain[:_LONGEST_PART].rstrip("-.,")
    return plain if name in _BARE else f"{name}-{plain}".rstrip("-")


def _range(*times: int | None) -> str:
    """The times in UTC: of a range of a day and more its days, else days and minutes."""
    first, last = times[0], times[-1]
    if last is None:
        return "all"
    is_long = len(times) > 1 and (first is None or last - first >= _DAY_US)
    end = _parts(last, is_day=is_long)
    if len(times) == 1:
        return "-".join(end)
    if first is None:
        return "-".join(("to", *end))
    begin = _parts(first, is_day=is_long)
    shared = 0
    while shared < len(end) - 1 and begin[shared] == end[shared]:
        shared += 1
    return "-".join((*begin, "to", *end[shared:]))


def _parts(micros: int, *, is_day: bool) -> tuple[str, ...]:
    at = datetime.fromtimestamp(micros // 1_000_000, UTC)
    day = f"{at:%Y}", f"{at:%m}", f"{at:%d}"
    return day if is_day else (*day, f"{at:%H%M%S}Z" if at.second else f"{at:%H%M}Z")
