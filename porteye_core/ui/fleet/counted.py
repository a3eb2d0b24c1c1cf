"""Words for how much of an answer a table shows; pure."""


def shown_of(count: int, limit: int, row: str) -> str:
    """The number of rows that there are, and how many of them the record limit shows.

    >>> shown_of(1, 100, "host"), shown_of(300, 100, "service")
    ('1 host.', 'The first 100 of 300 services.')
    """
    if count <= limit:
        return f"{count:,} {row}{'' if count == 1 else 's'}."
    return f"The first {limit:,} of {count:,} {row}s."
