"""Names of users by their numbers, kept no longer than they hold."""

import os
import pwd
import time
from collections import OrderedDict
from collections.abc import Callable

# A user is made and deleted in the first, and a service with DynamicUser= gets and loses its user
# in the second: entries there appear and vanish with it (systemd's src/core/dynamic-user.c).
_PLACES = ("/etc/passwd", "/run/systemd/dynamic-uid")
# Other services that know users (LDAP, SSSD) announce nothing: their answers are asked again after
# so many seconds. One answer may take a network's time, so that it is not asked much more often.
_LIFE = 60.0
_MOST = 1024  # numbers; a user namespace may use 65,536


class UserNames:
    """Looks up names; each lookup reads two files' times, and asks the system where they moved."""

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
        """Return the name of a user, or the number where the system knows none."""
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
        if len(self._known) > _MOST:
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
        # The name is bytes that Python decodes as the locale says; other text here is UTF-8.
        return os.fsencode(pwd.getpwuid(uid).pw_name).decode("utf-8", "surrogateescape")
    except KeyError:
        return str(uid)
