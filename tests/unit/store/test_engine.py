"""SQLite and a real PostgreSQL answer every question alike, from the same rows."""

import importlib
import inspect
import io
import pkgutil
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from types import CodeType
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from pyarrow import parquet

from benchmarks.history.questions import asked
from benchmarks.seed import seed
from benchmarks.seeding.places import OWN_NETNS
from benchmarks.seeding.scale import DAY, HOUR, SECOND, Scale
from porteye_core import store
from porteye_core.model import Filters, Kind, Protocol
from porteye_core.reach import LOCAL, REACHABLE
from porteye_core.store.engine import Connection
from porteye_core.store.file.connection import open_connection
from porteye_core.store.fleet.connections import kept_connections
from porteye_core.store.reading import (
    busy_ports,
    event_counts,
    event_frame,
    event_total,
    events,
    followed,
    listener,
    lookup,
    open_uses,
    past_uses,
    published,
    reachable,
    time_bounds,
    timeline,
    timeline_rows,
    totals,
    usage,
    watches,
)
from porteye_core.store.reading.coverage import MomentCoverage, Watches
from porteye_core.store.reading.export import Form, changes, history, listeners_at, listeners_now
from porteye_core.store.reading.free_port import free_port
from porteye_core.store.reading.monitor_usage import monitor_usage
from porteye_core.store.reading.open_frames import open_at, open_now
from porteye_core.store.reading.open_listeners import open_now_question
from porteye_core.store.reading.parquet import write_history
from porteye_core.store.reading.status import State
from porteye_core.store.reading.time_bounds import buckets
from porteye_core.store.reading.timeline_rows import Grouping, Shape
from porteye_core.store.reading.version import version
from tests.kit.counts import pack_all
from tests.kit.postgres import copy, needs_postgres, open_postgres, server

pytestmark = needs_postgres

Ask = Callable[[Connection], Any]

NOW = 1_790_000_000 * SECOND
BEGIN = NOW - 30 * DAY
EVERYTHING = Filters()
MONTH = Filters(since=BEGIN, until=NOW)
# Letters of two cases, one of which casefold makes two of, and what LIKE would take for any text.
NAME, WORD = "Größenmaß_%", "GRÖSSENMASS_%"
ABSENT = "GRÖSSENMASSX%"
UTC = ZoneInfo("UTC")
EDGES = buckets(BEGIN, NOW, UTC, by_port=True).edges

# What the benchmark's history has not: each statement makes the rows of one kind.
_MORE = f"""
UPDATE tick SET lost = 5 WHERE watch_id = (SELECT max(id) FROM watch) AND id % 4000 > 1000;
UPDATE tick SET lost = lost + 3 WHERE lost > 0 AND id > (SELECT max(id) - 2000 FROM tick);
UPDATE tick SET lost = 2 WHERE watch_id = (SELECT max(id) - 1 FROM watch) AND id % 2 = 0;
UPDATE tick SET jump = -7000000 WHERE id = 500;
UPDATE tick SET jump = 90000000 WHERE id = 9000;
INSERT INTO program (id, digest, name, exe, user, cmdline) VALUES
    (900001, x'01', '{NAME}', '/usr/bin/{NAME}', 'ärzte', '{NAME} --listen'),
    (900002, x'02', 'python3', '/usr/bin/python3.11', 'dev', 'python3 /srv/{NAME}.py'),
    (900003, x'03', 'node', '/usr/bin/node', 'dev', 'node server.js');
UPDATE listener SET program_id = 900001 + id % 3 WHERE id % 7 = 0;
UPDATE event SET program_id = 900001 + listener_id % 3 WHERE listener_id % 7 = 0;
INSERT INTO former SELECT id, opened_at + 60000000, process_id, 900003, 'old.service', '', '/srv', 2
    FROM listener WHERE process_id IS NOT NULL AND (closed_at IS NULL OR id % 50 = 0);
UPDATE listener SET interface = 'eth0', interface_kind = 'network', v6only = id % 2
    WHERE id % 5 = 0;
UPDATE listener SET interface = '', unseen_at = opened_at + 60000000
    WHERE closed_at IS NULL AND id % 6 = 0;
UPDATE process SET unit = 'größe.service' WHERE id % 9 = 0;
UPDATE listener SET holders_gone = 3 WHERE id % 11 = 0;
INSERT INTO dropped VALUES ('events', {BEGIN - DAY}, 'size'), ('samples', {BEGIN}, 'age');
UPDATE rollup SET queue_max = backlog WHERE bucket % 7 = 0;
INSERT INTO container VALUES
    (1, 1, 'docker', 'c0ffee', 'shop-web-1', 'nginx', 'shop', 'web', '', '', '', '172.18.0.2'),
    (2, 1, 'docker', 'decade', 'db-1', 'redis', 'Größte', 'db', 'db-0', 'prod', '', '');
UPDATE process SET container_id = 2 WHERE container != '';
UPDATE process SET container_id = 1 WHERE id = (SELECT max(process_id) FROM listener
    WHERE port = 8080 AND closed_at IS NULL AND netns != {OWN_NETNS});
UPDATE program SET cmdline = cmdline || ' -container-ip 172.18.0.2 -container-port 8080'
    WHERE name = 'docker-proxy' AND cmdline LIKE '%7003';
"""


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("engines") / "porteye.db"
    # So many ticks that a chart of the monitor reads some of them only.
    seed(path, Scale(days=30, listeners=40, events=4000, seed=5, sample_days=2.5), now=NOW)
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(f"{_MORE} DELETE FROM pack;")
    pack_all(path, NOW)
    return path


