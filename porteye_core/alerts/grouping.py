"""Times at which findings that wait become a message; pure.

The first finding of a burst waits for the others; the next message waits longer. What is urgent
waits for nobody, but not twice at once either.
"""

from dataclasses import dataclass, replace
from typing import Self

from porteye_core.alerts.timers import Timers
from porteye_core.store.alerts import Cursor


@dataclass(frozen=True, slots=True)
class Grouping:
    """due: when the next message is made, None if nothing waits; last: when the last one was."""

    due: int | None = None
    last: int | None = None

    @classmethod
    def of(cls, cursor: Cursor | None) -> Self:
        """The times that a cursor has kept."""
        return cls(cursor.due, cursor.batched) if cursor else cls()

    def added(self, now: int, timers: Timers, *, is_urgent: bool) -> "Grouping":
        """The times after one more finding."""
        wait, pause = (0, timers.group) if is_urgent else (timers.group, timers.every)
        due = now + wait if self.last is None else max(now + wait, self.last + pause)
        return replace(self, due=due if self.due is None else min(self.due, due))

    def sent(self, now: int) -> "Grouping":
        """The times after a message."""
        return Grouping(None, now)

    def idle(self) -> "Grouping":
        """The times if nothing that waits may be told now."""
        return replace(self, due=None)
