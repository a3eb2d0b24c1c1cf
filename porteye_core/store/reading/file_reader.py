"""A FileReader: the questions whose answers are changes between two moments, and files.

It loads no pandas, but takes as long to load as an answer of a RowReader takes.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import BinaryIO

from porteye_core.model import Filters
from porteye_core.store.file.connection import open_connection
from porteye_core.store.reading import changes, export
from porteye_core.store.reading.coverage import MomentCoverage
from porteye_core.store.reading.row_reader import RowReader
from porteye_core.store.reading.status import status


@contextmanager
def open_file_reader(db: Path) -> Iterator["FileReader"]:
    """A FileReader for one command; raises as open_reader does."""
    with open_connection(db) as connection:
        yield FileReader(connection, partial(status, connection, db))


class FileReader(RowReader):
    """A RowReader that also answers by changes and by files; see export."""

    def changes(
        self, filters: Filters, since: int, until: int, *, watching: bool
    ) -> changes.Changes | None:
        """The changes from one moment to a later one, the gravest first; None if nothing was
        recorded by then. The filters' times do not count."""
        watched = self.watched(watching=watching)
        return changes.changes(self._connection, watched, filters, since, until)

    def export_history(
        self,
        form: export.Form,
        filters: Filters,
        before: int | None = None,
        told: export.Told | None = None,
        more: export.Fields | None = None,
    ) -> Iterator[str]:
        """All events that the filters let through, in pieces of a file; told: is told of each
        piece how many events were read, and the time of the last. more: columns at the end of
        CSV."""
        return export.history(self._connection, form, filters, before, told, more or {})

    def write_parquet(
        self,
        out: BinaryIO,
        filters: Filters,
        told: export.Told,
        more: export.Fields | None = None,
    ) -> None:
        """Write all events that the filters let through as Parquet; raises ImportError without
        pyarrow. more: columns at the end."""
        from porteye_core.store.reading.parquet import write_history  # noqa: PLC0415 - only here

        write_history(self._connection, out, filters, told, more or {})

    def export_now(
        self, form: export.Form, filters: Filters, now: int, more: export.Fields | None = None
    ) -> Iterator[str]:
        """The listeners that are open, in pieces of a file; more: as in export_history."""
        return export.listeners_now(self._connection, form, filters, now, more or {})

    def export_at(
        self,
        form: export.Form,
        filters: Filters,
        at: int,
        coverage: MomentCoverage,
        more: export.Fields | None = None,
    ) -> Iterator[str]:
        """The listeners that were open at a moment, in pieces of a file; `coverage`: of it; more:
        as in export_history."""
        return export.listeners_at(self._connection, form, filters, at, coverage, more or {})

    def export_changes(
        self, form: export.Form, filters: Filters, since: int, until: int, *, watching: bool
    ) -> Iterator[str]:
        """The changes between two moments, in pieces of a file."""
        watched = self.watched(watching=watching)
        return export.changes(self._connection, form, filters, watched, since, until)
