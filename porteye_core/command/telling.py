"""Listeners as a person tells of them: who holds what, since when, and who started it; pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from types import MappingProxyType
from zoneinfo import ZoneInfo

from porteye_core.containers import Container
from porteye_core.exposure import in_words
from porteye_core.hidden_owners import reason
from porteye_core.model import Ancestor, Precision, Protocol
from porteye_core.spoken_times import moment, rough_length
from porteye_core.store.reading import Life

_UNKNOWN = "A process that is not known"
# A socket is made after its process has started; clocks and rounding differ by less.
_EARLIER_US = 1_000_000


def told(
    lives: Iterable[Life],
    now: int,
    zone: ZoneInfo,
    *,
    is_scan: bool = False,
    other_ends: Mapping[int, str] = MappingProxyType({}),
) -> Iterator[list[str]]:
    """The lines about each owner, of which the first is the sentence; is_scan: the listeners were
    found by a scan at `now`, which says nothing of when they opened. other_ends: by the id of a
    listener the sentence about the other end of its published port."""
    ordered = sorted(lives, key=lambda life: (life.closed_at is not None, _owner_of(life)))
    for _, group in groupby(ordered, key=lambda life: (life.closed_at is None, _owner_of(life))):
        same = sorted(group, key=lambda life: (life.port, life.protocol, life.bound.address))
        ends = dict.fromkeys(other_ends[each.id] for each in same if each.id in other_ends)
        yield [_sentence(same, now, zone, is_scan=is_scan), *ends, *_background(same[0])]


def leads_to(inside: Life) -> str:
    """The sentence about the container's end of a published port."""
    return (
        f"It leads to {_name(inside)} in container {inside.shown_container}, which listens there on"
        f" {_places([inside])}."
    )


def published_by(ends: Sequence[Life]) -> str:
    """The sentence about the host's ends of a published port."""
    return f"{_name(ends[0])} publishes it on {_places(ends)}."


def sentence_at(lives: Sequence[Life]) -> list[str]:
    """The lines about an owner at a moment of the past."""
    first = lives[0]
    return [f"{_name(first)} listened on {_places(lives)}.", *_background(first)]


def owners(lives: Iterable[Life]) -> Iterator[list[Life]]:
    """The listeners of each owner."""
    for _, group in groupby(sorted(lives, key=_owner_of), key=_owner_of):
        yield list(group)


def last_holder(life: Life, now: int, zone: ZoneInfo, last_watched: int | None = None) -> str:
    """The sentence about who held it last, and until when; last_watched: when that was, of one that
    was still open then."""
    if life.closed_at is None:
        seen = moment(life.unseen_at or last_watched or now, now, zone)
        return f"{_name(life)} held {_places([life])} when it was last watched, {seen}."
    closed = moment(life.closed_at, now, zone)
    is_later = life.closed_seen is Precision.GAP
    until = f"some time before {closed}" if is_later else closed
    lasted = rough_length(life.closed_at - life.opened_at)
    is_rough = is_later or life.opened_seen is Precision.GAP
    about = "at least " if life.opened_seen is Precision.GAP and not is_later else "about "
    return (
        f"{_name(life)} held {_places([life])} last, until {until}, for"
        f" {about if is_rough else ''}{lasted}."
    )


def background(life: Life) -> list[str]:
    """The lines about an owner: process, parents, command line and folder."""
    return list(_background(life))


def _sentence(lives: Sequence[Life], now: int, zone: ZoneInfo, *, is_scan: bool) -> str:
    first = min(lives, key=lambda life: life.opened_at)
    if first.closed_at is not None:
        return last_holder(max(lives, key=lambda life: life.closed_at or 0), now, zone)
    return f"{_name(first)} listens on {_places(lives)}{_since(first, now, zone, is_scan=is_scan)}."


def _since(life: Life, now: int, zone: ZoneInfo, *, is_scan: bool) -> str:
    started = life.started_at
    is_earlier = bool(started) and started is not None and started < life.opened_at - _EARLIER_US
    process = ""
    if is_earlier and started is not None:
        process = f"; its process started {moment(started, now, zone)}"
    if is_scan:
        return process
    opened = moment(life.opened_at, now, zone)
    if life.opened_seen is Precision.GAP:
        return f", since {opened} at least, when PortEye began to watch{process}"
    return f", since {opened}, for {rough_length(now - life.opened_at)}"


def _background(life: Life) -> Iterator[str]:
    said = [
        *([f"pid {life.pid}"] if life.pid is not None else []),
        *([f"user {life.user}"] if life.user else []),
        *([f"container {_container(life)}"] if life.container else []),
        *([life.unit] if life.unit and not life.container else []),
    ]
    if said:
        line = ", ".join(said)
        yield f"{line[0].upper()}{line[1:]}." if life.pid is None else f"{line}."
    if why := reason(life.hidden, life.process):
        yield f"{why.long[0].upper()}{why.long[1:]}."
    if life.parents:
        yield f"Started by {_chain(life.parents)}."
    if life.cmdline:
        yield f"  {life.cmdline}"
    if life.cwd:
        yield f"  in {life.cwd}"


def _container(life: Life) -> str:
    """The name of a container, with its image and what docker compose made it for."""
    of = life.named or Container.of(life.container)
    said = [
        *([f"image {of.image}"] if of.image else []),
        *([f"compose project {of.compose_project}"] if of.compose_project else []),
        *([f"service {of.compose_service}"] if of.compose_service else []),
        *([f"namespace {of.pod_namespace}"] if of.pod_namespace else []),
    ]
    return f"{life.shown_container} ({', '.join(said)})" if said else life.shown_container


def _chain(parents: Sequence[Ancestor]) -> str:
    """The parents, the nearest first.

    >>> _chain([Ancestor(20, "bash"), Ancestor(1, "systemd")])
    'bash (20), which systemd (1) started'
    """
    nearest, *others = [f"{each.name} ({each.pid})" for each in parents]
    return ", which ".join([nearest, *(f"{each} started" for each in others)])


def _name(life: Life) -> str:
    return life.title or _UNKNOWN


def _owner_of(life: Life) -> tuple[int, str, str, str]:
    return life.pid or 0, life.title, life.user, life.hidden or ""


def _places(lives: Sequence[Life]) -> str:
    """The addresses with who can reach them, those alike together."""
    by_reach = dict[str, list[str]]()
    for life in lives:
        place = f"{life.bound}:{life.port}"
        if life.protocol is Protocol.UDP:
            place += " over UDP"
        places = by_reach.setdefault(in_words(life.bound), [])
        if place not in places:
            places.append(place)
    return ", and on ".join(f"{_listed(places)} ({reach})" for reach, places in by_reach.items())


def _listed(words: Sequence[str]) -> str:
    *others, last = words
    return f"{', '.join(others)} and {last}" if others else last
