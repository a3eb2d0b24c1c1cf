"""The bounds of the time that a range shows, and the buckets that it is divided into."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from porteye_core.model import Filters
from porteye_core.store import engine

SHORTEST = 10 * 1_000_000  # a chart of less than that has no shape
# A range that ends now and begins long before the first watch shows no more of that time than this
# share of what was watched: enough to see that the record begins here.
_EMPTY_SHARE = 0.05

SECOND = 1_000_000
HOUR, DAY = 3600 * SECOND, 86400 * SECOND
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_MONDAY = 4 * DAY
_LENGTHS = {
    "second": SECOND,
    "10 seconds": 10 * SECOND,
    "minute": 60 * SECOND,
    "5 minutes": 300 * SECOND,
    "15 minutes": 900 * SECOND,
    "hour": HOUR,
    "6 hours": 6 * HOUR,
    "day": DAY,
    "week": 7 * DAY,
    "30 days": 30 * DAY,
}
_MAX_BUCKETS = 240  # more bars than that are narrower than 4 pixels
# Ports and programs are counted ahead by the hour: of a longer range, shorter buckets would have to
# be counted event by event.
LONGEST_UNCOUNTED = 6 * HOUR


def bounds(connection: engine.Connection, filters: Filters, now: int) -> tuple[int, int] | None:
    """The range to draw for the times of these filters, None if it has not begun yet."""
    until = now if filters.until is None else min(filters.until, now)
    if filters.since is not None and filters.since >= now:
        return None
    begun = first_watch(connection)
    begun = until if begun is None else begun
    since = begun if filters.since is None else filters.since
    if filters.until is None and begun < until:
        since = max(since, begun - round((until - begun) * _EMPTY_SHARE))
    return min(since, until - SHORTEST), until


def first_watch(connection: engine.Connection) -> int | None:
    """The time at which the first watch began, None if there never was any."""
    found: int | None = connection.execute("SELECT min(started_at) FROM watch").fetchone()[0]
    return found


@dataclass(frozen=True, slots=True)
class Buckets:
    """The name of a bucket, and the times between the buckets, in microseconds since the epoch:
    the first is not after the range's beginning, the last is after its end."""

    name: str
    edges: list[int]


def buckets(since: int, until: int, zone: ZoneInfo, *, by_port: bool, shortest: int = 0) -> Buckets:
    """The shortest buckets that divide a range into few enough, none of them shorter than that;
    `by_port` says that events are told apart by port, protocol or program."""
    if by_port and until - since > LONGEST_UNCOUNTED:
        shortest = max(shortest, HOUR)
    fitting = (
        (name, length)
        for name, length in _LENGTHS.items()
        if length >= shortest and (until - since) / length <= _MAX_BUCKETS
    )
    name, length = next(fitting, list(_LENGTHS.items())[-1])
    step = _even_step if length <= HOUR else _calendar_step
    return Buckets(name, step(since, until, length, zone))


def _even_step(since: int, until: int, length: int, zone: ZoneInfo) -> list[int]:
    shift = 0 if length == HOUR else _offset(since, zone)
    first = (since + shift) // length * length - shift
    return list(range(first, until + length + 1, length))


def _calendar_step(since: int, until: int, length: int, zone: ZoneInfo) -> list[int]:
    """Days begin at the viewer's midnight, however long the clock's changes make them."""
    start = _FIRST_MONDAY if length == 7 * DAY else 0
    wall = (since + _offset(since, zone) - start) // length * length + start
    edges = [_moment(wall, zone)]
    while edges[-1] <= until:
        wall += length
        edges.append(_moment(wall, zone))
    return edges


def _offset(moment: int, zone: ZoneInfo) -> int:
    offset = (_EPOCH + timedelta(microseconds=moment)).astimezone(zone).utcoffset()
    return (offset or timedelta()) // timedelta(microseconds=1)


def _moment(wall: int, zone: ZoneInfo) -> int:
    at = (_EPOCH + timedelta(microseconds=wall)).replace(tzinfo=zone)
    # Down to a whole hour of UTC, which is what is counted ahead: where the clock differs from UTC
    # by half hours, a day begins at the half hour before midnight.
    return (at - _EPOCH) // timedelta(hours=1) * HOUR
