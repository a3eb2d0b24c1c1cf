"""A real PostgreSQL server, with the tables of a database of SQLite or as the server of a fleet."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.rows import tuple_row

from benchmarks.postgres_server import (
    BINARIES,
    SETPRIV,
    VERSIONS,
    Access,
    Cluster,
    cluster,
    is_reachable,
)
from porteye_core.exposure import Bound
from porteye_core.store.file.connection import add_functions
from porteye_core.store.fleet.connections import kept_connections
from porteye_core.store.fleet.host_connection import HostConnection
from porteye_core.store.reading.listener_rows import FOUND_BY, from_tables, select_columns

__all__ = ["VERSIONS", "Access", "Cluster", "cluster", "is_reachable"]

_SETTINGS = "; SET LOCAL statement_timeout = '60s'"
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


needs_postgres = pytest.mark.skipif(
    BINARIES is None or SETPRIV is None, reason="no PostgreSQL server or no setpriv is installed"
)


@contextmanager
def server() -> Iterator[str]:
    """The address of an empty database on a server that ends with the block."""
    with cluster() as running:
        yield running.address


@contextmanager
def open_postgres(address: str) -> Iterator[HostConnection]:
    """One moment of the tables that `copy` made."""
    with closing(HostConnection(kept_connections(address), _SETTINGS, views=False)) as connection:
        yield connection


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
