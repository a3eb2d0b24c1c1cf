"""The strip of a port: when it was open in some days, as bars in HTML.

Streamlit takes SVG out of HTML, and a chart of Plotly is a megabyte of scripts.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, time, timedelta
from html import escape
from typing import NamedTuple
from zoneinfo import ZoneInfo

from porteye_core.store.reading import Life, PortLife, PortLives
from porteye_core.ui.times import clock, length

# Of the width: the least of a bar, and of a space between two. A pixel of the drawer.
_LEAST = 0.25  # percent
_MAX_NAMES = 8  # of days below a strip
_FIRST_NAME, _LAST_NAME = 16, 6  # percent that names take at its ends
# A program that is back within that time was restarted: systemd waits 100 ms, a deployment longer.
_RESTART_US = 60 * 1_000_000


class Strip(NamedTuple):
    """The lives of a port in since..until, and the times of it in which nobody watched.

    of: the listener that is told of; zone: the viewer's.
    """

    of: Life
    found: PortLives
    gaps: Sequence[tuple[int, int]]
    since: int
    until: int
    zone: ZoneInfo


class _Bar(NamedTuple):
    """A part of the strip, in percent of its width."""

    kind: str
    start: float
    end: float


def html(strip: Strip) -> str:
    """The strip, with what it shows in words for who does not see it."""
    bars = [
        *_joined(
            _part(strip, _kind(strip.of, each), *_ends(strip, each)) for each in _lives(strip)
        ),
        *_joined(
            _part(strip, "life-opened", each.opened_at, each.opened_at)
            for each in _lives(strip)
            if each.opened_at > strip.since
        ),
        # Above the lives: what was open on both sides of a gap was not seen in it.
        *_joined(_part(strip, "life-gap", start, end) for start, end in strip.gaps),
    ]
    drawn = "".join(
        f'<i class="{bar.kind}" style="left:{bar.start:.2f}%;width:{bar.end - bar.start:.2f}%"></i>'
        for bar in bars
    )
    names = "".join(
        f'<span style="left:{place:.2f}%">{escape(name)}</span>' for name, place in _names(strip)
    )
    return (
        f'<div class="life-strip" role="img" aria-label="{escape(words(strip))}">{drawn}</div>'
        f'<div class="life-days" aria-hidden="true">{names}</div>'
    )


def words(strip: Strip) -> str:
    """The strip as a sentence."""
    lives = _lives(strip)
    opened = sum(each.opened_at > strip.since for each in lives)
    watched = strip.until - strip.since - _total(strip.gaps)
    said = [
        f"open for {length(_total(_ends(strip, each) for each in lives))}",
        f"opened {'once' if opened == 1 else f'{opened:,} times'}" if opened else "never opened",
    ]
    restarts = sum(map(_is_restart, lives, lives[1:]))
    if restarts:
        said.append(f"{restarts:,} restart{'' if restarts == 1 else 's'}")
    if strip.gaps:
        said.append(f"watched for {length(watched)}")
    range_ = length(strip.until - strip.since)
    cut = " Older lives are not shown: there are too many." if strip.found.is_cut else ""
    return f"Port {strip.of.port}/{strip.of.protocol} in {range_}: {', '.join(said)}.{cut}"


def _lives(strip: Strip) -> tuple[PortLife, ...]:
    return strip.found.lives


def _ends(strip: Strip, life: PortLife) -> tuple[int, int]:
    """The times of a life, as far as they are in the strip."""
    closed_at = strip.until if life.closed_at is None else life.closed_at
    return max(life.opened_at, strip.since), min(closed_at, strip.until)


def _kind(of: Life, life: PortLife) -> str:
    if life.id == of.id:
        return "life-this"
    same = of.program is not None and life.program == of.program
    return "life-same" if same else "life-other"


def _is_restart(before: PortLife, after: PortLife) -> bool:
    if before.closed_at is None or before.program is None or before.program != after.program:
        return False
    return 0 <= after.opened_at - before.closed_at <= _RESTART_US


def _part(strip: Strip, kind: str, start: int, end: int) -> _Bar:
    whole = strip.until - strip.since
    left, right = (
        100 * (min(max(at, strip.since), strip.until) - strip.since) / whole for at in (start, end)
    )
    left = min(left, 100 - _LEAST)
    return _Bar(kind, left, max(right, left + _LEAST))


def _joined(bars: Iterable[_Bar]) -> list[_Bar]:
    """The bars, in order of their starts, with those that touch and mean the same in one."""
    found: list[_Bar] = []
    for bar in bars:
        last = found[-1] if found else None
        if last is not None and last.kind == bar.kind and bar.start <= last.end + _LEAST:
            found[-1] = last._replace(end=max(last.end, bar.end))
        else:
            found.append(bar)
    return found


def _total(spans: Iterable[tuple[int, int]]) -> int:
    """The length of spans that may overlap, each moment counted once."""
    total, reached = 0, 0
    for start, end in sorted(spans):
        total += max(0, end - max(start, reached))
        reached = max(reached, end)
    return total


def _names(strip: Strip) -> Iterator[tuple[str, float]]:
    """The start of the strip, then names of days, each where it begins."""
    start, end = clock(strip.since, strip.zone), clock(strip.until, strip.zone)
    days = [
        start.date() + timedelta(each) for each in range(1, (end.date() - start.date()).days + 1)
    ]
    if not days:
        yield f"{start:%H:%M}", 0.0
        return
    yield f"{start:%a} {start.day} {start:%b}", 0.0
    step = -(-len(days) // _MAX_NAMES)
    for day in days[::step]:
        begin = datetime.combine(day, time(), strip.zone).timestamp() * 1_000_000
        place = 100 * (begin - strip.since) / (strip.until - strip.since)
        if _FIRST_NAME < place < 100 - _LAST_NAME:
            yield f"{day:%a}" if step == 1 else f"{day.day} {day:%b}", place
