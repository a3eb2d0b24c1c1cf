"""Connections that are kept: one moment each, and nothing of it for the next."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
import pytest

from porteye_core.store.fleet import connections
from porteye_core.store.fleet.connections import Connection, KeptConnections
from tests.kit.postgres import needs_postgres, server

pytestmark = needs_postgres
BEGIN = b"BEGIN READ ONLY; SET LOCAL porteye.host = '7'"


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with server() as running:
        yield running


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def kept(address: str, clock: Clock) -> Iterator[KeptConnections]:
    made = KeptConnections(lambda: psycopg.connect(address, autocommit=True), clock)
    yield made
    for connection, _ in made._kept:
        connection.close()


@contextmanager
def moment(kept: KeptConnections, begin: bytes = BEGIN) -> Iterator[Connection]:
    connection = kept.begin(begin)
    try:
        yield connection
    finally:
        kept.end(connection)


def backend(connection: Connection) -> int:
    return connection.info.backend_pid


def test_the_next_moment_has_the_same_connection_and_none_of_its_settings(
    kept: KeptConnections,
) -> None:
    with moment(kept) as connection:
        first = backend(connection)
        assert connection.execute("SHOW porteye.host").fetchone() == ("7",)
    with moment(kept, b"BEGIN") as connection:
        assert backend(connection) == first
        assert connection.execute("SHOW porteye.host").fetchone() == ("",)
        assert connection.execute("SHOW transaction_read_only").fetchone() == ("off",)


def test_two_moments_at_once_have_two_connections(kept: KeptConnections) -> None:
    with moment(kept) as one, moment(kept) as other:
        assert backend(one) != backend(other)


def test_a_moment_after_a_failed_statement_is_whole(kept: KeptConnections) -> None:
    with pytest.raises(psycopg.errors.UndefinedTable), moment(kept) as connection:
        connection.execute("SELECT * FROM nowhere")
    with moment(kept) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_connection_that_the_server_has_closed_is_made_anew(
    kept: KeptConnections, address: str
) -> None:
    with moment(kept) as connection:
        gone = backend(connection)
    with psycopg.connect(address, autocommit=True) as administrator:
        administrator.execute("SELECT pg_terminate_backend(%s, 60000)", (gone,))
    with moment(kept) as connection:
        assert backend(connection) != gone


def test_a_connection_that_nobody_uses_is_closed(kept: KeptConnections, clock: Clock) -> None:
    with moment(kept) as one:
        with moment(kept):
            pass
        clock.now += 61
    with moment(kept) as again:
        assert again is one
        assert one.closed is False
    assert len(kept._kept) == 1


def test_no_more_than_some_connections_are_made(
    kept: KeptConnections, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "_PATIENCE", 0.01)
    taken = [kept.begin(BEGIN) for _ in range(connections._MOST)]
    with pytest.raises(psycopg.OperationalError, match=r"all 16 connections are in use"):
        kept.begin(BEGIN)
    kept.end(taken.pop())
    taken.append(kept.begin(BEGIN))
    for each in taken:
        kept.end(each)


def away(tries: list[int]) -> Callable[[], Connection]:
    def connect() -> Connection:
        tries.append(1)
        raise psycopg.OperationalError("connection refused")

    return connect


def test_a_server_that_is_away_is_asked_once_in_a_while(clock: Clock) -> None:
    tries = list[int]()
    kept = KeptConnections(away(tries), clock)
    for later in (0.0, 1.0, 2.5):
        clock.now = later
        with pytest.raises(psycopg.OperationalError, match="connection refused"):
            kept.begin(BEGIN)
    assert len(tries) == 2


def test_a_refusal_takes_no_place(clock: Clock) -> None:
    kept = KeptConnections(away([]), clock)
    for _ in range(connections._MOST + 1):
        with pytest.raises(psycopg.OperationalError, match="connection refused"):
            kept.begin(BEGIN)
