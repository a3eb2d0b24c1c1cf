"""Filters as SQL: every reader's question, with bound parameters only."""

import json
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from porteye_core.exposure import Bound, Namespace
from porteye_core.model import Filters, InterfaceKind
from porteye_core.store import engine
from porteye_core.store.dead_band import KEEP_ALIVE_US

# The writer stores no sample while nothing moves, and one at least this often: what is older than
# this and an interval between samples says nothing about now.
FRESH_US = KEEP_ALIVE_US

# The fields of a Bound beside the address, of a listener l and its host h. A host without
# namespaces has no netns.
BOUND = """
    l.interface, l.interface_kind, l.v6only,
    CASE WHEN h.netns IS NULL OR l.netns = h.netns THEN 'own'
        WHEN l.netns IS NULL THEN 'unknown' ELSE 'other' END AS namespace
"""


# What stands in a title between words that stand in the program's name, executable or command line;
# only those of `go run` stand in none of them, and the executable is in a folder of its own.
_JOINTS = re.compile(r"[ ()'\"]")
_GO_RUN = "go run"


class Question(NamedTuple):
    """A statement and its parameters."""

    sql: str
    parameters: tuple[Any, ...]


def listening(filters: Filters, now: int, closed_since: int | None = None) -> Question:
    """What is open, by port, with each listener's newest sample; `limit` and times do not count.

    closed_since: what has closed from then on is there, too.
    """
    where, parameters = matching(filters, "l.port", "l.program_id", "l.protocol")
    chosen = "SELECT id FROM listener WHERE closed_at IS NULL"
    if closed_since is not None:
        # Every class by name, so that the index of closed lives is searched and not read.
        chosen += " UNION ALL SELECT id FROM listener WHERE span IN (0, 1, 2) AND closed_at >= ?"
        parameters = (closed_since, *parameters)
    return Question(
        f"""
        WITH fresh AS (
            SELECT listener_id, max(tick_id) AS tick_id FROM sample
            WHERE tick_id >= (SELECT min(id) FROM tick WHERE at >= ? -
                (SELECT coalesce(max(sample_interval), 0) FROM watch))
            GROUP BY listener_id
        )
        SELECT l.id, l.protocol, l.family, l.address, l.port,
            l.opened_at, l.opened_seen, l.closed_at, l.hidden,
            p.pid, p.started_at, p.parents, p.unit, p.container, p.cwd,
            g.name AS process, title(g.name, g.exe, g.cmdline) AS title, g.exe,
            coalesce(g.user, l.user) AS user, l.user AS socket_user, g.cmdline,
            s.cpu, s.rss, s.clients, s.queue, s.backlog, h.memory, h.name AS host,
            l.netns, l.unseen_at, {BOUND}
        FROM listener l
        JOIN host h ON h.id = l.host_id
        LEFT JOIN process p ON p.id = l.process_id
        LEFT JOIN program g ON g.id = l.program_id
        LEFT JOIN fresh ON fresh.listener_id = l.id
        LEFT JOIN sample s ON s.tick_id = fresh.tick_id AND s.listener_id = l.id
        WHERE l.id IN ({chosen}) AND {where}
        ORDER BY l.port, l.protocol, l.family, l.address, l.id
        """,
        (now - FRESH_US, *parameters),
    )


def bound_of(row: engine.Row) -> Bound:
    """The place that a row with the address and the columns of BOUND tells."""
    return bound(*(row[name] for name in Bound._fields))


@lru_cache(maxsize=4096)
def bound(
    address: str,
    interface: str | None,
    kind: str | None,
    v6only: int | None,
    namespace: str = Namespace.OWN,
) -> Bound:
    """The place that the address and these values of the columns of BOUND tell."""
    return Bound(
        address,
        interface,
        None if kind is None else InterfaceKind(kind),
        None if v6only is None else bool(v6only),
        Namespace(namespace),
    )


def events(ids: Sequence[int]) -> Question:
    """These events, newest first."""
    return Question(
        f"""
        SELECT e.id, e.at, e.kind, e.seen, e.port, l.protocol, l.family, l.address, l.hidden,
            l.id AS listener, p.pid, g.name AS process,
            title(g.name, g.exe, g.cmdline) AS title, coalesce(g.user, l.user) AS user, g.cmdline,
            {BOUND}
        FROM event e
        JOIN listener l ON l.id = e.listener_id
        JOIN host h ON h.id = l.host_id
        LEFT JOIN process p ON p.id = l.process_id
        LEFT JOIN program g ON g.id = e.program_id
        WHERE e.id IN (SELECT value FROM json_each(?))
        ORDER BY e.id DESC
        """,
        (json.dumps(ids),),
    )


def rows(connection: engine.Connection, question: Question) -> Iterator[engine.Row]:
    """The answer, row by row."""
    return iter(connection.execute(*question))


def matching(
    filters: Filters, port: str, program: str, protocol: str
) -> tuple[str, tuple[Any, ...]]:
    """What the filters let through, times and limit aside, as a condition on these columns and its
    parameters."""
    clauses: list[str] = ["TRUE"]
    parameters: list[Any] = []
    if filters.ports:
        clauses.append("(" + " OR ".join([f"{port} BETWEEN ? AND ?"] * len(filters.ports)) + ")")
        parameters += [bound for pair in filters.ports for bound in pair]
    if filters.process:
        named = process_condition(filters.process)
        clauses.append(f"{program} IN (SELECT id FROM program WHERE {named.sql})")
        parameters += named.parameters
    if filters.protocol:
        clauses.append(f"{protocol} = ?")
        parameters.append(filters.protocol)
    return " AND ".join(clauses), tuple(parameters)


def process_condition(text: str, table: str = "program") -> Question:
    """Whose name, command line or title has this text in it, whatever its case: a condition on
    program, or on this alias of it."""
    name, cmdline = f"{table}.name", f"{table}.cmdline"
    title = f"title({name}, {table}.exe, {cmdline})"
    if not text.isascii():
        # LIKE takes letters beyond ASCII as they are: of them only Python knows the case.
        where = " OR ".join(_has(f"casefold({each})") for each in (name, cmdline, title))
        return Question(f"({where})", (_like(text.casefold()),) * 3)
    where = f"{_has(name)} OR {_has(cmdline)}"
    parameters: tuple[str, ...] = (_like(text),) * 2
    words = [word for word in _JOINTS.split(text) if word]
    if words != [text] or _is_of_go(text):
        # A title takes a tenth of a millisecond for ten programs: only of what has all its words.
        where += (
            f" OR ({' AND '.join([_somewhere(table, each) for each in words] + [_has(title)])})"
        )
        parameters += (*(_like(word) for word in words for _ in range(3)), _like(text))
    return Question(f"({where})", parameters)


def _somewhere(table: str, word: str) -> str:
    """That a program has this word in what its title is made of."""
    found = " OR ".join(_has(f"{table}.{column}") for column in ("name", "cmdline", "exe"))
    return f"({found} OR {table}.exe LIKE '%/go-build%')" if _is_of_go(word) else f"({found})"


def _is_of_go(word: str) -> bool:
    return word.lower() in _GO_RUN


def _has(column: str) -> str:
    return rf"{column} LIKE ? ESCAPE '\'"


def _like(text: str) -> str:
    """The LIKE pattern that finds this text anywhere; a backslash escapes in it."""
    for special in ("\\", "%", "_"):
        text = text.replace(special, "\\" + special)
    return f"%{text}%"
