"""Linux source: netlink dumps, the destroy feed, and as root the tracepoint's records.

Records alone drift and dumps alone miss short lives, so a reading has both. The dump comes first
and the events are drained after it, so that they cover every change during the dump.
"""

import time
from collections.abc import Sequence
from contextlib import ExitStack

from porteye_core.errors import SourceError
from porteye_core.model import (
    Endpoint,
    Family,
    KernelEvent,
    Kind,
    Limitation,
    Protocol,
    ScanDepth,
    Scope,
    Snapshot,
    Socket,
)
from porteye_core.sources.netlink.crowd import joined
from porteye_core.sources.netlink.destroy_feed import DestroyFeed, open_destroy_feed
from porteye_core.sources.netlink.inet_diag import AF_INET6, DiagSocket
from porteye_core.sources.netlink.namespaces import Namespaces
from porteye_core.sources.netlink.sock_diag import SockDiag
from porteye_core.sources.tracing.tracepoint import Drained, Tracepoint
from porteye_core.sources.tracing.transitions import Transition

_IPPROTO_TCP = 6
# Interval of the check that no other tracing tool has switched ours off.
_CHECK_US = 30_000_000
# Seconds for which scans wait while more is recorded than read. Then lives that are over already
# are left out, and counted as lost.
_PATIENCE = 5.0


class Linux:
    """Netlink dumps of one or all namespaces, and the tracepoint if there is one."""

    def __init__(
        self,
        diag: SockDiag,
        feed: DestroyFeed,
        others: Namespaces | None,
        trace: Tracepoint | None,
    ) -> None:
        self.name = "tracepoint" if trace else "sock_diag"
        self.interval = 1.0 if trace else 0.25
        self._diag, self._feed, self._others, self._trace = diag, feed, others, trace
        self._checked = 0
        self._is_behind = False
        self._behind_since = 0.0

    def read(self, depth: ScanDepth) -> Snapshot:
        """See Source.read."""
        began = _now()
        if depth is ScanDepth.NOTICES:
            kernel_events, lost = self._announced(scanning=False)
            return Snapshot(None, kernel_events, lost, began=began, more=self._is_behind)
        sockets: Sequence[Socket] | None
        sockets, scope = self._sockets(depth)
        kernel_events, lost = self._announced(scanning=True)
        # A scan without all events before it would open sockets twice.
        if self._is_behind:
            sockets = None
        return Snapshot(sockets, kernel_events, lost, scope, began, more=self._is_behind)

    def limitations(self) -> tuple[Limitation, ...]:
        """See Source.limits."""
        found = [limit for limit in self._diag.limitations() if limit.name != "polled"]
        if self._trace is None:
            found.insert(0, _POLLED)
        if self._others is None:
            found.append(_ONE_NAMESPACE if self._trace is None else _ONE_SCANNED)
        return tuple(found)

    def filenos(self) -> tuple[int, ...]:
        """See Source.filenos."""
        return (self._feed.fileno(), *(self._trace.filenos() if self._trace else ()))

    def close(self) -> None:
        """See Source.close."""
        with ExitStack() as stack:
            for part in (self._diag, self._feed, self._trace):
                if part:
                    stack.callback(part.close)

    def _sockets(self, depth: ScanDepth) -> tuple[Sequence[Socket], Scope]:
        """Sockets with the namespaces that were scanned.

        Other namespaces are scanned at sampling ticks only: each costs as much as the own one.
        """
        counting = depth is ScanDepth.CLIENTS
        own = self._diag.read(count_clients=counting)
        netns = self._diag.netns
        assert netns is not None  # it has just read
        mine = frozenset((netns,))
        if self._others is None:
            return own, Scope(mine, mine, own=netns)
        if not counting:
            return own, Scope(mine, own=netns)
        others = self._others.read()
        # Without others the same object, which the next scan is compared with.
        sockets = joined((own, others.sockets)) if others.sockets else own
        scanned, living = mine | others.scanned, mine | others.living
        unscanned = others.unscanned
        return sockets, Scope(scanned, living, complete=True, own=netns, unscanned=unscanned)

    def _announced(self, *, scanning: bool) -> tuple[tuple[KernelEvent, ...], int]:
        destroyed = self._feed.drain()
        now = _now()
        closed = [_closed(each, now, self._diag.netns) for each in destroyed.sockets]
        if self._trace is None:
            return tuple(closed), destroyed.lost
        self._check(now)
        drained = self._drained(self._trace, scanning=scanning)
        traced = [_traced(each) for each in drained.transitions]
        # Records come first: they have the exact time of closings that the feed only confirms.
        return (*traced, *closed), drained.lost + drained.malformed + destroyed.lost

    def _drained(self, trace: Tracepoint, *, scanning: bool) -> Drained:
        """Drain the kernel's records, all or a part; cut a storm that lasts short before a scan."""
        now = time.monotonic()
        if not self._is_behind:
            self._behind_since = now
        must_catch_up = scanning and now - self._behind_since > _PATIENCE
        drained = trace.catch_up() if must_catch_up else trace.drain()
        self._is_behind = drained.more
        return drained

    def _check(self, now: int) -> None:
        if self._trace and now - self._checked > _CHECK_US:
            if not self._trace.is_watching():
                raise SourceError(
                    "Another tool has switched the kernel's records off.",
                    "Start the monitor again once it has ended.",
                )
            self._checked = now


_POLLED = Limitation(
    "polled", "Openings are seen by polling: what opens and closes between two scans is missed."
)
_ONE_NAMESPACE = Limitation(
    "one_namespace",
    "Only the monitor's own network namespace is seen: listeners of containers are not.",
)
_ONE_SCANNED = Limitation(
    "one_namespace",
    "Only the monitor's own network namespace is scanned: of listeners of containers those of TCP"
    " are seen that open while it watches, and no others.",
)


def open_source(*, traced: bool, enters_namespaces: bool) -> Linux:
    """Open the source, with all namespaces if it may enter them; raises SourceError."""
    with ExitStack() as stack:
        trace = stack.enter_context(Tracepoint()) if traced else None
        feed = stack.enter_context(open_destroy_feed())
        diag = SockDiag()
        stack.callback(diag.close)
        diag.read(count_clients=False)
        others = Namespaces() if enters_namespaces else None
        stack.pop_all()
        return Linux(diag, feed, others, trace)


def _closed(gone: DiagSocket, now: int, netns: int | None) -> KernelEvent:
    family = Family.IPV6 if gone.family == AF_INET6 else Family.IPV4
    protocol = Protocol.TCP if gone.protocol == _IPPROTO_TCP else Protocol.UDP
    endpoint = Endpoint(protocol, family, gone.address, gone.port, netns)
    return KernelEvent(now, Kind.CLOSED, endpoint, cookie=gone.cookie)


def _traced(transition: Transition) -> KernelEvent:
    return KernelEvent(
        transition.at,
        Kind.OPENED if transition.opened else Kind.CLOSED,
        Endpoint(Protocol.TCP, transition.family, transition.address, transition.port),
        skaddr=transition.skaddr,
        pid=transition.pid,
        tid=transition.tid,
        name=transition.name,
    )


def _now() -> int:
    return time.time_ns() // 1000
