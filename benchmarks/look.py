"""The one place that knows which code a steady look of the monitor runs."""

from collections.abc import Callable

from porteye_core import privilege
from porteye_core.model import Owned, Socket
from porteye_core.owner import OwnerFinder
from porteye_core.sources import pick


def porteye_look() -> Callable[[], object]:
    """A look with owners, as the monitor takes it once an interval between two samples."""
    source = pick("auto")
    finder = OwnerFinder(privileged=privilege.is_admin())
    before: tuple[Socket, ...] | None = None
    owned: tuple[Owned, ...] = ()

    def look() -> object:
        nonlocal before, owned
        sockets = source.read(count_clients=False)
        if sockets is not before:
            owned, before = finder.own(sockets), sockets
        return owned

    return look
