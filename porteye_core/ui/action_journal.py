"""The journal of what a viewer stops, in the alerts database."""

import time
from pathlib import Path

from porteye_core.stopping import By, Target, Unit
from porteye_core.store.alerts import TakenAction, add_action, complete_action, writing
from porteye_core.system.plain_text import cap, clean

_LONGEST = 500  # bytes of a text


class Journal:
    """See stopping.Journal; each row is on the disk before the next step."""

    def __init__(self, file: Path, author: str) -> None:
        self._file, self._author = file, author

    def begin(self, target: Target, by: By) -> int:
        """See stopping.Journal. Raises StoreError."""
        of_unit = isinstance(by, Unit)
        action = TakenAction(
            id=0,
            at=time.time_ns() // 1000,
            author=_text(self._author),
            what=_text(f"Stop {target.port}/{target.protocol} of {target.shown}"),
            listener_id=target.listener,
            pid=target.pid,
            started_at=target.started_at,
            unit=_text(by.name) if of_unit else "",
            signal="" if of_unit else by.name,
        )
        with writing(self._file) as connection:
            return add_action(connection, action)

    def complete(self, number: int, outcome: str) -> None:
        """See stopping.Journal. Raises StoreError."""
        with writing(self._file) as connection:
            complete_action(connection, number, _text(outcome))


def _text(text: str) -> str:
    return cap(clean(text), _LONGEST)
