"""How many wrong tokens are listened to."""

import time
from collections.abc import Callable

_BURST = 10  # a person who mistypes, or a script with yesterday's token
_A_SECOND = 1.0


class Guesses:
    """A bucket of wrong guesses for all clients together, refilled once a second.

    While it is empty no token is looked at, right or wrong: whoever guesses learns nothing.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._left = float(_BURST)
        self._at = clock()

    def may_guess(self) -> bool:
        """Whether a token will be looked at now."""
        now = self._clock()
        self._left = min(_BURST, self._left + (now - self._at) * _A_SECOND)
        self._at = now
        return self._left >= 1

    def was_wrong(self) -> None:
        """Take one guess from the bucket."""
        self._left -= 1
