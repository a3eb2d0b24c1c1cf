"""Translation of SQLite's errors: a damaged file, or a file that cannot be written now."""

import sqlite3

from porteye_core.errors import StoreDamaged, StoreError, StoreUnwritable

_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
# Caused by other processes or a full, read-only or failing disk: these errors may pass.
_TEMPORARY = frozenset(
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
_PRIMARY = 0xFF  # mask of the primary code in an extended one
# Error of Python, without a code, for bytes that are not text: PortEye writes no such bytes.
_NOT_TEXT = "Could not decode to UTF-8"


def to_store_error(
    err: sqlite3.Error, what: str = "The database did not take a write", hint: str = ""
) -> StoreError:
    """Translate an error of SQLite; `what` starts its sentence.

    StoreDamaged, StoreUnwritable, or StoreError for a mistake in a statement.
    """
    code = (getattr(err, "sqlite_errorcode", None) or 0) & _PRIMARY
    if code in _DAMAGED or str(err).startswith(_NOT_TEXT):
        return StoreDamaged(f"{what}: {err}.", hint)
    kind = StoreUnwritable if code in _TEMPORARY else StoreError
    return kind(f"{what}: {err}.", hint)
