"""Thousands of hosts, each with its login, that ship through a handful of connections."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from porteye_core.store.file.connection import open_connection
from porteye_core.store.fleet.server import Server, connect
from porteye_core.store.fleet.shipping.local_rows import origin
from porteye_core.store.fleet.shipping.shipper import Shipper

CONNECTIONS = 4
# The rows and roles that enrolment makes, without a password: nobody logs in.
_ENROL = """
DO $$
DECLARE number integer;
BEGIN
    FOR number IN 1..{hosts} LOOP
        EXECUTE format('CREATE ROLE agent_%s LOGIN CONNECTION LIMIT 4 IN ROLE porteye_agent',
            number);
        INSERT INTO fleet.host (host_id, name, role, enrolled_at)
        VALUES (number, 'host-' || number, 'agent_' || number, fleet.now_us());
    END LOOP;
    PERFORM setval('fleet.host_host_id_seq', {hosts});
END $$
"""


def enrol_many(address: str, hosts: int) -> None:
    """Enrol hosts with the numbers from 1 on."""
    with connect(address) as server:
        server.execute(_ENROL.format(hosts=hosts).encode())


def ship_each(address: str, db: Path, hosts: range) -> None:
    """Ship one batch of a history as each of these hosts, by a few connections of the
    administrator that are one login after the other."""

    def ship(server: Server) -> None:
        Shipper(db, server).ship()

    _each(address, hosts, ship)


def ship_all_of_each(address: str, db: Path, hosts: range) -> None:
    """Ship the whole history as each of these hosts."""

    def ship(server: Server) -> None:
        shipper = Shipper(db, server)
        while not shipper.ship().is_last:
            pass

    _each(address, hosts, ship)


def look_each(address: str, db: Path, hosts: range) -> None:
    """Look for news as each of these hosts, which have none: what a shipper does in vain."""

    with open_connection(db) as connection:
        name = origin(connection)

    def look(server: Server) -> None:
        server.execute("SELECT * FROM fleet.hello(%s::uuid)", (name,))

    _each(address, hosts, look)


def _each(address: str, hosts: range, act: Callable[[Server], None]) -> None:
    def share(first: int) -> None:
        with connect(address) as server:
            for number in hosts[first::CONNECTIONS]:
                with _as_login(server, number):
                    act(server)

    with ThreadPoolExecutor(CONNECTIONS) as threads:
        list(threads.map(share, range(CONNECTIONS)))


@contextmanager
def _as_login(server: Server, number: int) -> Iterator[None]:
    """The connection as that of a host's login, which `fleet.me()` asks for."""
    server.execute(f"SET SESSION AUTHORIZATION agent_{number}".encode())
    try:
        yield
    finally:
        server.execute("RESET SESSION AUTHORIZATION")
