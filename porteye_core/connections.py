"""Bounds the connections of the server: their number, and the time that one may say nothing.

uvicorn bounds neither. It waits without end for a request that has begun, and counts connections
only where a request is complete. asyncio of Python 3.11 tries the whole backlog again, with a line
in the log each time, while no descriptor is left.
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

_MOST = 1000
_FEWEST = 16
_BURST = 128  # connections that are accepted at once, before any of them is counted
_PATIENCE = 10.0  # seconds in which a request has to be complete
_BEAT = 1.0
_QUIET = 60.0  # seconds between two lines of the log about the same
_NO_RESOURCES = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
_MAKERS = ("create_server", "create_unix_server")

_Factory = Callable[[], asyncio.BaseProtocol]
_Maker = Callable[..., Coroutine[Any, Any, asyncio.AbstractServer]]


class _Cycle(Protocol):
    """The request that uvicorn's protocols answer, as far as it is used here."""

    more_body: bool
    response_started: bool
    response_complete: bool


@asynccontextmanager
async def bounded_connections(
    most: int | None = None, clock: Callable[[], float] = time.monotonic
) -> AsyncIterator["Connections"]:
    """While the context is open, what this loop begins to serve has bounded connections: at most
    so many, or as many as the limit of descriptors allows."""
    loop = asyncio.get_running_loop()
    allowed, burst = _allowed()
    connections = Connections(most or allowed, clock)
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
    """The most connections, and the most that are accepted at once.

    Half of the descriptors remain for the database, whose readers take three each, and for files.
    """
    if sys.platform == "win32":
        return _MOST, _BURST
    descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if descriptors == resource.RLIM_INFINITY:
        return _MOST, _BURST
    return max(_FEWEST, min(_MOST, descriptors // 2)), max(1, min(_BURST, descriptors // 8))


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
    """The open connections of a loop, at most so many.

    One more closes the one that has been silent for longest: that has no complete request. Where
    all of them are answered, the new one is closed.
    """

    def __init__(self, most: int, clock: Callable[[], float]) -> None:
        self._most = most
        self._clock = clock
        self._open: set[_Connection] = set()
        # In the order in which they fell silent; one that speaks again is taken out later.
        self._silent: dict[_Connection, float] = {}
        self._said: dict[str, float] = {}

    def counted(self, factory: _Factory) -> _Factory:
        """A factory of the same protocols, whose connections are counted."""
        return lambda: _Connection(factory(), self)

    def handler(
        self, otherwise: Callable[[asyncio.AbstractEventLoop, dict[str, Any]], object] | None
    ) -> Callable[[asyncio.AbstractEventLoop, dict[str, Any]], None]:
        """A handler for the loop, which says once that no connection can be accepted."""

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
        """Close what has been silent for too long, again and again."""
        while True:
            await asyncio.sleep(_BEAT)
            self.sweep()

    def sweep(self) -> None:
        """Close what has been silent for too long."""
        now = self._clock()
        for each in list(self._open):
            if each.is_closing:
                self.forget(each)
            elif not each.is_silent:
                self._silent.pop(each, None)
            elif now - self._silent.setdefault(each, now) > _PATIENCE:
                each.close()

    def add(self, connection: "_Connection") -> None:
        """Count a new connection, and close one if there are too many."""
        if len(self._open) >= self._most and not self._close_the_most_silent():
            self.sweep()
            if len(self._open) >= self._most and not self._close_the_most_silent():
                self._say("%d connections are in use: further ones are closed", self._most)
                connection.close()
                return
        self._open.add(connection)
        self.hear(connection)

    def hear(self, connection: "_Connection") -> None:
        """Let the silence of a connection begin now."""
        self._silent.pop(connection, None)
        if connection.is_silent:
            self._silent[connection] = self._clock()

    def forget(self, connection: "_Connection") -> None:
        """Count a connection no more."""
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
    """A protocol of the server, to which everything is passed on, and its transport.

    With a WebSocket another protocol takes the transport over; the connection then counts until
    the transport has been closed, and is not silent.
    """

    def __init__(self, inner: Any, connections: Connections) -> None:
        self._inner = inner
        self._connections = connections
        self._transport: Any = None
        self._last: _Cycle | None = None

    @property
    def is_closing(self) -> bool:
        """Test for a transport that is closed, or about to be."""
        return self._transport is None or bool(self._transport.is_closing())

    @property
    def is_silent(self) -> bool:
        """Test for a client that has to say something before it can be answered."""
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
        """End the connection, and with it what waits for its request."""
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count it."""
        self._transport = transport
        self._inner.connection_made(transport)
        self._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Count it no more."""
        self._connections.forget(self)
        self._inner.connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Pass it on. A new request, or more of its body, ends the silence; a header does not."""
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
