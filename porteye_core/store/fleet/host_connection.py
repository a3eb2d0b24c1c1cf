"""One host of the fleet, for the questions that the reading side asks of a host's own database.

The adapter has no statement of its own: it translates parameters, LIKE, lists, titles and rows; the
views of the schema one_host do the rest.
"""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import lru_cache
from typing import Any

import psycopg
from psycopg.adapt import Buffer, Loader
from psycopg.types.numeric import Int8Dumper

from porteye_core.store import engine
from porteye_core.store.file.authorizer import MAX_QUERY_TIME
from porteye_core.store.fleet.connections import Connection, KeptConnections, kept_connections

# A list of numbers in JSON: as an array the planner knows how many there are.
_LIST = r"IN \(SELECT value FROM json_each\(\?\)\)"
# The same as a table: without an array the planner takes it for a hundred rows, and reads all of
# the other table beside it.
_ROWS = r"json_each\(\?\) (?P<alias>[a-z])\b"
# A literal, a list, a parameter, or LIKE.
_TOKEN = re.compile(
    rf"'(?:[^']|'')*'|(?P<list>{_LIST})|(?P<rows>{_ROWS})|(?P<place>\?)"
    r"|(?P<name>(?<!:):[a-z]\w*)|(?P<like>\bLIKE\b)"
)
# The first and last of all events: the functions have plans that are kept.
_EXTREME = re.compile(r"\(SELECT (min|max)\((id|at)\) FROM event\)")
# The views have the title of each program, which Python made.
_TITLE = re.compile(r"\btitle\(((?:\w+\.)?)name, \1exe, \1cmdline\)")
# Lists that a statement finds first, such as the programs that a filter means: the planner takes 80
# of them for one, and walks over all events to look for those of a list.
_FOUND_FIRST = re.compile(
    r"IN \((?=\s*SELECT (?:id FROM program WHERE|(?:listener_)?id FROM event WHERE"
    r"|e\.id FROM (?:json_each\(\?\) j|program g|watch w)) )"
)
_READ_ONLY = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
# Settings end with the transaction: the connection is another host's next, and a pooler may share
# it. A page asks for few rows here and there: to read whole tables side by side, or to compile,
# takes longer. Statements join up to a dozen views; their order is worth looking for.
_OF_A_HOST = """; SET LOCAL porteye.host = '{host:d}'; SET LOCAL search_path = one_host, pg_catalog;
SET LOCAL statement_timeout = '{timeout:g}s'; SET LOCAL jit = off;
SET LOCAL max_parallel_workers_per_gather = 0; SET LOCAL random_page_cost = 1;
SET LOCAL join_collapse_limit = 14; SET LOCAL from_collapse_limit = 14"""


class Row(tuple[Any, ...]):
    """A row whose values have places and names, as those of sqlite3."""

    __slots__ = ()
    places: dict[str, int]

    def __getitem__(self, key: Any) -> Any:
        return super().__getitem__(self.places[key] if isinstance(key, str) else key)


@lru_cache(maxsize=512)
def _row_of(*columns: str) -> type[Row]:
    return type("Row", (Row,), {"places": {name: place for place, name in enumerate(columns)}})


def _rows(cursor: psycopg.Cursor[Any]) -> Callable[[Sequence[Any]], Row]:
    return _row_of(*(column.name for column in cursor.description or ()))


class _Number(Loader):
    """A sum of integers is an integer, as in SQLite; a mean or a quotient is a float."""

    def load(self, data: Buffer) -> int | float:
        text = bytes(data)
        return float(text) if b"." in text else int(text)


class _Done:
    """The answer to a statement that has none."""

    description = None

    def fetchone(self) -> None:
        return None

    def fetchall(self) -> list[Any]:
        return []

    def __iter__(self) -> Iterator[Any]:
        return iter(())


