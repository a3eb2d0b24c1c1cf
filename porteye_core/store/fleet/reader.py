"""One moment of the whole fleet, for questions over many hosts."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from porteye_core.store.fleet.server import Server, connect, told

# As for one host's page: to compile a statement, or to read side by side, takes longer than it
# saves; a plan that knows the values is several times as fast as one for any.
_OPTIONS = (
    "-c default_transaction_isolation=repeatable\\ read -c default_transaction_read_only=on"
    " -c search_path=fleet,pg_catalog -c statement_timeout=10s"
    " -c work_mem=32MB -c jit=off -c max_parallel_workers_per_gather=0 -c random_page_cost=1"
)


class FleetReader:
    """Asks one moment of the fleet; every question raises FleetError."""

    def __init__(self, server: Server) -> None:
        self.server = server

    def rows(self, statement: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """The rows of a question."""
        with told("The fleet could not be asked"):
            return self.server.execute(statement.encode(), parameters).fetchall()

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
    """A reader of one moment; a login that has the role porteye_reader is enough."""
    with connect(address, options=_OPTIONS, prepare_threshold=None) as server, server.transaction():
        yield FleetReader(server)
