"""The buckets of time that a chart counts in, by its range and on the viewer's clock."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

_SECOND = 1_000_000
_HOUR, _DAY = 3600 * _SECOND, 86400 * _SECOND
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_MONDAY = 4 * _DAY
_LENGTHS = {
    "second": _SECOND,
    "10 seconds": 10 * _SECOND,
    "minute": 60 * _SECOND,
    "5 minutes": 300 * _SECOND,
    "15 minutes": 900 * _SECOND,
    "hour": _HOUR,
    "6 hours": 6 * _HOUR,
    "day": _DAY,
    "week": 7 * _DAY,
    "30 days": 30 * _DAY,
}
_MOST = 240  # more bars than that are narrower than 4 pixels
# Ports and programs are counted ahead by the hour: of a longer range, shorter buckets would have to
# be counted event by event.
_LONGEST_UNCOUNTED = 6 * _HOUR


@dataclass(frozen=True, slots=True)
class Buckets:
    """What one is called, and the times between which they lie, in microseconds since the epoch:
    the first is not after the range's beginning, the last is after its end."""

    name: str
    edges: list[int]


def buckets(since: int, until: int, zone: ZoneInfo, *, by_port: bool) -> Buckets:
    """The shortest buckets that divide a range into few enough; `by_port` says that events are
    told apart by port, protocol or program."""
    shortest = _HOUR if by_port and until - since > _LONGEST_UNCOUNTED else 0
    fitting = (
        (name, length)
        for name, length in _LENGTHS.items()
        if length >= shortest and (until - since) / length <= _MOST
    )
    name, length = next(fitting, list(_LENGTHS.items())[-1])
    step = _even_step if length <= _HOUR else _calendar_step
    return Buckets(name, step(since, until, length, zone))


def _even_step(since: int, until: int, length: int, zone: ZoneInfo) -> list[int]:
    shift = 0 if length == _HOUR else _offset(since, zone)
    first = (since + shift) // length * length - shift
    return list(range(first, until + length + 1, length))


def _calendar_step(since: int, until: int, length: int, zone: ZoneInfo) -> list[int]:
    """Days begin at the viewer's midnight, however long the clock's changes make them."""
    start = _FIRST_MONDAY if length == 7 * _DAY else 0
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
    return (at - _EPOCH) // timedelta(hours=1) * _HOUR
