"""A range of time as whole buckets of the tables that count ahead, and single events at its ends.

A month of a busy machine is a million events and 720 hours: what has been counted by the hour is
added up from there, and the answer is still exact to the microsecond.
"""

from collections.abc import Iterable
from dataclasses import dataclass

_SECOND = 1_000_000
_HOUR = 3600 * _SECOND


@dataclass(frozen=True, slots=True)
class Piece:
    """From `since` up to but not including `until`; in buckets of `resolution` seconds, or in
    single events where that is 0."""

    resolution: int
    since: int
    until: int


def cut(since: int, until: int, resolutions: tuple[int, ...]) -> list[tuple[Piece, bool]]:
    """`pieces`, and of each whether it is over: buckets that ended at least an hour before `until`,
    so that what happened in them has long been written."""
    settled = max(since, (until - _HOUR) // _HOUR * _HOUR)
    found = *pieces(since, settled, resolutions), *pieces(settled, until, resolutions)
    return [(each, each.resolution > 0 and each.until <= settled) for each in found]


def pieces(since: int, until: int, resolutions: tuple[int, ...]) -> list[Piece]:
    """The fewest pieces that cover since..until, `until` itself left out.

    >>> pieces(59_000_000, 120_000_000, (60,))[-1]
    Piece(resolution=60, since=60000000, until=120000000)
    """
    if since >= until:
        return []
    if not resolutions:
        return [Piece(0, since, until)]
    *finer, resolution = sorted(resolutions)
    bucket = resolution * _SECOND
    first, last = -(-since // bucket) * bucket, until // bucket * bucket
    if first >= last:
        return pieces(since, until, tuple(finer))
    return [
        *pieces(since, first, tuple(finer)),
        Piece(resolution, first, last),
        *pieces(last, until, tuple(finer)),
    ]


def fitting(resolutions: tuple[int, ...], edges: Iterable[int]) -> tuple[int, ...]:
    """Those whose buckets never lie across one of these times."""
    times = list(edges)
    return tuple(each for each in resolutions if not any(time % (each * _SECOND) for time in times))