@pytest.fixture(scope="module")
def address(db: Path) -> Iterator[str]:
    with server() as running:
        copy(db, running)
        yield running


def on_sqlite(db: Path, ask: Ask) -> Any:
    event_counts.forget()
    with open_connection(db) as connection:
        return plain(ask(connection))


def on_postgres(address: str, ask: Ask) -> Any:
    event_counts.forget()
    with open_postgres(address) as connection:
        return plain(ask(connection))


def plain(answer: Any) -> Any:
    """An answer as lists, dictionaries and single values; a float to twelve digits, for PostgreSQL
    divides decimal numbers."""
    if isinstance(answer, pd.DataFrame):
        columns = {name: str(kind) for name, kind in answer.dtypes.items()}
        return {"columns": columns, "rows": plain(answer.astype(object).to_numpy().tolist())}
    if is_dataclass(answer):
        return {each.name: plain(getattr(answer, each.name)) for each in fields(answer)}
    if isinstance(answer, dict):
        return {key: plain(value) for key, value in answer.items()}
    if isinstance(answer, list | tuple | pd.Series | np.ndarray):
        return [plain(each) for each in answer]
    if isinstance(answer, float):
        return f"{answer:.12g}"
    return "missing" if answer is pd.NA or answer is pd.NaT else answer


def rows_of(filters: Filters) -> Ask:
    return lambda c: [tuple(row) for row in events.newest(c, filters)]


def every_life(found: Callable[[Connection, listener.Life], Any]) -> Ask:
    """Ask a question of each listener that is open."""
    return lambda c: [found(c, life) for life in listener.candidates(c, 100)]


def longest(c: Connection) -> int:
    """Return the id of the listener that has been open the longest."""
    return min(listener.candidates(c, 100), key=lambda life: (life.opened_at, life.id)).id


def ports_named(c: Connection) -> Any:
    return timeline.named(c, busy_ports.busiest(c, MONTH, BEGIN, NOW))


def rows_of_timeline(c: Connection, filters: Filters, shape: Shape | None = None) -> Any:
    return timeline_rows.rows(c, filters, BEGIN, NOW, UTC, shape or Shape())


def whole_timeline(c: Connection, filters: Filters) -> Any:
    rows = rows_of_timeline(c, filters)
    return None if rows is None else timeline.timeline(c, filters, BEGIN, NOW, UTC, rows)


def gaps(c: Connection, since: int, until: int, *, watching: bool) -> Any:
    return Watches(c, watching=watching).coverage(since, until).gaps


def watches_of_a_month(c: Connection, limit: int, state: State) -> Any:
    found = Watches(c, watching=state is State.WATCHING)
    return watches.watches(c, found, BEGIN, NOW, NOW, limit, state)


