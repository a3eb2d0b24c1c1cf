"""Words for how much of an answer a table shows; pure."""


def shown_of(count: int, limit: int, row: str, most: int | None = None) -> str:
    """The number of rows that were found, and how many the record limit shows; most: as many as
    were counted.

    >>> shown_of(1, 100, "host"), shown_of(300, 100, "service")
    ('1 host.', 'The first 100 of 300 services.')
    >>> shown_of(10_000, 100, "service", 10_000)
    'The first 100 of 10,000 services or more.'
    """
    name = row if count == 1 else f"{row}s"
    more = " or more" if most is not None and count >= most else ""
    if count <= limit and not more:
        return f"{count:,} {name}."
    return f"The first {min(limit, count):,} of {count:,} {name}{more}."
