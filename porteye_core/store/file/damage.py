"""Detection of damage in a database, and the errors that it causes.

SQLite has no checksums of its pages. Its checks find pages, indexes and types that contradict each
other; values that PortEye cannot have written are found by reading all values.
"""

import json
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import cache
from ipaddress import ip_address

from porteye_core.errors import StoreDamaged, StoreError
from porteye_core.model import Limitation
from porteye_core.store.file import migrations
from porteye_core.store.file.authorizer import is_late
from porteye_core.store.file.sqlite_errors import to_store_error

# Maximum size in bytes at which a check takes about a second.
_CHECKS = ((128_000_000, "integrity_check"), (256_000_000, "quick_check"))
# Errors that Python raises for an impossible value, such as a text for a number or a missing row.
UNEXPECTED = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
)

# Maximum of a writer's search after an error, during which the monitor's loop waits.
_MAX_SEARCH, _STEPS = 5.0, 10_000  # seconds; SQLite's steps between two checks of the clock
# Maximum time of pandas in microseconds: it stores 64 bits of nanoseconds.
_MAX_TIME = 2**63 // 1000
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
    "pack": ("bucket",),
    "dropped": ("before",),
}
# Maximum id of a table, with room for later rows. The search for orphans takes one bit per id of
# processes and programs.
_MAX_IDS = {"process": 2**32, "program": 2**32, "watch": 2**53, "listener": 2**53, "event": 2**53}


def check_of(size: int) -> str:
    """SQLite's most thorough check that takes about a second for this size; empty if none.

    size: bytes.
    """
    return next((check for max_size, check in _CHECKS if size <= max_size), "")


def flaw(connection: sqlite3.Connection, check: str = "integrity_check") -> str:
    """First contradiction that SQLite's check finds, in one line; empty if none.

    Raises sqlite3.Error with the code SQLITE_INTERRUPT after the connection's time limit.
    """
    try:
        found = connection.execute(f"PRAGMA {check}(1)").fetchone()[0]
    except sqlite3.Error as err:
        if is_late(err):
            raise
        return str(err)
    except UnicodeDecodeError:
        return "its schema is not text"
    return "" if found == "ok" else " ".join(str(found).split())


def impossible(connection: sqlite3.Connection) -> str:
    """First value that PortEye cannot have written, though SQLite's check passes; empty if none.

    Raises sqlite3.Error.
    """
    return next(filter(None, (each(connection) for each in _SEARCHES)), "")


def check_ids(connection: sqlite3.Connection) -> None:
    """Raise StoreDamaged if the next row of a table would get an id that no table can reach."""
    for table, max_id in _MAX_IDS.items():
        last = connection.execute(f"SELECT max(id) FROM {table}").fetchone()[0]
        if last is not None and not 0 < last < max_id:
            raise StoreDamaged(f"A row of {table} has the id {last}.")
    for table, last in connection.execute("SELECT name, seq FROM sqlite_sequence"):
        if not (isinstance(last, int) and 0 <= last < 2**53):
            raise StoreDamaged(f"The table sqlite_sequence has the id {last} for {table}.")


@contextmanager
def explained(connection: sqlite3.Connection, what: str) -> Iterator[None]:
    """Raise StoreDamaged for an error of the block that damage of the database explains.

    Other errors of SQLite become StoreUnwritable or StoreError, whose sentence starts with `what`.
    Other errors of Python, mistakes of the program, pass.
    """
    try:
        yield
    except sqlite3.Error as err:
        error = to_store_error(err, what)
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
    """Search for damage that explains an error.

    A mistake in a statement or in the program causes the same errors.
    """
    if isinstance(err, StoreError) and type(err) is not StoreError:
        return None  # its cause is known
    until = time.monotonic() + _MAX_SEARCH
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
    return f"a row of {row[0]} refers to a missing row of {row[2]}" if row else ""


def _schema(connection: sqlite3.Connection) -> str:
    written = dict(connection.execute("SELECT name, sql FROM sqlite_master"))
    for name, sql in _expected(migrations.version(connection)).items():
        if written.get(name) != sql:
            return f"{name} has another schema than that of the database's version"
    return ""


@cache
def _expected(version: int) -> dict[str, str]:
    """Statements of the schema of a version, by the name of the table or index."""
    with closing(sqlite3.connect(":memory:")) as empty:
        empty.executescript("".join(migrations.STEPS[:version]))
        return dict(empty.execute("SELECT name, sql FROM sqlite_master"))


def _times(connection: sqlite3.Connection) -> str:
    for table, columns in _TIMES.items():
        for column in columns:
            if connection.execute(
                f"SELECT 1 FROM {table} WHERE {column} NOT BETWEEN ? AND ? LIMIT 1",
                (-_MAX_TIME, _MAX_TIME),
            ).fetchone():
                return f"a row of {table} has an impossible time in {column}"
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
                return f"a row of {table} has an unreadable text in {column}"
    return ""


def _packs(connection: sqlite3.Connection) -> str:
    """Arrays of a pack that have not one value for each port, of 1, 2 or 4 bytes."""
    fits = "IN (length(ports) / 2, length(ports), length(ports) * 2)"
    row = connection.execute(
        "SELECT 1 FROM pack WHERE ports IS NOT NULL AND (length(ports) % 2 = 1 OR ports = x''"
        f" OR (length(programs) {fits} AND length(opened) {fits} AND length(closed) {fits})"
        " IS NOT TRUE) LIMIT 1"
    ).fetchone()
    return "a row of pack has arrays of different lengths" if row else ""


def _read_address(text: str) -> None:
    ip_address(text.partition("%")[0])


def _read_limits(text: str) -> None:
    for each in json.loads(text):
        Limitation(**each)


def _read_parents(text: str) -> None:
    for each in json.loads(text):
        _ = each["pid"], each["name"]


_SEARCHES: tuple[Callable[[sqlite3.Connection], str], ...] = (
    _references,
    _schema,
    _times,
    _texts,
    _packs,
)
