"""Findings of the hosts of a fleet, told together by the clocks of the process that judges."""

from porteye_core.alerts.telling import Telling
from porteye_core.alerts.timers import Rules
from porteye_core.store.alerts import Finding


class FleetTelling:
    """Takes what is to be told of any host; now, wall: by the clocks of this process.

    The clock of a host stands still while it ships nothing, and says nothing of when to tell.
    """

    def __init__(self, telling: Telling) -> None:
        self._telling, self.rules = telling, Rules()
        self.now = self.wall = 0

    def begin(self, finding: Finding, now: int, rules: Rules) -> None:
        """Let a new finding be told."""
        del now, rules
        self._telling.begin(finding, self.now, self.rules)

    def end(self, finding: Finding, now: int, rules: Rules) -> None:
        """Let the end of a finding be told, and before it its beginning."""
        del now, rules
        self._telling.end_late(finding, self.now, self.rules, self.wall)

    def renew(self, finding: Finding) -> None:
        """Let a finding that waits be told as it is known now."""
        self._telling.renew(finding)

    def forget(self, finding_id: int) -> None:
        """Tell nothing more of a finding, for another one has taken its place."""
        self._telling.forget(finding_id)
