"""Cache of user names by uid, which notices changes."""

import os
import pwd
import time
from collections import OrderedDict
from collections.abc import Callable

# The first changes when a user is added or deleted, the second when a service with DynamicUser=
# starts or stops (systemd's src/core/dynamic-user.c).
_PLACES = ("/etc/passwd", "/run/systemd/dynamic-uid")
# Seconds for which a name is cached, because other services (LDAP, SSSD) announce no changes. A
# lookup may take a network round trip, so it is not repeated much more often.
_LIFE = 60.0
_MAX = 1024  # uids; a user namespace may use 65,536


class UserNames:
    """Cache of names; each lookup checks the times of two files."""

    def __init__(
        self,
        places: tuple[str, ...] = _PLACES,
        clock: Callable[[], float] = time.monotonic,
        ask: Callable[[int], str] | None = None,
    ) -> None:
        self._places = places
        self._clock = clock
        self._ask = ask or _asked
        self._state: list[tuple[int, ...] | None] = []
        self._known: OrderedDict[int, tuple[str, float]] = OrderedDict()

    def name(self, uid: int) -> str:
        """Name of a user, or the uid if the system knows no name."""
        state = [_state(place) for place in self._places]
        if state != self._state:
            self._known.clear()
            self._state = state
        now = self._clock()
        name, until = self._known.get(uid, ("", now))
        if now < until:
            return name
        name = self._ask(uid)
        self._known[uid] = name, now + _LIFE
        self._known.move_to_end(uid)
        if len(self._known) > _MAX:
            self._known.popitem(last=False)
        return name


def _state(place: str) -> tuple[int, ...] | None:
    try:
        found = os.stat(place)  # noqa: PTH116 - a Path takes longer than the call
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino, found.st_size


def _asked(uid: int) -> str:
    try:
        # Python decodes the name by the locale; other text here is UTF-8.
        return os.fsencode(pwd.getpwuid(uid).pw_name).decode("utf-8", "surrogateescape")
    except KeyError:
        return str(uid)
