"""Authorizer and time limit of a reader's connection.

`mode=ro` is no sandbox: ATTACH on such a connection creates a new file, and a query without a time
limit holds its thread and the database's WAL.
"""

import sqlite3
import time
from typing import Any, Self

MAX_QUERY_TIME = 5.0  # seconds; queries of page and API are meant to take 0.05
# Number of SQLite's steps between two checks of the clock, a few tenths of a millisecond.
_STEPS = 10_000
_ACTIONS = frozenset(
    {
        sqlite3.SQLITE_SELECT,
        sqlite3.SQLITE_READ,
        sqlite3.SQLITE_RECURSIVE,
        sqlite3.SQLITE_TRANSACTION,
    }
)
_FORBIDDEN_FUNCTIONS = frozenset({"load_extension", "fts3_tokenizer"})
# What these answer is read; with a value they would be set.
_PRAGMAS = frozenset(
    {
        *("application_id", "auto_vacuum", "compile_options", "data_version", "database_list"),
        *(
            "encoding",
            "freelist_count",
            "journal_mode",
            "max_page_count",
            "page_count",
            "page_size",
        ),
        *("query_only", "schema_version", "table_list", "user_version"),
    }
)
# These take a table, or a number of findings, and change nothing.
_OF_A_TABLE = frozenset(
    {
        "foreign_key_check",
        "integrity_check",
        "quick_check",
        "foreign_key_list",
        "index_info",
        "index_list",
        "index_xinfo",
        "table_info",
        "table_xinfo",
    }
)


class GuardedConnection(sqlite3.Connection):
    """A connection that reads, and gives a statement up that SQLite works on for too long."""

    _until = 0.0

    def bound(self) -> Self:
        """From now on nothing but reading is authorized, and every statement has its time."""
        self.set_authorizer(_authorized)
        self.set_progress_handler(self._is_late, _STEPS)
        self.renew()
        return self

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        """As sqlite3 does; the statement's time begins here."""
        self.renew()
        return super().execute(sql, parameters)

    def renew(self) -> None:
        """Restart the time limit for the next statement."""
        self._until = time.monotonic() + MAX_QUERY_TIME

    def _is_late(self) -> bool:
        return time.monotonic() > self._until


def is_late(err: sqlite3.Error) -> bool:
    """Tell that a statement was interrupted by the time limit."""
    return getattr(err, "sqlite_errorcode", None) == sqlite3.SQLITE_INTERRUPT


def _authorized(
    action: int, first: str | None, second: str | None, _database: str | None, _by: str | None
) -> int:
    """Authorize one action of a statement; SQLite calls this while it prepares the statement."""
    if action == sqlite3.SQLITE_FUNCTION:
        allowed = second not in _FORBIDDEN_FUNCTIONS
    elif action == sqlite3.SQLITE_PRAGMA:
        allowed = (first in _PRAGMAS and second is None) or first in _OF_A_TABLE
    elif action == sqlite3.SQLITE_UPDATE:
        # SQLite declares table-valued functions such as json_each this way, and protects the table.
        allowed = first == "sqlite_master"
    else:
        allowed = action in _ACTIONS
    return sqlite3.SQLITE_OK if allowed else sqlite3.SQLITE_DENY
