"""Waits between the tries of a message, and the end of them; pure."""

from dataclasses import dataclass

from porteye_core.alerts.timers import DAY, HOUR, MINUTE, SECOND

_MOST_DOUBLINGS = 30  # a bound for the power alone


@dataclass(frozen=True, slots=True)
class Backoff:
    """Waits in microseconds. A message waits for `first` after its first failed try, then for twice
    as long each time, up to `longest`. It is given up `give_up` after its first try, and not before
    it has had `least_tries`: a machine that was asleep for days has not tried.

    pause, longest_pause: those of a receiver, which other messages wait for, too.
    """

    first: int = 5 * SECOND
    longest: int = HOUR
    give_up: int = 3 * DAY
    least_tries: int = 12
    pause: int = SECOND
    longest_pause: int = MINUTE

    def wait(self, tries: int, asked: float, chance: float) -> int:
        """The wait after so many failed tries; asked: seconds for which the receiver wants to be
        left alone; chance: from 0 to 1, so that many do not come back at once."""
        doubled = _doubled(self.first, tries, self.longest)
        return max(int(doubled * (0.8 + 0.4 * chance)), self.wait_of_receiver(0, asked))

    def wait_of_receiver(self, failures: int, asked: float) -> int:
        """The pause of a receiver after so many failures without a success between them."""
        wanted = int(min(asked, self.longest / SECOND) * SECOND)
        paused = _doubled(self.pause, failures, self.longest_pause) if failures else 0
        return max(paused, wanted)

    def is_over(self, tries: int, since_first: int) -> bool:
        """Tell that a message is given up after so many tries in a time."""
        return tries >= self.least_tries and since_first >= self.give_up


def _doubled(first: int, times: int, most: int) -> int:
    return int(min(first << min(times - 1, _MOST_DOUBLINGS), most))
