"""Pure: what was open, and what one look saw, make what changed."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from porteye_core.model import Endpoint, Listener, Owned, ProcessKey


class Same(Enum):
    """Whether a listener and a socket are one; a source that cannot see enough leaves it open."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Changes:
    """What one look says about the listeners that were open before it."""

    kept: tuple[tuple[Listener, Owned], ...]
    opened: tuple[Owned, ...]
    closed: tuple[Listener, ...]

    @property
    def anything(self) -> bool:
        """Whether a listener opened or closed."""
        return bool(self.opened or self.closed)


def compare(listeners: Iterable[Listener], seen: Sequence[Owned]) -> Changes:
    """Match listeners with sockets: each with at most one, certain matches first.

    What cannot be told apart counts as the same, for only evidence may close a listener.
    """
    left: dict[Endpoint, list[Listener]] = defaultdict(list)
    for listener in listeners:
        left[listener.endpoint].append(listener)
    unmatched = list(seen)
    kept: list[tuple[Listener, Owned]] = []
    for wanted in (Same.YES, Same.UNKNOWN):
        pending, unmatched = unmatched, []
        for owned in pending:
            candidates = left[owned.socket.endpoint]
            match = next((each for each in candidates if same(each, owned) is wanted), None)
            if match is None:
                unmatched.append(owned)
            else:
                candidates.remove(match)
                kept.append((match, owned))
    closed = tuple(listener for candidates in left.values() for listener in candidates)
    return Changes(tuple(kept), tuple(unmatched), closed)


def same(listener: Listener, owned: Owned) -> Same:
    """Whether this socket is this listener, both being at one endpoint.

    The inode decides where both know it, whoever holds the socket now. Else the owner decides, and
    the descriptor between sockets of one owner; a socket outlives its owner in another holder.
    """
    socket = owned.socket
    if listener.inode is not None and socket.inode is not None:
        return Same.YES if listener.inode == socket.inode else Same.NO
    if listener.owner is None or owned.key is None:
        return Same.YES if listener.owner == owned.key else Same.UNKNOWN
    if listener.owner != owned.key:
        handed_on = owned.key in listener.holders or listener.owner in _keys(owned)
        return Same.YES if handed_on else Same.NO
    if listener.fd is None or socket.fd is None:
        return Same.YES if listener.fd == socket.fd else Same.UNKNOWN
    return Same.YES if listener.fd == socket.fd else Same.NO


def merged(listener: Listener, owned: Owned) -> Listener:
    """The listener with what this look knows of it; what a look cannot tell stays as it was."""
    return replace(
        listener,
        inode=listener.inode if owned.socket.inode is None else owned.socket.inode,
        fd=listener.fd if owned.socket.fd is None else owned.socket.fd,
        owner=owned.key or listener.owner,
        holders=listener.holders | _keys(owned),
    )


def _keys(owned: Owned) -> frozenset[ProcessKey]:
    return frozenset(holder.key for holder in owned.holders)