def in_the_longest_gap(c: Connection) -> Any:
    start, end = max(gaps(c, BEGIN, NOW, watching=False), key=lambda gap: gap[1] - gap[0])
    how = Watches(c, watching=False).at((start + end) // 2)
    assert how.gap is not None
    return how, open_at(c, EVERYTHING, (start + end) // 2, how)


def after_handing_on(c: Connection) -> Any:
    moment = c.execute("SELECT max(until) - 1 FROM former").fetchone()[0]
    how = Watches(c, watching=True).at(moment)
    return open_at(c, Filters(process="server.js"), moment, how)


def all_listeners(c: Connection) -> Any:
    found = c.execute(*open_now_question(EVERYTHING, NOW, NOW - 30 * DAY))
    return [tuple(row) for row in found]


def noon(c: Connection, days: int = 1) -> tuple[int, MomentCoverage]:
    """Return a moment so many days before the end, and its coverage."""
    at = NOW - days * DAY
    return at, Watches(c, watching=True).at(at)


def filtered(name: str, **narrowing: Any) -> dict[str, Ask]:
    """Every question that takes filters, with these."""
    which, month = Filters(**narrowing), replace(MONTH, **narrowing)
    asks: dict[str, Ask] = {
        "history": rows_of(which),
        "count": lambda c: event_total.event_total(c, month),
        "listeners": lambda c: open_now(c, which, NOW, NOW - HOUR),
        "listeners then": lambda c: open_at(
            c, which, NOW - 7 * DAY, Watches(c, watching=False).at(NOW - 7 * DAY)
        ),
        "rows of the timeline": lambda c: rows_of_timeline(c, month),
        "timeline": lambda c: whole_timeline(c, month),
        "reachable": lambda c: reachable.surface(c, month, BEGIN, NOW, 0),
        "open then": lambda c: reachable.open_count(c, which, NOW - 7 * DAY),
    }
    return {f"{name}: {what}": ask for what, ask in asks.items()}


def as_parquet(c: Connection) -> Any:
    out = io.BytesIO()
    write_history(c, out, EVERYTHING, lambda _count, _at: None, {})
    return parquet.read_table(out).to_pylist()


OF_WORD = replace(MONTH, process=WORD)
FURTHER: dict[str, Ask] = {
    "history as CSV": lambda c: list(history(c, Form.CSV, EVERYTHING)),
    "history as JSON": lambda c: list(history(c, Form.JSON, EVERYTHING)),
    "history as Parquet": as_parquet,
    "history as CSV, from an event on": lambda c: list(history(c, Form.CSV, EVERYTHING, 700)),
    "listeners now as CSV": lambda c: list(listeners_now(c, Form.CSV, EVERYTHING, NOW)),
    "listeners of a moment as CSV": lambda c: list(listeners_at(c, Form.CSV, EVERYTHING, *noon(c))),
    "changes of a month as CSV": lambda c: list(
        changes(c, Form.CSV, EVERYTHING, Watches(c, watching=True), NOW - 9 * DAY, NOW - DAY)
    ),
    "history frame": lambda c: event_frame.history(c, EVERYTHING),
    "newest event": events.newest_id,
    "events after one": lambda c: [tuple(row) for row in events.after(c, EVERYTHING, 700)],
    "first watch": time_bounds.first_watch,
    "what the monitor used, an hour": lambda c: monitor_usage(c, NOW - HOUR, NOW, 10 * SECOND),
    "what the monitor used, a month": lambda c: monitor_usage(c, BEGIN, NOW, 10 * SECOND),
    "losses": lambda c: watches.losses(c, BEGIN, NOW),
    "events ever": totals.events_ever,
    "time unwatched": lambda c: totals.unwatched(c, NOW + DAY, watching=False),
    "size of the database": totals.database_size,
    "what each listener uses": lambda c: list(open_uses.open_uses(c, NOW)),
    "what listened in a time": lambda c: sorted(
        past_uses.past_uses(c, NOW - 3 * DAY, NOW), key=repr
    ),
    "what closed in a time": lambda c: listener.closed_between(c, NOW - DAY, NOW),
    "watches": lambda c: watches_of_a_month(c, 100, State.WATCHING),
    "watches, few of them": lambda c: watches_of_a_month(c, 2, State.STOPPED),
    "gaps while watching": lambda c: gaps(c, BEGIN - DAY, NOW + DAY, watching=True),
    "gaps while not watching": lambda c: gaps(c, BEGIN - DAY, NOW + DAY, watching=False),
    "open in a gap": in_the_longest_gap,
    "open before it was handed on": after_handing_on,
    "all listeners of a month": all_listeners,
    "listeners now": lambda c: open_now(c, EVERYTHING, NOW, NOW - HOUR),
    "rows of the timeline": lambda c: rows_of_timeline(c, MONTH, Shape(folded=3)),
    "programs of the timeline": lambda c: rows_of_timeline(c, MONTH, Shape(Grouping.PROGRAM)),
    "timeline": lambda c: whole_timeline(c, MONTH),
    "reachable, steps": lambda c: reachable.surface(c, MONTH, BEGIN, NOW, 0).steps,
    "reachable": lambda c: reachable.surface(c, MONTH, BEGIN, NOW, 0).frame,
    "range of the timeline": lambda c: time_bounds.bounds(c, EVERYTHING, NOW),
    "newest ids": lambda c: version(c)[1:],
    "use of six hours": lambda c: usage.usage(c, longest(c), NOW - 6 * HOUR, NOW),
    "use of a week": lambda c: usage.usage(c, longest(c), NOW - 7 * DAY, NOW),
    "ports by name": ports_named,
    "a free port": lambda c: free_port(c, range(8000, 9000), NOW),
    "lives on a port": lambda c: timeline.lives(
        c, MONTH, BEGIN, NOW, [(8000, "tcp"), (53, "udp")], 0
    ),
    "candidates": lambda c: listener.candidates(c, 100),
    "holders": every_life(lambda c, life: listener.holders(c, life.id)),
    "former owners": every_life(lambda c, life: listener.former_owners(c, life.id)),
    "lives before and after": every_life(listener.before_and_after),
    "lives of the same port": every_life(
        lambda c, life: listener.port_lives(c, life, BEGIN, NOW, 100)
    ),
    "siblings": every_life(listener.siblings),
    "rows that are the newest": followed.newest,
    "events that follow one": lambda c: followed.following(c, 700, 50),
    "the mark of an event": lambda c: followed.mark(c, 700),
    "lives by their ids": lambda c: sorted(
        followed.lives(c, range(1, 9)), key=lambda life: life.id
    ),
    "lives that are open": followed.open_lives,
    "owners as numbers": followed.owners,
    "boots of the hosts": every_life(lambda c, life: listener.boot(c, life.id)),
    "what each open listener is": past_uses.open_by_id,
    "non-ASCII word: history": rows_of(Filters(process=WORD)),
    "non-ASCII word: a page of a day": rows_of(replace(OF_WORD, since=NOW - DAY)),
    "non-ASCII word: count": lambda c: event_total.event_total(c, OF_WORD),
    "non-ASCII word: who holds it": lambda c: lookup.of_name(c, WORD, 8),
    "non-ASCII word: listeners": lambda c: open_now(c, Filters(process=WORD), NOW),
    "non-ASCII word: counts per bucket": lambda c: event_counts.turnover(c, OF_WORD, EDGES),
    "non-ASCII word: busiest ports": lambda c: busy_ports.busiest(c, OF_WORD, BEGIN, NOW),
    **filtered("reachable", exposure=REACHABLE),
    **filtered("local", exposure=LOCAL),
    **filtered("a user", user="dev"),
    **filtered("a non-ASCII user", user="ärzte"),
    **filtered("a unit", home="SERVICE"),
    **filtered("a container's name", home="DB-1"),
    **filtered("a non-ASCII project", home="GRÖSSTE"),
    "listeners now, of the host's end": lambda c: open_now(c, Filters(ports=((7003, 7003),)), NOW),
    "published ports": published.published,
    **filtered("a non-ASCII unit", home="GRÖSSE"),
    **filtered("an address", address="127.0.0.1"),
    **filtered("an interface", address="0.0.0.0%eth0"),
    **filtered("openings", kind=Kind.OPENED),
    **filtered("closings of a program", kind=Kind.CLOSED, process="python"),
    "who holds a range": lambda c: lookup.on_ports(c, ((8000, 9000),), None, 8),
    "who held the others": lambda c: lookup.on_ports(c, ((20000, 60000),), Protocol.TCP, 8),
    "who holds a port of UDP": lambda c: lookup.on_ports(c, ((53, 53),), Protocol.UDP, 8),
    "what a user holds": lambda c: lookup.of_user(c, "dev", 8),
    "what a unit holds": lambda c: lookup.of_home(c, "SERVICE", 8),
    "what a non-ASCII unit holds": lambda c: lookup.of_home(c, "GRÖSSE", 8),
    "what has an address": lambda c: lookup.on_address(c, "127.0.0.1", 8),
    "a title": rows_of(Filters(process="server.js (node)")),
    "a word in capitals": rows_of(Filters(process="SERVER.JS")),
}
NOTHING: dict[str, Ask] = {
    "an absent non-ASCII word": rows_of(Filters(process=ABSENT)),
    "no listener": lambda c: [] if listener.life(c, 10**9) is None else [1],
    "an absent pid": lambda c: lookup.of_pid(c, 10**7, 8),
    "an absent user": lambda c: lookup.of_user(c, "nobody-else", 8),
    "an absent unit": lambda c: lookup.of_home(c, "no-such-unit", 8),
    "an absent address": lambda c: lookup.on_address(c, "203.0.113.7", 8),
}


def test_the_history_questions_answer_alike(db: Path, address: str) -> None:
    questions = of_the_benchmark(db)
    expected = {name: on_sqlite(db, ask) for name, ask in questions.items()}
    found = {name: on_postgres(address, ask) for name, ask in questions.items()}
    assert len(questions) >= 42
    assert [name for name in questions if found[name] != expected[name]] == []
    assert [name for name in questions if is_empty(expected[name])] == ["history: an absent word"]


def of_the_benchmark(db: Path) -> dict[str, Ask]:
    with open_connection(db) as connection:
        return {each.name: each.ask for each in asked(connection, db)}


@pytest.mark.parametrize("name", FURTHER)
def test_a_further_question_answers_alike(db: Path, address: str, name: str) -> None:
    expected = on_sqlite(db, FURTHER[name])
    assert on_postgres(address, FURTHER[name]) == expected
    assert not is_empty(expected)


def is_empty(answer: Any) -> bool:
    """Tell whether an answer has no row and no value."""
    if isinstance(answer, dict):
        answer = answer["rows"] if "columns" in answer else list(answer.values())
    return all(map(is_empty, answer)) if isinstance(answer, list) else answer in {None, "", 0}


def test_every_question_of_the_store_is_asked_here(db: Path) -> None:
    called: set[CodeType] = set()
    sys.setprofile(lambda frame, *_: called.add(frame.f_code))
    try:
        for ask in (*of_the_benchmark(db).values(), *FURTHER.values()):
            on_sqlite(db, ask)
    finally:
        sys.setprofile(None)
    missing = [name for name, code in questions_of_the_store() if code not in called]
    assert missing == []


def questions_of_the_store() -> Iterator[tuple[str, CodeType]]:
    """The public functions that take a connection of any engine."""
    for found in pkgutil.walk_packages(store.__path__, f"{store.__name__}."):
        module = importlib.import_module(found.name)
        for name, function in inspect.getmembers(module, inspect.isfunction):
            first = next(iter(inspect.signature(function).parameters.values()), None)
            takes_connection = first is not None and first.annotation is Connection
            is_public = function.__module__ == found.name and not name.startswith("_")
            if takes_connection and is_public:
                yield f"{found.name}.{name}", function.__code__


def test_a_row_that_differs_is_noticed(db: Path, address: str) -> None:
    kept_connections(address).close()  # a template takes no other session
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute("CREATE DATABASE differing TEMPLATE postgres")
    other = make_conninfo(address, dbname="differing")
    with psycopg.connect(other) as connection:
        connection.execute("UPDATE event SET at = at + 1 WHERE id = (SELECT max(id) FROM event)")
    asks = FURTHER["history frame"], FURTHER["history as CSV"], FURTHER["history as JSON"]
    assert [on_postgres(other, ask) == on_sqlite(db, ask) for ask in asks] == [False] * 3


@pytest.mark.parametrize("name", NOTHING)
def test_nothing_is_found_alike(db: Path, address: str, name: str) -> None:
    assert on_sqlite(db, NOTHING[name]) == on_postgres(address, NOTHING[name]) == []
