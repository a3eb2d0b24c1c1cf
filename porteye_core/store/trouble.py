"""What SQLite's errors mean for a writer: a damaged file, or one that takes no write now."""

import sqlite3

from porteye_core.errors import StoreDamaged, StoreError, StoreUnwritable

_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
# What other processes and a full, read-only or failing disk cause: it may pass.
_PASSING = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_READONLY,
    }
)
_PRIMARY = 0xFF  # the rest of an extended code says more than is needed here


def translated(
    err: sqlite3.Error, what: str = "The database did not take a write", hint: str = ""
) -> StoreError:
    """The error of this house for one of SQLite's: StoreDamaged, StoreUnwritable or, for what only
    a mistake in a statement causes, StoreError."""
    code = (getattr(err, "sqlite_errorcode", None) or 0) & _PRIMARY
    kind = StoreDamaged if code in _DAMAGED else StoreUnwritable if code in _PASSING else StoreError
    return kind(f"{what}: {err}.", hint)
