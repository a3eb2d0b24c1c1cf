"""Runs the real writer in two sessions, with a small WAL so that it is copied back often.

Arguments: the database, a file that takes the acknowledgements, and how SQLite is to synchronize.
"""

import os
import re
import sqlite3
import sys
from functools import partial
from pathlib import Path
from typing import Any

from porteye_core.store.writing.startup import open_writer
from tests.kit.churn import churn
from tests.kit.seeding import PLAN
from tests.kit.values import HOST, SECOND

_STEPS, _PAGES = 40, 40


class _Tuned(sqlite3.Connection):
    """The writer's own connection, but for two of its pragmas."""

    def execute(self, statement: str, *parameters: Any) -> sqlite3.Cursor:
        small = re.sub(r"(wal_autocheckpoint =) \d+", rf"\1 {_PAGES}", statement)
        return super().execute(small, *parameters)

    def executescript(self, script: str, /) -> sqlite3.Cursor:
        return super().executescript(re.sub(r"(synchronous =) FULL", rf"\1 {sys.argv[3]}", script))


def _acknowledge(line: str) -> None:
    os.write(_said, line.encode())


if __name__ == "__main__":
    sqlite3.connect = partial(sqlite3.connect, factory=_Tuned)  # type: ignore[assignment]
    _said = os.open(sys.argv[2], os.O_WRONLY | os.O_CREAT, 0o600)
    for session in (1, 2):
        with open_writer(Path(sys.argv[1]), HOST, session) as writer:
            first = session * 1_000
            writer.begin_watch(first * SECOND, PLAN)
            churn(writer, range(first, first + _STEPS), _acknowledge)
            writer.end_watch((first + _STEPS) * SECOND)
