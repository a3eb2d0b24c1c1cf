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
# Python's own error, without a code, for bytes that are no text: PortEye writes none.
_NO_TEXT = "Could not decode to UTF-8"


def translated(
    err: sqlite3.Error, what: str = "The database did not take a write", hint: str = ""
) -> StoreError:
    """The error of this house for one of SQLite's: StoreDamaged, StoreUnwritable or, for what only
    a mistake in a statement causes, StoreError."""
    code = (getattr(err, "sqlite_errorcode", None) or 0) & _PRIMARY
    if code in _DAMAGED or str(err).startswith(_NO_TEXT):
        return StoreDamaged(f"{what}: {err}.", hint)
    kind = StoreUnwritable if code in _PASSING else StoreError
    return kind(f"{what}: {err}.", hint)
