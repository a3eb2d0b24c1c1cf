"""Turns of many hosts in one transaction: a commit waits for the disk, whatever it has."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from porteye_core.store.alerts import Connection, transaction


class SharedTurns:
    """The transaction of several turns, which begins with the first one.

    After an error in it none of them is stored, and everything that took part is broken.
    """

    def __init__(self, connection: Connection, file: Path) -> None:
        self._connection, self._file = connection, file
        self._together: ExitStack | None = None
        self._has_begun = False

    @contextmanager
    def together(self) -> Iterator[None]:
        """Commit the turns of the block at its end. Raises StoreError."""
        with ExitStack() as stack:
            self._together, self._has_begun = stack, False
            try:
                yield
            finally:
                self._together = None

    @contextmanager
    def turn(self) -> Iterator[None]:
        """A turn, of its own outside of `together`. Raises StoreError."""
        if self._together is None:
            with transaction(self._connection, self._file):
                yield
            return
        if not self._has_begun:
            self._together.enter_context(transaction(self._connection, self._file))
            self._has_begun = True
        yield
