"""The ways to stop a process, what becomes of it, and the journal of that; values."""

import signal
from dataclasses import dataclass
from typing import Protocol

from porteye_core.stopping.targets import Refusal, Target, Unit

By = Unit | signal.Signals
"""The way in which a process is stopped: its unit by systemd, or it alone by a signal."""


@dataclass(frozen=True, slots=True)
class Offer:
    """The ways in which a process can be stopped now: by SIGTERM, and its unit if it has one.

    refusal: the reason why there is none.
    """

    refusal: Refusal | None = None
    unit: Unit | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """Fate of a process; may_kill: it goes on, and SIGKILL is left."""

    text: str
    may_kill: bool = False


class Journal(Protocol):
    """The record of what was done: a row before it, which is completed after it."""

    def begin(self, target: Target, by: By) -> int:
        """Note that a process is about to be stopped, and return the number of the note."""
        ...

    def complete(self, number: int, outcome: str) -> None:
        """Note what became of it."""
        ...
