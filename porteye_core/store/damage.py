"""Damage of a database: what can be found of it, and errors that it explains.

SQLite keeps no checksums of its pages. Its checks find pages, indexes and types that contradict
each other; a value that PortEye cannot have written is found by looking at the values.
"""

import json
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import cache
from ipaddress import ip_address

from porteye_core.errors import StoreDamaged, StoreError
from porteye_core.model import Limit
from porteye_core.store import migrations
from porteye_core.store.bounds import is_late
from porteye_core.store.trouble import translated

# Up to so many bytes a check takes about a second.
_CHECKS = ((128_000_000, "integrity_check"), (256_000_000, "quick_check"))
# What Python raises over a value that cannot be: a text where a number must be, a missing row.
UNEXPECTED = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
)

# A writer searches for so long after an error: the loop of a monitor waits meanwhile.
_LONGEST_SEARCH, _STEPS = 5.0, 10_000  # seconds, and SQLite's steps between two looks at the clock
# pandas keeps no later time than this: nanoseconds since the epoch, in 64 bits.
_LATEST = 2**63 // 1000
_TIMES = {
    "host": ("booted_at",),
    "process": ("started_at",),
    "watch": ("started_at", "seen_at", "stopped_at"),
    "listener": ("opened_at", "closed_at"),
    "event": ("at",),
    "tick": ("at", "at - gap", "at - jump"),
    "rollup": ("bucket",),
    "turnover": ("bucket",),
    "activity": ("bucket",),
    "dropped": ("before",),
}
# The largest number that a row can have, and others still follow. Of processes and programs one bit
# for each number is kept while those without a listener are sought.
_NUMBERED = {"process": 2**32, "program": 2**32, "watch": 2**53, "listener": 2**53, "event": 2**53}


def check_of(size: int) -> str:
    """The most thorough check of SQLite's that a file of this many bytes passes in about a second,
    empty if none does."""
    return next((check for most, check in _CHECKS if size <= most), "")


def flaw(connection: sqlite3.Connection, check: str = "integrity_check") -> str:
    """The first contradiction that a check of SQLite's finds, in one line; empty if none.

    Raises sqlite3.Error of the code SQLITE_INTERRUPT if the connection's time is over.
    """
    try:
        found = connection.execute(f"PRAGMA {check}(1)").fetchone()[0]
    except sqlite3.Error as err:
        if is_late(err):
            raise
        return str(err)
    except UnicodeDecodeError:
        return "its schema is no text"
    return "" if found == "ok" else " ".join(str(found).split())


def impossible(connection: sqlite3.Connection) -> str:
    """The first thing that PortEye cannot have written, though every page is sound; empty if none.

    Raises sqlite3.Error.
    """
    return next(filter(None, (each(connection) for each in _SEARCHES)), "")


def check_numbers(connection: sqlite3.Connection) -> None:
    """Raise StoreDamaged if the next row of a table would get a number that no table can reach."""
    for table, most in _NUMBERED.items():
        last = connection.execute(f"SELECT max(id) FROM {table}").fetchone()[0]
        if last is not None and not 0 < last < most:
            raise StoreDamaged(f"A row of {table} has the number {last}.")
    for table, last in connection.execute("SELECT name, seq FROM sqlite_sequence"):
        if not (isinstance(last, int) and 0 <= last < 2**53):
            raise StoreDamaged(f"The table sqlite_sequence has the number {last} for {table}.")


@contextmanager
def explained(connection: sqlite3.Connection, what: str) -> Iterator[None]:
    """Raise StoreDamaged for an error of the block that damage of the writer's database explains,
    and StoreUnwritable or StoreError for any other of SQLite's; `what` opens their sentence. A
    mistake of the program stays itself.
    """
    try:
        yield
    except sqlite3.Error as err:
        error = translated(err, what)
        raise _damage_behind(connection, error) or error from err
    except StoreError as err:
        if damage := _damage_behind(connection, err):
            raise damage from err
        raise
    except UNEXPECTED as err:
        if damage := _damage_behind(connection, err):
            raise damage from err
        raise


def _damage_behind(connection: sqlite3.Connection, err: Exception) -> StoreDamaged | None:
    """The damage behind an error that a mistake in a statement or in the program may have, too."""
    if isinstance(err, StoreError) and type(err) is not StoreError:
        return None  # known for what it is already
    until = time.monotonic() + _LONGEST_SEARCH
    connection.set_progress_handler(lambda: time.monotonic() > until, _STEPS)
    try:
        found = flaw(connection) or impossible(connection)
    except sqlite3.Error as failed:
        found = "" if is_late(failed) else str(failed)
    finally:
        connection.set_progress_handler(None, 0)
    return StoreDamaged(f"The database is damaged: {found}.") if found else None


def _references(connection: sqlite3.Connection) -> str:
    row = connection.execute("PRAGMA foreign_key_check").fetchone()
    return f"a row of {row[0]} refers to none of {row[2]}" if row else ""


def _schema(connection: sqlite3.Connection) -> str:
    written = dict(connection.execute("SELECT name, sql FROM sqlite_master"))
    for name, sql in _expected(migrations.version(connection)).items():
        if written.get(name) != sql:
            return f"{name} has another schema than that of the database's version"
    return ""


@cache
def _expected(version: int) -> dict[str, str]:
    """What the steps up to a version make, by name."""
    with closing(sqlite3.connect(":memory:")) as made:
        made.executescript("".join(migrations.STEPS[:version]))
        return dict(made.execute("SELECT name, sql FROM sqlite_master"))


def _times(connection: sqlite3.Connection) -> str:
    for table, columns in _TIMES.items():
        for column in columns:
            if connection.execute(
                f"SELECT 1 FROM {table} WHERE {column} NOT BETWEEN ? AND ? LIMIT 1",
                (-_LATEST, _LATEST),
            ).fetchone():
                return f"a row of {table} has a time that cannot be, in {column}"
    return ""


def _texts(connection: sqlite3.Connection) -> str:
    for table, column, read in (
        ("listener", "address", _read_address),
        ("watch", "limits", _read_limits),
        ("process", "parents", _read_parents),
    ):
        for (text,) in connection.execute(f"SELECT DISTINCT {column} FROM {table}"):
            try:
                read(text)
            except UNEXPECTED:
                return f"a row of {table} has a text that cannot be read, in {column}"
    return ""


def _read_address(text: str) -> None:
    ip_address(text.partition("%")[0])


def _read_limits(text: str) -> None:
    for each in json.loads(text):
        Limit(**each)


def _read_parents(text: str) -> None:
    for each in json.loads(text):
        _ = each["pid"], each["name"]


_SEARCHES: tuple[Callable[[sqlite3.Connection], str], ...] = (
    _references,
    _schema,
    _times,
    _texts,
)
