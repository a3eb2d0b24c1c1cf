"""A tracker shown one scan, part by part, as the monitor shows it."""

from collections.abc import Callable, Sequence

from porteye_core.model import AttributedSocket, Listener, Scope
from porteye_core.tracking import Changes, Scan, Tracker


def see(
    tracker: Tracker,
    owned: Sequence[AttributedSocket],
    scope: Scope,
    scan: Scan,
    may_hold: Callable[[Listener], bool] = lambda _: False,
) -> Changes:
    """Compare a scan of these sockets with what is open; returns the changes of all parts."""
    of = {id(each.socket): each for each in owned}
    comparison = tracker.compare(scope, scan)
    found = Changes()
    for part in filter(None, comparison.parts([each.socket for each in owned])):
        seen = [of[id(each)] for each in part.sockets]
        found = _joined(found, comparison.see(part, seen, may_hold))
    return _joined(found, tracker.end(comparison, may_hold))


def _joined(first: Changes, then: Changes) -> Changes:
    return Changes(
        first.kept + then.kept,
        first.opened + then.opened,
        first.closed + then.closed,
        first.unseen + then.unseen,
    )
