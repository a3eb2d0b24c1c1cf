"""Names of containers as lists show them; pure."""


def short_container(container: str) -> str:
    """A container as its runtime's own lists show it: an id with its first twelve digits.

    >>> short_container("docker:" + "0123456789abcdef" * 4)
    'docker:0123456789ab'
    """
    runtime, _, rest = container.partition(":")
    number, space, pod = rest.partition(" ")
    is_id = len(number) > 12 and all(each in "0123456789abcdef" for each in number)
    return f"{runtime}:{number[:12] if is_id else number}{space}{pod}"
