"""The protocol between the statements of the reading side and the database engine that runs them.

The statements are written in SQL that SQLite 3.37 and PostgreSQL 15 both accept: every subquery in
FROM has an alias, CROSS JOIN takes no ON, a condition is a boolean, and CASE stands for iif, for
the maximum of two values and for the sum of a comparison. tests/unit/store/test_engine.py compares
the answers of both.

An adapter for another engine provides, beside this protocol:

- parameters as `?` and by name as `:name` (Python 3.12.1 warns about `?1`);
- LIKE that ignores the case of ASCII letters alone, and order by code point;
- the functions `casefold(text)`, `title(name, exe, cmdline)` (see programs.title),
  `exposure(address, interface, interface_kind, v6only, namespace)` (see exposure.exposure),
  `json_each(text)` with the column `value`, for an array of integers, and `database_identity()`: a
  text that no other database has, NULL if the database is no longer where it was opened;
- the table `sqlite_sequence` with a row for each table that numbers its own rows: its `name`, and
  as `seq` the highest id that it ever had;
- BEGIN and ROLLBACK, between which all statements read one moment.
"""

from collections.abc import Iterator
from typing import Any, Protocol


class Row(Protocol):
    """A row of an answer, whose values have places and names."""

    def __getitem__(self, key: Any, /) -> Any:
        """The value at a place or of a name."""
        ...

    def __iter__(self) -> Iterator[Any]:
        """The values in the order of the columns."""
        ...


class Answer(Protocol):
    """The rows of a statement, each of which is fetched once."""

    @property
    def description(self) -> Any:
        """A sequence for each column, which begins with its name."""
        ...

    def fetchone(self) -> Any:
        """The next row, None after the last one."""
        ...

    def fetchall(self) -> list[Any]:
        """The rows that are left."""
        ...

    def __iter__(self) -> Iterator[Any]:
        """The rows that are left, one by one."""
        ...


class Connection(Protocol):
    """A connection that reads."""

    def execute(self, sql: str, parameters: Any = ..., /) -> Answer:
        """Run a statement; `parameters` is a sequence, or a mapping where they have names."""
        ...