class HostConnection:
    """A connection that reads one moment of a database; an engine.Connection.

    settings: statements that follow BEGIN; views: the tables are those of the schema one_host.
    Between ROLLBACK and BEGIN it has no connection to the server, which serves others meanwhile.
    """

    def __init__(self, connections: KeptConnections, settings: str, *, views: bool) -> None:
        self._connections, self._views = connections, views
        self._begin = f"{_READ_ONLY}{settings}".encode()
        self._connection: Connection | None = connections.begin(self._begin)

    def execute(self, sql: str, parameters: Any = (), /) -> engine.Answer:
        """Run a statement of the reading side."""
        if sql == "ROLLBACK":
            self.close()
            return _Done()
        if sql == "BEGIN":
            self._connection = self._connections.begin(self._begin)
            return _Done()
        text, names, lists = translate(sql, views=self._views)
        values = [parameters[name] for name in names] if names else list(parameters)
        for place in lists:
            values[place] = json.loads(values[place])
        assert self._connection is not None
        cursor = psycopg.RawCursor(self._connection, row_factory=_rows)
        cursor.adapters.register_dumper(int, Int8Dumper)
        cursor.adapters.register_loader("numeric", _Number)
        return cursor.execute(text.encode(), values)

    def close(self) -> None:
        """End the moment."""
        if self._connection is not None:
            self._connections.end(self._connection)
            self._connection = None


@contextmanager
def open_host(address: str, host: int) -> Iterator[HostConnection]:
    """A connection to the history of one host of the fleet, by its number. Raises psycopg.Error."""
    settings = _OF_A_HOST.format(host=host, timeout=MAX_QUERY_TIME)
    with closing(HostConnection(kept_connections(address), settings, views=True)) as connection:
        yield connection


@lru_cache(maxsize=512)
def translate(
    statement: str, *, views: bool = False
) -> tuple[str, tuple[str, ...], tuple[int, ...]]:
    """The statement with PostgreSQL's parameters, the names of these if they have any, and the
    places of those that are lists; views: for the schema one_host.

    >>> translate("SELECT '?' WHERE a LIKE ? AND b = ?")
    ("SELECT '?' WHERE a ILIKE $1 AND b = $2", (), ())
    >>> translate("SELECT :to - :since WHERE at > :since")
    ('SELECT $1 - $2 WHERE at > $2', ('to', 'since'), ())
    >>> translate("WHERE id IN (SELECT value FROM json_each(?))")
    ('WHERE id = ANY ($1::bigint[])', (), (0,))
    >>> translate("FROM json_each(?) b")
    ('FROM unnest($1::bigint[]) AS b(value)', (), (0,))
    >>> translate("SELECT (SELECT max(id) FROM event)", views=True)
    ('SELECT event_max_id()', (), ())
    """
    if views:
        statement = _TITLE.sub(r"\1title", _EXTREME.sub(r"event_\1_\2()", statement))
    names: dict[str, int] = {}
    lists: list[int] = []
    count = 0

    def token(found: re.Match[str]) -> str:
        nonlocal count
        text, kind = found[0], found.lastgroup
        if kind == "like":  # without the case of ASCII letters, where texts have the collation C
            return "ILIKE"
        if kind == "name":
            return f"${names.setdefault(text[1:], len(names) + 1)}"
        if kind is None:
            return text
        count += 1
        if kind == "place":
            return f"${count}"
        lists.append(count - 1)
        if kind == "rows":
            return f"unnest(${count}::bigint[]) AS {found['alias']}(value)"
        return f"= ANY (${count}::bigint[])"

    return _TOKEN.sub(token, _lists_first(statement)), tuple(names), tuple(lists)


def _lists_first(statement: str) -> str:
    """The statement with each list that is found first as an array, which is made once.

    >>> _lists_first("SELECT (a IN (SELECT id FROM program WHERE (b = '(')) OR c)")
    "SELECT (a = ANY (ARRAY(SELECT id FROM program WHERE (b = '('))) OR c)"
    """
    found = _FOUND_FIRST.search(statement)
    if found is None:
        return statement
    after, depth, end = statement[found.end() :], 1, 0
    for part in re.finditer(r"'(?:[^']|'')*'|[()]", after):
        depth += {"(": 1, ")": -1}.get(part[0], 0)
        if depth == 0:
            end = part.start()
            break
    before, rest = statement[: found.start()], _lists_first(after[end + 1 :])
    return f"{before}= ANY (ARRAY({after[:end]})){rest}"
