"""Findings that wait to be told, and the messages that they become: one row for each receiver."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from fnmatch import fnmatchcase

from porteye_core.alerts.grouping import Grouping
from porteye_core.alerts.message_body import BEGIN, DIGEST, END, body
from porteye_core.alerts.timers import HOUR, Rules
from porteye_core.alerts.trial import new_id
from porteye_core.errors import FilterError
from porteye_core.filters import ports as port_ranges
from porteye_core.judging.verdicts import IN_DIGEST, is_at_least
from porteye_core.store.alerts import (
    Connection,
    Finding,
    Matcher,
    Message,
    Receiver,
    Silence,
    add_message,
    change_finding,
    late_findings,
    open_findings,
    untold_ends,
)

_URGENT = ("wider", "")  # an empty verdict is that of the watch itself
_ONCE = "database"  # it happened, and is over when it is told
# A wall clock that is set cannot make two digests of one day.
_BETWEEN_DIGESTS = 12 * HOUR


class Telling:
    """The findings that wait, by id, and the times of the messages."""

    def __init__(self, connection: Connection, grouping: Grouping) -> None:
        self._connection = connection
        self.grouping = grouping
        self.begun = {each.id: each for each in open_findings(connection) if _waits(each)}
        self.ended = {each.id: each for each in untold_ends(connection)}
        self.silences: Sequence[Silence] = ()

    def begin(self, finding: Finding, now: int, rules: Rules) -> None:
        """Let a new finding be told."""
        if _waits(finding):
            self.begun[finding.id] = finding
            self._added(finding, now, rules)

    def end(self, finding: Finding, now: int, rules: Rules) -> None:
        """Let the end of a finding be told, if its beginning was."""
        self.begun.pop(finding.id, None)
        if finding.told_at is not None:
            self.ended[finding.id] = finding
            self._added(finding, now, rules)

    def take_up_late(self) -> None:
        """Take up what ended before it could be told, in the alerts database of a fleet."""
        late = late_findings(self._connection)
        self.begun |= {each.id: each for each in late if _waits(each)}

    def end_late(self, finding: Finding, now: int, rules: Rules, wall: int) -> None:
        """Let the end of a finding of a host that ships late be told. If its beginning could not be
        told before, both are, unless a silence or a person holds it back."""
        waited = finding.id in self.begun
        self.end(finding, now, rules)
        if finding.told_at is not None or not waited:
            return
        if finding.ended_why or self._is_silenced(finding, rules, wall):
            self._change(finding, end_told_at=wall)
        else:
            self.begun[finding.id] = finding
            self._added(finding, now, rules)

    def renew(self, finding: Finding) -> None:
        """Let a finding that waits be told as it is known now."""
        if finding.id in self.begun:
            self.begun[finding.id] = finding

    def forget(self, finding_id: int) -> None:
        """Tell nothing more of a finding, for another one has taken its place."""
        self.begun.pop(finding_id, None)

    def _added(self, finding: Finding, now: int, rules: Rules) -> None:
        if _is_for_somebody(finding, rules):
            is_urgent = finding.verdict in _URGENT
            self.grouping = self.grouping.added(now, rules.timers, is_urgent=is_urgent)

    def woken(self, now: int, rules: Rules, wall: int) -> None:
        """Set the time of a message if something waits that a silence held back until now, or that
        no receiver wanted."""
        if any(self._late_and_silenced(rules, wall)):
            self.grouping = replace(self.grouping, due=now)
        if rules.receivers and self.grouping.due is None:
            for each in (*self.begun.values(), *self.ended.values()):
                if self._may_be_told(each, rules, wall):
                    self._added(each, now, rules)

    def _late_and_silenced(self, rules: Rules, wall: int) -> list[Finding]:
        """The findings that are over and were not told before a silence: they are not true after
        it."""
        late = [each for each in self.begun.values() if each.ended_at is not None]
        return [each for each in late if self._is_silenced(each, rules, wall)]

    def tell(self, now: int, rules: Rules, wall: int, host: str | None) -> list[Message]:
        """Make the messages of all that waits, is not silenced, and is wanted by a receiver.

        host: the machine, None for the hosts of a fleet."""
        for finding in self._late_and_silenced(rules, wall):
            del self.begun[finding.id]
            self._change(finding, end_told_at=wall)
        told = [
            (finding, phase)
            for phase, waiting in ((BEGIN, self.begun), (END, self.ended))
            for finding in waiting.values()
            if self._may_be_told(finding, rules, wall)
        ]
        told += [
            (finding, END)
            for finding, phase in told
            if phase == BEGIN and finding.ended_at is not None
        ]
        if not told:
            self.grouping = self.grouping.idle()
            return []
        made = self._messages("findings", told, rules, wall, host)
        for finding, phase in told:
            self._is_told(finding, phase, wall)
        self.grouping = self.grouping.sent(now) if made else self.grouping.idle()
        return made

    def digest(self, rules: Rules, wall: int, host: str | None) -> list[Message]:
        """Make the messages of the daily digest: all that is true, and what was brief."""
        found = open_findings(self._connection)
        made = self._messages("digest", [(each, DIGEST) for each in found], rules, wall, host)
        for each in found:
            if each.kind == "brief":
                self._change(each, ended_at=wall, told_at=wall, end_told_at=wall)
        return made

    def _messages(
        self,
        kind: str,
        told: Sequence[tuple[Finding, str]],
        rules: Rules,
        wall: int,
        host: str | None,
    ) -> list[Message]:
        made = []
        for receiver in rules.receivers:
            wanted = [(each, phase) for each, phase in told if _is_wanted(each, receiver)]
            if wanted:
                number = new_id()
                text = body(kind, number, wall, host, wanted, rules.url)
                message = Message(number, receiver.name, kind, wall, text)
                add_message(self._connection, message, ((each.id, phase) for each, phase in wanted))
                made.append(message)
        return made

    def _is_told(self, finding: Finding, phase: str, wall: int) -> None:
        if phase == END:
            self.ended.pop(finding.id, None)
            self._change(finding, end_told_at=wall)
            return
        del self.begun[finding.id]
        if finding.kind == _ONCE:
            self._change(finding, told_at=wall, ended_at=wall, end_told_at=wall)
        else:
            self._change(finding, told_at=wall)

    def _change(self, finding: Finding, **values: int) -> None:
        change_finding(self._connection, finding.id, **values)

    def _may_be_told(self, finding: Finding, rules: Rules, wall: int) -> bool:
        return _is_for_somebody(finding, rules) and not self._is_silenced(finding, rules, wall)

    def _is_silenced(self, finding: Finding, rules: Rules, wall: int) -> bool:
        if any(each.contains(local_time(wall)) for each in rules.quiet):
            return True
        return any(
            each.since <= wall < each.until and matches(each.matcher, finding)
            for each in self.silences
        )


def local_time(wall: int) -> datetime:
    """The local time of the machine at a wall time."""
    return datetime.fromtimestamp(wall / 1e6, UTC).astimezone()


def is_digest_due(rules: Rules, wall: int, clock: int, digested: int, digest_day: str) -> bool:
    """Tell that the digest of this day is to be made; clock, digested: by the alert clock."""
    local = local_time(wall)
    at = rules.timers.digest
    if at is None or local.hour * 60 + local.minute < at:
        return False
    return digest_day != local.date().isoformat() and clock - digested >= _BETWEEN_DIGESTS


def matches(matcher: Matcher, finding: Finding) -> bool:
    """Tell that a silence holds a finding back."""
    patterns: tuple[tuple[str, str], ...] = (
        (matcher.program, finding.program),
        (matcher.unit, finding.unit),
        (matcher.user, finding.user),
        (matcher.verdict, finding.verdict or finding.kind),
    )
    if matcher.host and not fnmatchcase(finding.host.casefold(), matcher.host.casefold()):
        return False
    if not all(not pattern or fnmatchcase(text, pattern) for pattern, text in patterns):
        return False
    return not matcher.port or _has_port(matcher.port, finding.port)


def _has_port(text: str, port: int | None) -> bool:
    try:
        return port is not None and any(low <= port <= high for low, high in port_ranges(text))
    except FilterError:  # of another version
        return False


def _waits(finding: Finding) -> bool:
    return finding.told_at is None and finding.verdict not in IN_DIGEST


def _is_wanted(finding: Finding, receiver: Receiver) -> bool:
    return is_at_least(finding.verdict, receiver.least)


def _is_for_somebody(finding: Finding, rules: Rules) -> bool:
    """Tell that a beginning is wanted by a receiver, or that an end is to be done with.

    A beginning waits for a receiver that wants it. That one may be away with a file that is wrong.
    """
    if finding.ended_at is not None:
        return bool(rules.receivers)
    return any(_is_wanted(finding, each) for each in rules.receivers)
