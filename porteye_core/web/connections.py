"""Limits of the server's connections: their number, and the time that one may be silent.

uvicorn limits neither. It waits forever for the rest of a request, and counts connections only at
a complete request. While no descriptor is free, asyncio of Python 3.11 retries the whole backlog
and logs a line each time.
"""

import asyncio
import errno
import logging
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any, Protocol

if sys.platform != "win32":
    import resource

log = logging.getLogger("porteye.connections")

_MAX = 1000
_MIN = 16
_BURST = 128  # connections that are accepted at once, before one is counted
_PATIENCE = 10.0  # seconds in which a request has to be complete
_SWEEP_INTERVAL = 1.0  # seconds
_QUIET = 60.0  # seconds between two log lines of the same message
_NO_RESOURCES = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
_MAKERS = ("create_server", "create_unix_server")

_Factory = Callable[[], asyncio.BaseProtocol]
_Maker = Callable[..., Coroutine[Any, Any, asyncio.AbstractServer]]


class _Cycle(Protocol):
    """Attributes of uvicorn's request cycle that are used here."""

    more_body: bool
    response_started: bool
    response_complete: bool


@asynccontextmanager
async def bounded_connections(
    maximum: int | None = None, clock: Callable[[], float] = time.monotonic
) -> AsyncIterator["Connections"]:
    """Limit the connections of servers that this loop starts while the context is open.

    maximum: number of connections; by default as many as the limit of descriptors allows.
    """
    loop = asyncio.get_running_loop()
    allowed, burst = _allowed()
    connections = Connections(maximum or allowed, clock)
    handler = loop.get_exception_handler()
    loop.set_exception_handler(connections.handler(handler))
    for name in _MAKERS:
        if hasattr(loop, name):
            setattr(loop, name, _bounded(getattr(loop, name), connections, burst))
    sweeping = loop.create_task(connections.sweep_forever())
    try:
        yield connections
    finally:
        sweeping.cancel()
        with suppress(asyncio.CancelledError):
            await sweeping
        for name in _MAKERS:
            vars(loop).pop(name, None)
        loop.set_exception_handler(handler)


def _allowed() -> tuple[int, int]:
    """Maximum of connections, and of those that are accepted at once.

    Half of the descriptors remain for files and for the database, whose readers use three each.
    """
    if sys.platform == "win32":
        return _MAX, _BURST
    descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if descriptors == resource.RLIM_INFINITY:
        return _MAX, _BURST
    return max(_MIN, min(_MAX, descriptors // 2)), max(1, min(_BURST, descriptors // 8))


def _bounded(make: _Maker, connections: "Connections", burst: int) -> _Maker:
    async def make_bounded(
        factory: _Factory, *places: Any, **options: Any
    ) -> asyncio.AbstractServer:
        options["backlog"] = min(options.get("backlog", burst), burst)
        if options.get("ssl"):
            options.setdefault("ssl_handshake_timeout", _PATIENCE)
        return await make(connections.counted(factory), *places, **options)

    return make_bounded


class Connections:
    """Open connections of a loop, up to a maximum.

    Beyond it, a new connection closes the one that has been silent for longest, that is, without a
    complete request. If every connection is being answered, the new one is closed.
    """

    def __init__(self, maximum: int, clock: Callable[[], float]) -> None:
        self._maximum = maximum
        self._clock = clock
        self._open: set[_Connection] = set()
        # In the order in which they fell silent; one that speaks again is removed later.
        self._silent: dict[_Connection, float] = {}
        self._said: dict[str, float] = {}

    def counted(self, factory: _Factory) -> _Factory:
        """Wrap a protocol factory so that its connections are counted."""
        return lambda: _Connection(factory(), self)

    def handler(
        self, otherwise: Callable[[asyncio.AbstractEventLoop, dict[str, Any]], object] | None
    ) -> Callable[[asyncio.AbstractEventLoop, dict[str, Any]], None]:
        """Exception handler for the loop that reports exhausted resources once."""

        def handle(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
            error = context.get("exception")
            if "socket" in context and isinstance(error, OSError) and error.errno in _NO_RESOURCES:
                self._say("no connection can be accepted: %s", error.strerror)
                self._close_the_most_silent()
            elif otherwise is not None:
                otherwise(loop, context)
            else:
                loop.default_exception_handler(context)

        return handle

    async def sweep_forever(self) -> None:
        """Close connections that are silent for too long, at each interval."""
        while True:
            await asyncio.sleep(_SWEEP_INTERVAL)
            self.sweep()

    def sweep(self) -> None:
        """Close connections that are silent for too long."""
        now = self._clock()
        for each in list(self._open):
            if each.is_closing:
                self.forget(each)
            elif not each.is_silent:
                self._silent.pop(each, None)
            elif now - self._silent.setdefault(each, now) > _PATIENCE:
                each.close()

    def add(self, connection: "_Connection") -> None:
        """Count a new connection; close one if there are too many."""
        if len(self._open) >= self._maximum and not self._close_the_most_silent():
            self.sweep()
            if len(self._open) >= self._maximum and not self._close_the_most_silent():
                self._say("%d connections are in use: further ones are closed", self._maximum)
                connection.close()
                return
        self._open.add(connection)
        self.hear(connection)

    def hear(self, connection: "_Connection") -> None:
        """Restart the time of a connection's silence."""
        self._silent.pop(connection, None)
        if connection.is_silent:
            self._silent[connection] = self._clock()

    def forget(self, connection: "_Connection") -> None:
        """Stop counting a connection."""
        self._open.discard(connection)
        self._silent.pop(connection, None)

    def _close_the_most_silent(self) -> bool:
        while self._silent:
            first = next(iter(self._silent))
            del self._silent[first]
            if first.is_silent and not first.is_closing:
                first.close()
                self.forget(first)
                return True
        return False

    def _say(self, message: str, *values: object) -> None:
        now = self._clock()
        if now - self._said.get(message, -_QUIET) >= _QUIET:
            self._said[message] = now
            log.warning(message, *values)


class _Connection(asyncio.Protocol):
    """Counted wrapper around a protocol of the server.

    With a WebSocket another protocol takes over the transport. The connection then counts until the
    transport is closed, and is never silent.
    """

    def __init__(self, inner: Any, connections: Connections) -> None:
        self._inner = inner
        self._connections = connections
        self._transport: Any = None
        self._last: _Cycle | None = None

    @property
    def is_closing(self) -> bool:
        """Tell that the transport is closed or closing."""
        return self._transport is None or bool(self._transport.is_closing())

    @property
    def is_silent(self) -> bool:
        """Tell that the server waits for the client."""
        if self._transport is None or self._transport.get_protocol() is not self:
            return False
        cycle = self._cycle
        if cycle is None or cycle.response_complete:
            return True
        return cycle.more_body and not cycle.response_started

    @property
    def _cycle(self) -> _Cycle | None:
        found: _Cycle | None = getattr(self._inner, "cycle", None)
        return found

    def close(self) -> None:
        """Abort the connection."""
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start counting."""
        self._transport = transport
        self._inner.connection_made(transport)
        self._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop counting."""
        self._connections.forget(self)
        self._inner.connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Forward data; a new request or more of its body ends the silence, a header does not."""
        self._inner.data_received(data)
        cycle = self._cycle
        if cycle is not self._last or (cycle is not None and cycle.more_body):
            self._last = cycle
            self._connections.hear(self)

    def eof_received(self) -> bool | None:
        """Pass it on."""
        kept: bool | None = self._inner.eof_received()
        return kept

    def pause_writing(self) -> None:
        """Pass it on."""
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        """Pass it on."""
        self._inner.resume_writing()
