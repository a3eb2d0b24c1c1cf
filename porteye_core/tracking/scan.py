"""The values that go into the comparison of a scan with what is open, and come out of it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from porteye_core.model import (
    AttributedSocket,
    Closing,
    Listener,
    Opening,
    Precision,
    Socket,
    SocketAddress,
)


@dataclass(frozen=True, slots=True)
class Scan:
    """The exactness of one scan.

    at: its time, which each change that it shows gets; seen: how exact that is; announces: the
    source announces closings, so that one scan may miss a socket that is there: a dump of many can
    skip one while others open and close; own: the monitor's own namespace; others_rarely: other
    namespaces are scanned less often than one interval.
    """

    at: int
    seen: Precision
    announces: bool = False
    own: int | None = None
    others_rarely: bool = False

    def seen_in(self, netns: int | None) -> Precision:
        """The exactness of a change in this namespace: nobody watched it between two scans."""
        foreign = self.own is not None and netns not in (None, self.own)
        return Precision.GAP if foreign and self.others_rarely else self.seen


@dataclass(frozen=True, slots=True)
class Changes:
    """The difference between a scan and what was open before it.

    kept: a listener, the same as it is known now, and its socket; unseen: listeners that can no
    longer be looked for, are not in the namespace that was guessed, or had the numbers of a twin.
    """

    kept: tuple[tuple[Listener, Listener, AttributedSocket], ...] = ()
    opened: tuple[Opening, ...] = ()
    closed: tuple[Closing, ...] = ()
    unseen: tuple[Listener, ...] = ()


@dataclass(frozen=True, slots=True)
class Part:
    """Sockets of a scan, and the listeners that these alone can be.

    hints: by place, the process that the kernel named for a socket that no scan has shown yet;
    upcoming: the sockets of later parts.
    """

    sockets: tuple[Socket, ...]
    listeners: Sequence[Listener]
    hints: dict[SocketAddress, int]
    upcoming: Iterable[Socket] = ()
