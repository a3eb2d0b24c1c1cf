"""A real PostgreSQL server, and an adapter through which the store reads from it.

The adapter has no statement of the reading side: it translates parameters, LIKE and rows.
"""

import os
import re
import shutil
import signal
import sqlite3
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psycopg
import pytest
from psycopg.adapt import Buffer, Loader
from psycopg.rows import tuple_row
from psycopg.types.numeric import Int8Dumper

from porteye_core.exposure import Bound
from porteye_core.store.file.connection import add_functions
from porteye_core.store.reading.listener_rows import FOUND_BY, from_tables, select_columns
from tests.kit.waiting import until

_NOBODY = "65534"
_OPTIONS = (
    "-c default_transaction_isolation=repeatable\\ read -c default_transaction_read_only=on"
    " -c statement_timeout=60s"
)
_TYPES = {"INTEGER": "bigint", "TEXT": "text", "BLOB": "bytea"}
# The server has no Python: tables hold what Python's functions return for the rows that there are.
_FUNCTIONS = """
CREATE TABLE folding (text text PRIMARY KEY, folded text NOT NULL);
CREATE TABLE titling (name text, exe text, cmdline text, title text NOT NULL,
    PRIMARY KEY (name, exe, cmdline));
CREATE FUNCTION casefold(text) RETURNS text STABLE LANGUAGE sql AS
    'SELECT folded FROM folding WHERE folding.text = $1';
CREATE FUNCTION title(text, text, text) RETURNS text STABLE LANGUAGE sql AS
    'SELECT title FROM titling WHERE name = $1 AND exe = $2 AND cmdline = $3';
CREATE TABLE exposing (address text, interface text, interface_kind text, v6only bigint,
    namespace text, exposure text NOT NULL);
CREATE FUNCTION exposure(text, text, text, bigint, text) RETURNS text STABLE LANGUAGE sql AS
    'SELECT exposure FROM exposing WHERE address = $1 AND interface IS NOT DISTINCT FROM $2
        AND interface_kind IS NOT DISTINCT FROM $3 AND v6only IS NOT DISTINCT FROM $4
        AND namespace = $5';
CREATE FUNCTION json_each(text) RETURNS TABLE (value bigint) IMMUTABLE LANGUAGE sql AS
    'SELECT json_array_elements_text($1::json)::bigint';
CREATE FUNCTION database_identity() RETURNS text STABLE LANGUAGE sql AS
    'SELECT system_identifier || current_database() FROM pg_control_system()';
"""
_TITLES = "SELECT DISTINCT name, exe, cmdline, title(name, exe, cmdline) FROM program"
_EXPOSED = f"""
SELECT DISTINCT address, interface, interface_kind, v6only, namespace,
    exposure(address, interface, interface_kind, v6only, namespace)
FROM (SELECT {select_columns(*Bound._fields)} FROM {from_tables()})
"""
_FOLDED = f"""
SELECT text, casefold(text) FROM (SELECT name AS text FROM program UNION SELECT cmdline FROM program
    UNION SELECT title(name, exe, cmdline) FROM program
    UNION SELECT unit FROM process UNION SELECT container FROM process
    UNION SELECT unit FROM former UNION SELECT container FROM former
    UNION SELECT {FOUND_BY} FROM container)
"""
# A literal, a parameter, or LIKE.
_TOKEN = re.compile(r"'(?:[^']|'')*'|\?\d*|(?<!:):[a-z]\w*|\bLIKE\b")


def _binaries() -> Path | None:
    """The folder with the server's programs; Debian keeps them out of PATH, one for each version.

    The oldest version is the strictest: PostgreSQL 16 no longer asks for an alias of a subquery.
    """
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda each: each.parent.name)
    for folder in (*map(str, debian), os.environ.get("PATH")):
        found = shutil.which("initdb", path=folder)
        if found and (binaries := Path(found).resolve().parent).joinpath("postgres").exists():
            return binaries
    return None


BINARIES = _binaries()
_SETPRIV = shutil.which("setpriv")
needs_postgres = pytest.mark.skipif(
    BINARIES is None or _SETPRIV is None, reason="no PostgreSQL server or no setpriv is installed"
)


@contextmanager
def server() -> Iterator[str]:
    """A server on a Unix socket in a folder of its own, which ends with the block or with this
    process; yields the connection string of an empty database."""
    with TemporaryDirectory(prefix="porteye-postgres-") as name:
        folder = Path(name)
        if os.geteuid() == 0:
            os.chown(folder, int(_NOBODY), int(_NOBODY))
        made = _command(
            *("initdb", "--pgdata=data", "--username=porteye", "--auth=trust", "--no-sync"),
            *("--encoding=UTF8", "--locale=C"),
        )
        subprocess.run(made, cwd=folder, check=True, stdout=subprocess.DEVNULL)
        log = folder / "log"
        with log.open("wb") as out:
            # No TCP; -F: nothing here is worth a sync.
            run = _command("postgres", "-D", "data", "-k", name, "-c", "listen_addresses=", "-F")
            process = subprocess.Popen(run, cwd=folder, stdout=out, stderr=out)
        try:
            address = f"host={name} user=porteye dbname=postgres"
            until(lambda: _answers(process, address, log), "PostgreSQL answers")
            yield address
        finally:
            process.send_signal(signal.SIGINT)  # a fast shutdown
            process.wait(60)


