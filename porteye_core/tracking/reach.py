"""The relation of listeners to the network namespaces of a scan; pure."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from enum import Enum

from porteye_core.model import Listener, Scope
from porteye_core.tracking.matching import is_only_recorded, is_placed


class Reach(Enum):
    """The relation of a listener to the namespaces of a scan that does not show it."""

    SCANNED = "it must have been shown"
    SOMEWHERE = "its namespace is not certain, and all were scanned, now or lately"
    LATER = "its namespace was not scanned this time"
    NEVER = "its namespace cannot be entered"


def reach(listener: Listener, scope: Scope, *, is_whole: bool) -> Reach:
    """The reach of a scan; is_whole: all namespaces were scanned, now or in the latest ones."""
    netns = listener.endpoint.netns
    if scope.scanned is None:
        return Reach.SCANNED
    if netns is None or not is_placed(listener):
        if is_whole:
            return Reach.SOMEWHERE
        return Reach.LATER if scope.living is None or scope.complete else Reach.NEVER
    if netns in scope.scanned:
        return Reach.SCANNED
    return Reach.LATER if scope.living is None or netns in scope.living else Reach.NEVER


def not_scanned(
    listener: Listener,
    reach: Reach,
    scope: Scope,
    at: int,
    may_hold: Callable[[Listener], bool],
) -> Listener | None:
    """A listener that can be where the scan did not reach, as it is known now; None if nothing
    speaks for it. at: the time of the scan."""
    known = _without_refuted(listener, scope)
    if reach is Reach.LATER:
        return known
    is_held = may_hold(listener)
    if is_held and listener.inode is not None:
        return listener  # its descriptor is there
    if is_held or (reach is Reach.NEVER and not scope.complete):
        return known if known.unseen_at is not None else replace(known, unseen_at=at)
    return None


def _without_refuted(listener: Listener, scope: Scope) -> Listener:
    """The listener without a guessed namespace that was scanned and does not show it, else itself.

    The thread that opened it had left the namespace before it was looked up.
    """
    netns = listener.endpoint.netns
    if netns is None or not is_only_recorded(listener) or netns not in (scope.scanned or ()):
        return listener
    return replace(listener, endpoint=replace(listener.endpoint, netns=None))


def within(listeners: Iterable[Listener], scope: Scope) -> list[Listener]:
    """The listeners that a scan can show."""
    return [
        each
        for each in listeners
        if scope.scanned is None
        or each.endpoint.netns is None
        or each.endpoint.netns in scope.scanned
        or not is_placed(each)
    ]
