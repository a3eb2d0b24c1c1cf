"""The database of one host that is followed: a file of this machine, or a host of a fleet."""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from porteye_core.alerts.alert_clock import Moment
from porteye_core.alerts.database_file import DatabaseFile
from porteye_core.store.reading import RowReader, open_row_reader


class Source(Protocol):
    """A database that grows, and may be replaced or away."""

    @property
    def identity(self) -> str:
        """A text that another database in its place does not have; empty without one."""

    def has_changed(self) -> bool:
        """Tell that it may have been written to since the last call."""

    def forget(self) -> None:
        """Take it for changed at the next call, whatever it is."""

    def open(self) -> AbstractContextManager[RowReader]:
        """A reader of one moment. Raises StoreError."""

    def up(self, now: Moment) -> int:
        """Microseconds since the machine started."""


class FileSource:
    """The database of this machine."""

    def __init__(self, db: Path) -> None:
        self._db, self._file = db, DatabaseFile(db)

    @property
    def identity(self) -> str:
        """A text that another file of the same name does not have."""
        return self._file.identity

    def has_changed(self) -> bool:
        """Tell that the file may have been written to since the last call."""
        return self._file.has_changed()

    def forget(self) -> None:
        """Take the file for changed at the next call."""
        self._file.forget()

    def open(self) -> AbstractContextManager[RowReader]:
        """A reader of one moment. Raises StoreError."""
        return open_row_reader(self._db)

    def up(self, now: Moment) -> int:
        """Microseconds since this machine started."""
        return now.elapsed
