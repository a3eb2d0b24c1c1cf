"""The questions that the page and the API ask of a long history, and their plain forms."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd

from benchmarks.history.plain import plain_count, plain_history
from porteye_core.model import Filters, Protocol
from porteye_core.store import engine
from porteye_core.store.reading import (
    busy_ports,
    ephemeral_ports,
    event_counts,
    event_total,
    events,
    listener,
    lookup,
    status,
    timeline,
    usage,
)
from porteye_core.store.reading.changes import changes
from porteye_core.store.reading.coverage import Watches
from porteye_core.store.reading.listener_rows import Question
from porteye_core.store.reading.nearest_event import next_change, previous_change
from porteye_core.store.reading.open_frames import open_at, open_now
from porteye_core.store.reading.open_listeners import open_now_question
from porteye_core.store.reading.time_bounds import buckets
from porteye_core.store.reading.timeline import parted
from porteye_core.store.reading.timeline_rows import MAX_ROWS

HOUR, DAY = 3_600_000_000, 86_400_000_000
_BUSY_PORT, _ABSENT = 8000, "no-such-program"
_EPHEMERAL = 32768, 60999

Ask = Callable[[engine.Connection], Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as PortEye asks it; `plain` answers the same, None where nothing would be
    compared. Both return what can be compared with `==`."""

    name: str
    ask: Ask
    plain: Question | None = None


def asked(connection: engine.Connection, db: Path) -> list[Asked]:
    """All of them, for a database whose history has events."""
    now, newest = connection.execute(
        "SELECT (SELECT max(at) FROM event), (SELECT max(id) FROM event)"
    ).fetchone()
    rare_port, rare_word = _rare(connection)
    month = Filters(since=now - 30 * DAY, until=now)
    return [
        *_pages(now, newest, rare_port, rare_word),
        *_counts(month),
        *_moments(db, now),
        *_stories(connection, now, rare_word),
        *_timelines(connection, month, now),
    ]


def _rare(connection: engine.Connection) -> tuple[int, str]:
    """The port and the command line of the latest event of the program that was named last."""
    port, line = connection.execute(
        "SELECT e.port, g.cmdline FROM program g JOIN event e ON e.id ="
        " (SELECT max(id) FROM event WHERE program_id = g.id)"
        " WHERE g.cmdline != '' ORDER BY g.id DESC LIMIT 1"
    ).fetchone()
    return port, line


