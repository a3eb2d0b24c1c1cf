"""A Reader of one host of the fleet, whose errors are those of a database.

What needs pandas is loaded for a Reader alone: the alerts process does with a RowReader.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

import psycopg
from psycopg import errors

from porteye_core.errors import StoreError
from porteye_core.store import reading
from porteye_core.store.file.connection import slow
from porteye_core.store.fleet.host_connection import HostConnection, open_host
from porteye_core.store.fleet.hosts import FleetHost, host
from porteye_core.store.fleet.one_host.host_status import status
from porteye_core.store.fleet.server import ADDRESS_HINT, NOT_MADE, is_no_address, reason
from porteye_core.store.reading import RowReader

if TYPE_CHECKING:
    from porteye_core.store.reading import Reader

# One of several hosts of a name, all of them retired but one, is called as hosts.addresses says.
_NUMBER = """
SELECT host_id FROM fleet.host WHERE name = :name OR name || '~' || host_id = :name
ORDER BY retired_at IS NOT NULL, host_id DESC LIMIT 1
"""
NO_HOST = 0  # a number that no host has


@contextmanager
def open_host_reader(address: str, host_id: int) -> Iterator["Reader"]:
    """A Reader of one moment of a host. Raises StoreSlow or StoreError."""
    with asked(address, host_id) as connection:
        # By the server's clock, it is the same at any time of this moment.
        known = cache(lambda: status(connection, host_id))
        yield reading.Reader(connection, lambda _now: known())


@contextmanager
def open_host_rows(address: str, host_id: int) -> Iterator[RowReader]:
    """A RowReader of one moment of a host. Raises StoreSlow or StoreError."""
    with asked(address, host_id) as connection:
        yield RowReader(connection, lambda _now: status(connection, host_id))


def host_now(address: str, host_id: int) -> FleetHost:
    """The host as the fleet knows it now. Raises StoreSlow or StoreError."""
    with asked(address, host_id) as connection:
        return host(connection, host_id)


def host_number(address: str, name: str) -> int | None:
    """The number of the host of this name, of a retired one if no other has it, or of the host of
    this address among those of its name; None if there is none. Raises StoreSlow or StoreError."""
    if not name.isprintable():  # what no database takes as a text
        return None
    with asked(address, NO_HOST) as connection:
        row = connection.execute(_NUMBER, {"name": name}).fetchone()
    return None if row is None else int(row[0])


@contextmanager
def asked(address: str, host_id: int) -> Iterator[HostConnection]:
    """A connection to one moment of a host, NO_HOST for the tables of the fleet alone. Raises
    StoreSlow or StoreError."""
    try:
        with open_host(address, host_id) as connection:
            yield connection
    except psycopg.Error as err:
        raise _store_error(err) from err


def _store_error(err: psycopg.Error) -> StoreError:
    if isinstance(err, errors.QueryCanceled):
        return slow()
    if isinstance(err, errors.InsufficientPrivilege):
        return StoreError(
            "The login of PORTEYE_FLEET may not read the fleet.",
            "An administrator lets it: GRANT porteye_reader TO its login.",
        )
    if isinstance(err, NOT_MADE):
        return StoreError(
            "The database of PORTEYE_FLEET has no fleet, or one of another version.",
            "An administrator runs: porteye fleet init.",
        )
    if is_no_address(err):
        return StoreError("PORTEYE_FLEET is no address of libpq.", ADDRESS_HINT)
    return StoreError(
        f"The fleet's server cannot be asked: {reason(err)}.", "It is tried again and again."
    )
