"""Changes of the open listeners: stored first, then known to the tracker."""

import logging
from collections.abc import Callable, Iterable, Sequence

from porteye_core.model import (
    AttributedSocket,
    Closing,
    Endpoint,
    Listener,
    Opening,
    Precision,
    ProcessKey,
    Program,
    WatchPlan,
)
from porteye_core.owners import ContainerNames
from porteye_core.store.writing.writer import Writer
from porteye_core.system.journal_log import with_fields
from porteye_core.tracking import Tracker

log = logging.getLogger("porteye")

# Changes that one transaction stores, in half a second: between two of them a stop is heard.
_PIECE = 2000
_MAX_LINES = 20


class Recording:
    """Stores changes in pieces, and keeps the tracker in step with what is stored."""

    def __init__(
        self,
        tracker: Tracker,
        writer: Writer,
        must_end: Callable[[], bool],
        names: ContainerNames | None = None,
    ) -> None:
        """`must_end` tells between two pieces that the time after a stop is over; names: of the
        containers that were seen."""
        self.tracker = tracker
        self.unsampled: set[int] = set()  # listeners that opened since the last sample
        self.is_cut = False  # a stop left changes out
        self.has_begun = False
        self._writer = writer
        self._must_end = must_end
        self._names = names

    def begin(self, at: int, plan: WatchPlan) -> None:
        """Begin a watch in the database."""
        self._writer.begin_watch(at, plan)
        self.has_begun = True
        if self._writer.rebooted:
            # No socket outlives a boot, however well its numbers fit one of this.
            ended = [Closing(each, at, Precision.GAP) for each in self.tracker.clear()]
            self._writer.record_changes(at, closed=ended)

    def end(self, at: int) -> None:
        """End the watch, if one has begun: all changes are stored already."""
        if self.has_begun:
            self.record_names(at)
            self._writer.end_watch(at)
        log.info("stopped watching %d listeners", len(self.tracker.listeners))

    def record(
        self,
        at: int,
        opened: Sequence[Opening],
        closed: Sequence[Closing],
        learnt: Sequence[tuple[Listener, AttributedSocket]] = (),
        unseen: Sequence[Listener] = (),
    ) -> list[Listener]:
        """Store changes, of which one user can make 20,000 at once, in pieces; returns the opened
        listeners, not all of them if a stop came."""
        born: list[Listener] = []
        longest = max(len(opened), len(closed), len(learnt), len(unseen))
        for first in range(0, longest, _PIECE):
            if first and self._must_end():
                log.warning("A stop left up to %d changes out.", longest - first)
                self.is_cut = True
                break
            part = slice(first, first + _PIECE)
            born += self._writer.record_changes(
                at, opened[part], closed[part], learnt[part], unseen[part]
            )
            for each in closed[part]:
                self.drop(each.listener)
        return born

    def record_names(self, at: int) -> None:
        """Store the names of containers that became known since the last call."""
        if self._names is not None and (named := self._names.take()):
            self._writer.record_containers(at, named)

    def keep(self, listener: Listener, owned: AttributedSocket, *, newborn: bool = False) -> None:
        """Take in a listener that is stored with these holders; newborn: a notice announced it."""
        self.tracker.keep(listener, owned.holders, newborn=newborn)
        if newborn:
            self.unsampled.add(listener.id)

    def place(self, at: int, placed: Sequence[tuple[int, int]]) -> None:
        """Store the namespaces of listeners, by id, that have closed."""
        self._writer.record_placed(at, placed)

    def drop(self, listener: Listener) -> None:
        """Forget a listener whose end is stored."""
        self.tracker.drop(listener)
        self.unsampled.discard(listener.id)


def log_changes(
    openings: Sequence[Opening], closings: Iterable[Closing], *, first: bool = False
) -> None:
    """Write a line for each change; of many, and of a first scan, their numbers."""
    closed = list(closings)
    if not openings and not closed:
        return
    if first or len(openings) + len(closed) > _MAX_LINES:
        log.info("%d listeners opened, %d closed", len(openings), len(closed))
        return
    for opening in openings:
        endpoint, owner = opening.owned.socket.endpoint, opening.owned.owner
        who = f" by {owner.program.name}, pid {owner.key.pid}" if owner else ""
        until = ", closed again" if opening.closed else ""
        fields = _fields(endpoint, owner.key if owner else None, owner.program if owner else None)
        log.info("opened %s%s%s", endpoint, who, until, extra=with_fields(event="opened", **fields))
    for closing in closed:
        fields = _fields(closing.listener.endpoint, closing.listener.owner)
        log.info(
            "closed %s", closing.listener.endpoint, extra=with_fields(event="closed", **fields)
        )


def _fields(
    endpoint: Endpoint, owner: ProcessKey | None, program: Program | None = None
) -> dict[str, object]:
    return {
        "port": endpoint.port,
        "protocol": endpoint.protocol,
        "address": endpoint.address,
        "pid": owner and owner.pid,
        "program": program and program.name,
        "user": program and program.user,
    }
