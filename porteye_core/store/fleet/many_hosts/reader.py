"""One moment of the whole fleet, for questions over many hosts."""

import threading
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from psycopg.rows import dict_row

from porteye_core.errors import FleetBusy
from porteye_core.store.fleet.connections import kept_connections
from porteye_core.store.fleet.server import Server, answered, connect, told

# As for one host's page: to compile a statement, or to read side by side, takes longer than it
# saves. Settings end with the transaction, for the connection is another question's next.
_BEGIN = b"""
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL search_path = fleet, pg_catalog;
SET LOCAL statement_timeout = '10s'; SET LOCAL work_mem = '32MB'; SET LOCAL jit = off;
SET LOCAL max_parallel_workers_per_gather = 0; SET LOCAL random_page_cost = 1
"""
# Of a file: each of its batches may take as long, and its client as long to take one. A moment of
# the server that stays for longer would keep its tables from being cleaned.
_OF_A_FILE = b"""
SET LOCAL statement_timeout = '60s'; SET LOCAL idle_in_transaction_session_timeout = '10min'
"""
# Each takes a connection, of which a server has a hundred, for as long as its client takes.
_MOST_FILES = 8
_files = threading.BoundedSemaphore(_MOST_FILES)
_ASKED = "The fleet could not be asked"


class FleetReader:
    """Asks one moment of the fleet; every question raises FleetError, or StoreSlow."""

    def __init__(self, server: Server) -> None:
        self.server = server

    def rows(self, statement: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """The rows of a question."""
        with answered(_ASKED):
            return self.server.execute(statement.encode(), parameters).fetchall()

    def records(self, statement: str, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The rows of a question with the names of their columns."""
        with answered(_ASKED), self.server.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(statement.encode(), parameters).fetchall()

    def batches(
        self, statement: str, parameters: Mapping[str, Any], size: int
    ) -> Generator[Sequence[tuple[Any, ...]]]:
        """The rows of a question in batches, of which the first may be empty; those that follow
        wait in a cursor of the server."""
        with answered(_ASKED), self.server.cursor("batches") as cursor:
            cursor.execute(statement.encode(), parameters)
            yield cursor.fetchmany(size)
            while rows := cursor.fetchmany(size):
                yield rows

    @property
    def now(self) -> int:
        """The time of the server."""
        return int(self.rows("SELECT now_us()", {})[0][0])

    @property
    def kept_from(self) -> int:
        """The time from which the fleet has everything that its hosts have shipped."""
        return int(self.rows("SELECT kept_from FROM setting", {})[0][0])


@contextmanager
def open_fleet(address: str) -> Iterator[FleetReader]:
    """A reader of one moment; a login that has the role porteye_reader is enough. Raises
    FleetError."""
    kept = kept_connections(address)
    with told("The fleet's server cannot be reached"):
        server = kept.begin(_BEGIN)
    try:
        yield FleetReader(server)
    finally:
        kept.end(server)


@contextmanager
def open_for_file(address: str) -> Iterator[FleetReader]:
    """A reader of one moment for a file, which may take hours, by a connection of its own. Raises
    FleetError, FleetBusy if there are too many already."""
    if not _files.acquire(blocking=False):
        raise FleetBusy(
            f"{_MOST_FILES} answers are being sent already.", "Try again when one has ended."
        )
    try:
        with connect(address) as server:
            server.execute(_BEGIN)
            server.execute(_OF_A_FILE)
            yield FleetReader(server)
    finally:
        _files.release()
