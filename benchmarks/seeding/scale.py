"""How much history to make."""

from dataclasses import dataclass

SECOND = 1_000_000
MINUTE, HOUR, DAY = 60 * SECOND, 3600 * SECOND, 86_400 * SECOND


@dataclass(frozen=True, slots=True)
class Scale:
    """How much history a database is given.

    listeners: how many are open at the end; pairs: how many distinct endpoints with their program
    short lives are drawn from; sample_days: how far back ticks and samples reach; watching: the
    last watch has not ended.
    """

    days: int = 30
    listeners: int = 200
    events: int = 1_000_000
    seed: int = 1
    sample_days: float = 2
    watching: bool = False

    @property
    def pairs(self) -> int:
        """100,000 at 10 M events."""
        return max(500, self.events // 100)

    @property
    def closed_lives(self) -> int:
        """Lives with both events, so many that there are `events` in all, or one fewer."""
        return max(0, (self.events - self.listeners) // 2)
