"""Words for how much of an answer a table shows; pure."""

from collections.abc import Sized

from porteye_core.filters import MAX_RECORDS


def shown_of(found: Sized, limit: int, row: str, rows: str = "") -> str:
    """The number of rows that were found, and how many the record limit shows.

    >>> shown_of(range(3), 100, "service"), shown_of(range(300), 100, "service")
    ('3 services.', 'The first 100 of 300 services.')
    >>> shown_of(range(MAX_RECORDS), 100, "service")
    'The first 100 of 10,000 services or more.'
    """
    count = len(found)
    name = row if count == 1 else rows or f"{row}s"
    if count <= limit and count < MAX_RECORDS:
        return f"{count:,} {name}."
    more = " or more" if count >= MAX_RECORDS else ""
    return f"The first {min(limit, count):,} of {count:,} {name}{more}."