def _pages(now: int, newest: int, rare_port: int, rare_word: str) -> Iterator[Asked]:
    """Pages of history by each kind of filter."""
    kinds = {
        "no filter": Filters(),
        "a busy port": Filters(ports=((_BUSY_PORT, _BUSY_PORT),)),
        "a rare port": Filters(ports=((rare_port, rare_port),)),
        "a range of ports": Filters(ports=((8000, 9000),)),
        "a common word": Filters(process="python"),
        "a rare word": Filters(process=rare_word),
        "an absent word": Filters(process=_ABSENT),
        "UDP": Filters(protocol=Protocol.UDP),
        "a day": Filters(since=now - 12 * DAY, until=now - 11 * DAY),
        "a rare port and a common word": Filters(ports=((rare_port, rare_port),), process="e"),
        "UDP, a common word": Filters(protocol=Protocol.UDP, process="python"),
    }
    for name, filters in kinds.items():
        yield _page(f"history: {name}", filters)
    yield _page("history: older, in the middle", Filters(), newest // 2)
    yield _page("history: a rare word, older", Filters(process=rare_word), newest // 2)


def _page(name: str, filters: Filters, before: int | None = None) -> Asked:
    def ask(connection: engine.Connection) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in events.newest(connection, filters, before)]

    return Asked(name, ask, plain_history(filters, before))


def _counts(month: Filters) -> Iterator[Asked]:
    for name, filters in {
        "all": month,
        "a common word": replace(month, process="python"),
        "UDP": replace(month, protocol=Protocol.UDP),
        "a busy port": replace(month, ports=((_BUSY_PORT, _BUSY_PORT),)),
    }.items():
        yield Asked(
            f"count of events: {name}",
            partial(_counted, filters=filters),
            plain_count(filters),
        )


def _counted(connection: engine.Connection, filters: Filters) -> list[tuple[int]]:
    return [(event_total.event_total(connection, filters),)]


def _moments(db: Path, now: int) -> Iterator[Asked]:
    """What listens now, and what did."""
    everything = Filters()

    def api_ports(connection: engine.Connection) -> list[int]:
        found = connection.execute(*open_now_question(everything, now))
        return sorted(row["id"] for row in found)

    def at(connection: engine.Connection, moment: int) -> Any:
        how = Watches(connection, watching=False).at(moment)
        return open_at(connection, everything, moment, how)

    def now_view(connection: engine.Connection) -> Any:
        return open_now(connection, everything, now, now - 10_000_000)

    plain_now = Question("SELECT id FROM listener WHERE closed_at IS NULL ORDER BY id", ())
    yield Asked("ports, now (API)", lambda c: [(each,) for each in api_ports(c)], plain_now)
    yield Asked("ports, now (page)", now_view)
    for name, moment in {"a week": now - 7 * DAY, "29 days": now - 29 * DAY}.items():
        plain = Question(
            "SELECT id FROM listener WHERE opened_at <= ?1 AND"
            " (closed_at IS NULL OR closed_at > ?1) ORDER BY id".replace("?1", str(moment)),
            (),
        )
        yield Asked(
            f"as of {name} ago",
            lambda c, then=moment: _numbers(at(c, then)),  # type: ignore[misc]
            plain,
        )
    for name, length in {"twenty minutes": HOUR // 3, "six days": 6 * DAY}.items():
        yield Asked(f"changes of {name}", partial(_changed, since=now - 7 * DAY, length=length))
    yield from _changes(now - 7 * DAY)
    yield Asked("health", lambda c: status.status(c, db, now))
    yield Asked(
        "watches and gaps", lambda c: Watches(c, watching=False).coverage(now - 30 * DAY, now)
    )


def _changed(connection: engine.Connection, since: int, length: int) -> Any:
    watches = Watches(connection, watching=False)
    return changes(connection, watches, Filters(), since, since + length)


def _changes(moment: int) -> Iterator[Asked]:
    """The change before and after a moment."""
    for name, filters in {
        "all": Filters(),
        "a common word": Filters(process="python"),
        "a busy port": Filters(ports=((_BUSY_PORT, _BUSY_PORT),)),
        "word and port": Filters(process="python", ports=((_BUSY_PORT, _BUSY_PORT),)),
        "word, ports and UDP": Filters(
            process="python", ports=((1, 9_000),), protocol=Protocol.UDP
        ),
    }.items():
        yield Asked(
            f"change before and after: {name}",
            lambda c, of=filters: [  # type: ignore[misc]
                (previous_change(c, of, moment), next_change(c, of, moment))
            ],
        )


def _numbers(table: Any) -> list[tuple[int]]:
    return sorted((int(number),) for number in table["id"])


def _stories(connection: engine.Connection, now: int, rare_word: str) -> Iterator[Asked]:
    """A listener's life, and who holds what."""
    number = connection.execute(
        "SELECT listener_id FROM event WHERE port = ? ORDER BY id DESC LIMIT 1", (_BUSY_PORT,)
    ).fetchone()[0]

    def told(asking: engine.Connection) -> Any:
        of = listener.life(asking, number)
        assert of is not None
        around = listener.holders(asking, number), listener.before_and_after(asking, of)
        return of, around, listener.siblings(asking, of)

    def stripped(asking: engine.Connection) -> Any:
        of = listener.life(asking, number)
        assert of is not None
        return listener.port_lives(asking, of, now - 30 * DAY, now, 2_000)

    yield Asked("a listener's story", told)
    yield Asked("the lives of its port, 30 days", stripped)
    yield Asked("a listener's use, 30 days", lambda c: usage.usage(c, 1, now - 30 * DAY, now))
    for what, who in {
        "port 8000": lambda c: lookup.on_port(c, _BUSY_PORT, 8),
        "a pid": lambda c: lookup.of_pid(c, 2000, 8),
        "a common name": lambda c: lookup.of_name(c, "python", 8),
        "a rare name": lambda c: lookup.of_name(c, rare_word, 8),
    }.items():
        yield Asked(f"who holds {what}", who)


def _timelines(connection: engine.Connection, month: Filters, now: int) -> Iterator[Asked]:
    """What the charts of a range count, of the ports that they show."""
    since, zone = now - 30 * DAY, ZoneInfo("UTC")
    for name, filters in {
        "all": month,
        "a common word": replace(month, process="python"),
        "a port": replace(month, ports=((_BUSY_PORT, _BUSY_PORT),)),
    }.items():
        edges = buckets(since, now, zone, by_port=name != "all").edges
        by_port = buckets(since, now, zone, by_port=True).edges

        def shown(asking: engine.Connection, of: Filters = filters) -> pd.DataFrame:
            return busy_ports.busiest(asking, of, since, now).head(MAX_ROWS)

        asks: dict[str, Ask] = {
            "counts per bucket": partial(event_counts.turnover, filters=filters, edges=edges),
            "busiest ports": shown,
        }
        for what, ask in asks.items():
            yield Asked(f"timeline, 30 days, {name}: {what}", ask)
        drawn = shown(connection)
        alone, _ = parted(drawn)
        asks = {
            "heat map": partial(
                event_counts.by_port, filters=filters, ports=_rows(drawn), edges=by_port
            ),
            "lives": partial(_lives, filters=filters, since=since, until=now, ports=_rows(alone)),
        }
        if not filters.ports:
            days = buckets(since, now, zone, by_port=True, shortest=DAY).edges
            of = replace(filters, ports=(_EPHEMERAL,))
            asks["ephemeral ports"] = partial(
                ephemeral_ports.by_name, filters=of, since=since, until=now, edges=days
            )
        for what, ask in asks.items():
            yield Asked(f"timeline, 30 days, {name}: {what}", ask)


def _lives(
    asking: engine.Connection,
    filters: Filters,
    since: int,
    until: int,
    ports: list[tuple[int, str]],
) -> pd.DataFrame:
    events = event_counts.total(asking, since, until)
    return timeline.lives(asking, filters, since, until, ports, events)


def _rows(found: pd.DataFrame) -> list[tuple[int, str]]:
    return list(zip(found["port"].tolist(), found["protocol"].tolist(), strict=True))
