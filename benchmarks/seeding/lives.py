"""When each listener lived: mostly short lives in working hours beside a few that last."""

from dataclasses import dataclass

import numpy as np

from benchmarks.seeding.scale import DAY, HOUR, SECOND, Scale
from benchmarks.seeding.watches import Times, Watches

_MONDAY = 4 * DAY  # the epoch was a Thursday
# Share of the closed lives that is a service's own restart, of those the most for one service.
_RESTART_SHARE, _RESTARTS_A_DAY = 0.1, 1
_SHARE_BUSY, _SHARE_LONG = 0.55, 0.01
_LONGEST = 14 * HOUR


@dataclass(frozen=True, slots=True)
class Lives:
    """Parallel arrays, in the order of opening: an index into the places, times, and whether a gap
    hides the exact time. `closed` is 0 for what is open still."""

    place: Times
    opened: Times
    closed: Times
    opened_in_gap: "np.ndarray[tuple[int], np.dtype[np.bool_]]"
    closed_in_gap: "np.ndarray[tuple[int], np.dtype[np.bool_]]"


@dataclass(frozen=True, slots=True)
class Crowd:
    """Who lives: the places' numbers by kind. `endpoint` names each place's endpoint, that two
    programs may use by turns; `recent` are the standing ones that opened today."""

    standing: int
    busy: int
    passing: int
    endpoint: Times
    recent: Times


def lives(scale: Scale, crowd: Crowd, watched: Watches, rng: np.random.Generator) -> Lives:
    """The lives of all of these places."""
    begin, now = int(watched.begins[0]), int(watched.ends[-1])
    restarts = _restarts(scale, crowd, watched, rng)
    short = scale.closed_lives - len(restarts[0])
    passing = _passing(short, crowd, begin, now, rng)
    place, opened, closed = (np.concatenate(pair) for pair in zip(restarts, passing, strict=True))
    closed = _one_at_a_time(crowd.endpoint[place], opened, closed)
    stay = _still_open(crowd, restarts, begin, now, rng)
    place, opened, closed = (
        np.concatenate(pair) for pair in zip((place, opened, closed), stay, strict=True)
    )
    return _as_watched(place, opened, closed, watched)


_Rows = tuple[Times, Times, Times]


def _restarts(scale: Scale, crowd: Crowd, watched: Watches, rng: np.random.Generator) -> _Rows:
    """Lives of standing listeners that ended in a restart, one after another."""
    begin, now = int(watched.begins[0]), int(watched.ends[-1])
    most = min(
        int(scale.closed_lives * _RESTART_SHARE), crowd.standing * scale.days * _RESTARTS_A_DAY
    )
    # Services are deployed, their neighbours in the list stay: half of the places, unevenly.
    place = np.sort(rng.integers(0, max(1, crowd.standing), most) // 2 * 2)
    closed = rng.integers(begin + HOUR // 4, now - HOUR, most)
    unseen = watched.gaps[0][:most]
    closed[: len(unseen)] = unseen + SECOND  # restarted while nobody watched
    closed = closed[np.lexsort((closed, place))]
    opened = np.empty_like(closed)
    opened[1:] = closed[:-1] + SECOND
    first = np.append(True, place[1:] != place[:-1])[: len(place)]
    opened[first] = begin
    return place, np.minimum(opened, closed), closed


def _still_open(
    crowd: Crowd, restarts: _Rows, begin: int, now: int, rng: np.random.Generator
) -> _Rows:
    """The life of every standing listener that goes on."""
    place = np.arange(crowd.standing, dtype=np.int64)
    opened = np.full(crowd.standing, begin, dtype=np.int64)
    np.maximum.at(opened, restarts[0], restarts[2] + SECOND)
    # Restarted today, some of them within the last minutes.
    today = now - (rng.random(len(crowd.recent)) ** 3 * 6 * HOUR).astype(np.int64) - 2 * SECOND
    opened[crowd.recent] = np.maximum(opened[crowd.recent], today)
    return place, opened, np.zeros(crowd.standing, dtype=np.int64)


def _passing(count: int, crowd: Crowd, begin: int, now: int, rng: np.random.Generator) -> _Rows:
    busy = rng.random(count) < _SHARE_BUSY
    # A few are very busy, most hardly ever: the share falls with the square of the rank.
    place = np.where(
        busy,
        crowd.standing + (crowd.busy * rng.random(count) ** 2).astype(np.int64),
        crowd.standing + crowd.busy + (crowd.passing * rng.random(count) ** 1.5).astype(np.int64),
    )
    opened = _when(count, begin, now, rng)
    seconds = np.where(busy, rng.lognormal(3, 1.5, count), rng.lognormal(-1.2, 1.8, count))
    long = rng.random(count) < _SHARE_LONG
    seconds[long] = rng.lognormal(9.5, 1.0, int(long.sum()))
    length = np.clip(seconds * SECOND, 50, _LONGEST).astype(np.int64)
    order = np.argsort(opened, kind="stable")
    place, opened, length = place[order], opened[order], length[order]
    return place, opened, np.minimum(opened + length, now - 1)


def _when(count: int, begin: int, now: int, rng: np.random.Generator) -> Times:
    """Times of which most lie in working hours."""
    hours = np.arange(begin, now, HOUR, dtype=np.int64)
    weekday, hour = (hours - _MONDAY) // DAY % 7, hours // HOUR % 24
    weight = np.where((weekday < 5) & (hour >= 8) & (hour < 19), 12.0, 1.0)
    chosen = rng.choice(len(hours), count, p=weight / weight.sum())
    at: Times = hours[chosen] + rng.integers(0, HOUR, count)
    return np.minimum(at, now - 2 * SECOND)


def _one_at_a_time(endpoint: Times, opened: Times, closed: Times) -> Times:
    """The closings, none of them after the next opening of the same endpoint."""
    order = np.lexsort((opened, endpoint))
    ends, starts, same = closed[order], opened[order], endpoint[order]
    follows = same[1:] == same[:-1]
    ends[:-1] = np.where(follows, np.minimum(ends[:-1], starts[1:]), ends[:-1])
    kept = np.empty_like(closed)
    kept[order] = ends
    return kept


def _as_watched(place: Times, opened: Times, closed: Times, watched: Watches) -> Lives:
    """The lives as a monitor would have recorded them: what fell into a gap is found at its end."""
    gap_begins, gap_ends = watched.gaps
    opening, closing = _gap_of(opened, gap_begins, gap_ends), _gap_of(closed, gap_begins, gap_ends)
    # Nobody would have known of a life within a gap: these begin later.
    within = (opening >= 0) & (opening == closing)
    later = np.where(within, gap_ends[opening] - gap_begins[opening], 0)
    opened, closed = opened + later, closed + later
    found_open, found_closed = (opening >= 0) & ~within, (closing >= 0) & ~within
    opened = np.where(found_open, gap_ends[opening], opened)
    closed = np.where(found_closed, gap_ends[closing], closed)
    found_open |= opened == watched.begins[0]
    order = np.argsort(opened, kind="stable")
    return Lives(place[order], opened[order], closed[order], found_open[order], found_closed[order])


def _gap_of(at: Times, begins: Times, ends: Times) -> Times:
    """The index of the gap that each time lies in, -1 for none."""
    index = np.searchsorted(begins, at, side="right").astype(np.int64) - 1
    return np.where((index >= 0) & (at < ends[index]), index, -1)
