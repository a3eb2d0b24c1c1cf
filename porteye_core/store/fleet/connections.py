"""Connections to the server that are kept from one moment to the next.

To connect takes as long as the questions of a view. psycopg's own pool says of a server that is
away only that no connection came in time; here the reason is told, and at once.
"""

import atexit
import threading
import time
from collections.abc import Callable
from functools import cache
from typing import Any

import psycopg

Connection = psycopg.Connection[tuple[Any, ...]]

# Connections at once, and the seconds for which a moment waits for one. Each takes some 8 MiB of
# the server.
_MOST, _PATIENCE = 16, 5.0
# Seconds after which a connection that nobody used is closed.
_UNUSED = 60.0
# Seconds in which a server that is away is not tried again: each part of a view would wait for it.
_AWAY = 2.0
# A server that cannot be reached, or answers no more, is told from a slow one within these times.
_CONNECT_TIMEOUT, _TCP_TIMEOUT = 5, 10_000  # seconds, milliseconds


class KeptConnections:
    """Connections to one server, each for one moment at a time; for any thread."""

    def __init__(
        self, connect: Callable[[], Connection], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._connect, self._clock = connect, clock
        self._free = threading.BoundedSemaphore(_MOST)
        self._lock = threading.Lock()
        self._kept = list[tuple[Connection, float]]()
        self._away: tuple[psycopg.Error, float] = psycopg.OperationalError(), float("-inf")

    def begin(self, statement: bytes) -> Connection:
        """A connection on which this statement has begun a transaction. Raises psycopg.Error."""
        if not self._free.acquire(timeout=_PATIENCE):
            raise psycopg.OperationalError(f"all {_MOST} connections are in use")
        try:
            return self._begun(statement)
        except BaseException:
            self._free.release()
            raise

    def end(self, connection: Connection) -> None:
        """End what `begin` began, keep the connection, and close those that nobody used for
        long."""
        try:
            connection.rollback()
        except psycopg.Error:
            connection.close()
        now = self._clock()
        with self._lock:
            if not connection.closed:
                self._kept.append((connection, now))
            old = [each for each in self._kept if now - each[1] > _UNUSED]
            self._kept = [each for each in self._kept if each not in old]
        self._free.release()
        for unused, _ in old:
            unused.close()

    def close(self) -> None:
        """Close the connections that nobody uses."""
        with self._lock:
            kept, self._kept = self._kept, []
        for unused, _ in kept:
            unused.close()

    def _begun(self, statement: bytes) -> Connection:
        while (kept := self._take()) is not None:
            try:
                kept.execute(statement)
            except psycopg.OperationalError:  # the server was started again meanwhile
                kept.close()
            else:
                return kept
        connection = self._new()
        try:
            connection.execute(statement)
        except BaseException:
            connection.close()
            raise
        return connection

    def _take(self) -> Connection | None:
        with self._lock:
            return self._kept.pop()[0] if self._kept else None

    def _new(self) -> Connection:
        why, since = self._away
        if self._clock() - since < _AWAY:
            raise type(why)(str(why))  # the same kind of error, which tells what may be said of it
        try:
            return self._connect()
        except psycopg.Error as err:
            self._away = err, self._clock()
            raise


@cache
def kept_connections(address: str) -> KeptConnections:
    """The connections of this process to an address of libpq; they end with it."""
    made = KeptConnections(lambda: _connected(address))
    atexit.register(made.close)
    return made


def _connected(address: str) -> Connection:
    return psycopg.connect(
        address,
        autocommit=True,
        connect_timeout=_CONNECT_TIMEOUT,
        tcp_user_timeout=_TCP_TIMEOUT,
        # A plan that knows the values is several times as fast as one for any, and a pooler gives
        # each transaction another session.
        prepare_threshold=None,
    )
