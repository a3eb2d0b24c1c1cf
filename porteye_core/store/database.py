"""The databases that page and API read: a file, or one host of a fleet.

What knows PostgreSQL is loaded for a host alone: without a fleet psycopg need not be there.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from porteye_core.store import reading

if TYPE_CHECKING:
    from porteye_core.store.fleet.hosts import FleetHost
    from porteye_core.store.reading import Reader, Status


@dataclass(frozen=True, slots=True)
class HostAtServer:
    """One host of a fleet; address: of its server, with a password; host_id: its number there."""

    address: str = field(repr=False)
    host_id: int
    name: str


Database = Path | HostAtServer
"""A file, or the host of a fleet that has what the host's own file has."""


@contextmanager
def open_reader(database: Database) -> Iterator["Reader"]:
    """A Reader for one page or request; all that it answers is of one moment.

    Raises StoreSlow, or StoreError if the server cannot be asked; of a file as reading.open_reader.
    """
    if isinstance(database, Path):
        with reading.open_reader(database) as reader:
            yield reader
        return
    from porteye_core.store.fleet.one_host.host_reader import open_host_reader  # noqa: PLC0415 - see above

    with open_host_reader(database.address, database.host_id) as reader:
        yield reader


def monitor_status(database: Database, now: int) -> "Status":
    """The state of the monitor that this database is of. Raises StoreError."""
    if isinstance(database, Path):
        return reading.monitor_status(database, now)
    with open_reader(database) as reader:
        return reader.status(now)


def find_host(address: str, name: str) -> HostAtServer | None:
    """The host of a fleet that has this name, also if it is retired; None if there is none. Raises
    StoreError."""
    from porteye_core.store.fleet.one_host.host_reader import host_number  # noqa: PLC0415 - see above

    number = host_number(address, name)
    return None if number is None else HostAtServer(address, number, name)


def fleet_host(of: HostAtServer) -> "FleetHost":
    """The host as the fleet knows it now: what it has shipped, and whether it reports. Raises
    StoreError."""
    from porteye_core.store.fleet.one_host.host_reader import host_now  # noqa: PLC0415 - see above

    return host_now(of.address, of.host_id)