def _command(program: str, *arguments: str) -> list[str]:
    """The command of a server's program, which ends with its parent; PostgreSQL refuses to run as
    root."""
    assert BINARIES is not None
    assert _SETPRIV is not None
    user = ("--reuid", _NOBODY, "--regid", _NOBODY, "--clear-groups") if os.geteuid() == 0 else ()
    return [_SETPRIV, *user, "--pdeathsig", "INT", str(BINARIES / program), *arguments]


def _answers(process: "subprocess.Popen[bytes]", address: str, log: Path) -> bool:
    assert process.poll() is None, log.read_text()
    try:
        psycopg.connect(address).close()
    except psycopg.OperationalError:
        return False
    return True


class Row(tuple[Any, ...]):
    """A row whose values have places and names, as those of sqlite3."""

    __slots__ = ()
    places: dict[str, int]

    def __getitem__(self, key: Any) -> Any:
        return super().__getitem__(self.places[key] if isinstance(key, str) else key)


def _rows(cursor: psycopg.Cursor[Any]) -> Callable[[Sequence[Any]], Row]:
    places = {column.name: place for place, column in enumerate(cursor.description or ())}
    return type("Row", (Row,), {"places": places})


class _Number(Loader):
    """A sum of integers is an integer, as in SQLite; a mean or a quotient is a float."""

    def load(self, data: Buffer) -> int | float:
        text = bytes(data)
        return float(text) if b"." in text else int(text)


class Postgres:
    """A connection that reads one moment of a database; an engine.Connection."""

    def __init__(self, address: str) -> None:
        self._connection = psycopg.connect(
            address,
            autocommit=True,
            cursor_factory=psycopg.RawCursor,
            row_factory=_rows,
            options=_OPTIONS,
        )
        self._connection.adapters.register_dumper(int, Int8Dumper)
        self._connection.adapters.register_loader("numeric", _Number)
        self.execute("BEGIN")

    def execute(self, sql: str, parameters: Any = (), /) -> psycopg.Cursor[Row]:
        text, names = to_store_error(sql)
        values = [parameters[name] for name in names] if names else parameters
        return self._connection.execute(text.encode(), values)

    def close(self) -> None:
        self._connection.close()


@contextmanager
def open_postgres(address: str) -> Iterator[Postgres]:
    with closing(Postgres(address)) as connection:
        yield connection


@lru_cache
def to_store_error(statement: str) -> tuple[str, tuple[str, ...]]:
    """The statement with PostgreSQL's parameters, and the names of these if they have any.

    >>> to_store_error("SELECT '?' WHERE a LIKE ? AND b = ?")
    ("SELECT '?' WHERE a ILIKE $1 AND b = $2", ())
    >>> to_store_error("SELECT :to - :since WHERE at > :since")
    ('SELECT $1 - $2 WHERE at > $2', ('to', 'since'))
    """
    names: dict[str, int] = {}
    count = 0

    def token(found: re.Match[str]) -> str:
        nonlocal count
        text = found[0]
        if text == "LIKE":  # without the case of ASCII letters, in a database of the locale C
            return "ILIKE"
        if text.startswith(":"):
            return f"${names.setdefault(text[1:], len(names) + 1)}"
        if text == "?":
            count += 1
            return f"${count}"
        return f"${text[1:]}" if text.startswith("?") else text

    return _TOKEN.sub(token, statement), tuple(names)


def copy(db: Path, address: str) -> None:
    """Make the tables, indexes and rows of a database of SQLite in an empty one of PostgreSQL."""
    with (
        closing(sqlite3.connect(f"{db.as_uri()}?mode=ro", uri=True)) as source,
        psycopg.connect(address, row_factory=tuple_row) as target,
    ):
        add_functions(source, db)
        target.execute(_FUNCTIONS)
        for (table,) in source.execute(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
        ).fetchall():
            _copy_table(source, target, table)
        for (index,) in source.execute(
            "SELECT sql FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL"
        ):
            target.execute(index)
        target.execute("CREATE TABLE sqlite_sequence (name text PRIMARY KEY, seq bigint NOT NULL)")
        _fill(target, "sqlite_sequence", source.execute("SELECT name, seq FROM sqlite_sequence"))
        _fill(target, "titling", source.execute(_TITLES))
        _fill(target, "exposing", source.execute(_EXPOSED))
        _fill(target, "folding", source.execute(_FOLDED))
        target.execute("ANALYZE")


def _copy_table(source: sqlite3.Connection, target: psycopg.Connection[Any], table: str) -> None:
    """A computed column becomes a plain one with the same values."""
    columns = source.execute(
        'SELECT name, type, "notnull", pk FROM pragma_table_xinfo(?)', (table,)
    ).fetchall()
    lines = [
        f'"{name}" {_TYPES[kind]}{" NOT NULL" if needed else ""}'
        for name, kind, needed, _ in columns
    ]
    key = ", ".join(name for name, *_, at in sorted(columns, key=lambda each: each[3]) if at)
    target.execute(f"CREATE TABLE {table} ({', '.join(lines)}, PRIMARY KEY ({key}))")
    names = ", ".join(f'"{name}"' for name, *_ in columns)
    _fill(target, table, source.execute(f"SELECT {names} FROM {table}"))


def _fill(target: psycopg.Connection[Any], table: str, rows: sqlite3.Cursor) -> None:
    with target.cursor().copy(f"COPY {table} FROM STDIN") as into:
        for row in rows:
            into.write_row(row)
