"""The engine of a fleet: each host has a follower and a ledger of its own, and all one voice.

So a host is judged exactly as it would judge itself, and what several hosts find becomes one
message.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from porteye_core.alerts.alert_clock import Moment
from porteye_core.alerts.fleet_telling import FleetTelling
from porteye_core.alerts.grouping import Grouping
from porteye_core.alerts.host_follower import HostFollower, HostSource
from porteye_core.alerts.host_health import Condition, conditions
from porteye_core.alerts.judge import UNWATCHED, Judge, host_key, host_of
from porteye_core.alerts.ledger import IN_FILE, NO_FILE
from porteye_core.alerts.records import Records, brief_findings
from porteye_core.alerts.shared_turns import SharedTurns
from porteye_core.alerts.speaker import Speaker
from porteye_core.alerts.telling import Telling
from porteye_core.alerts.timers import SECOND, Rules
from porteye_core.errors import StoreError
from porteye_core.judging.acceptance import ACCEPTED, Accepted
from porteye_core.judging.blocks import Block, Expected
from porteye_core.store import alerts as store
from porteye_core.store.alerts import Connection, Finding, Note, cursor, set_cursor, transaction
from porteye_core.store.fleet.many_hosts.reports import HostReport, Reports, host_reports

_BETWEEN_REPORTS = 2 * SECOND
_RETIRED = "the host was retired"
# Seconds of one look: a thousand hosts at the first start take longer, and somebody may want the
# process to end.
_LONGEST_LOOK = 1.0


@dataclass(frozen=True, slots=True)
class FleetPlace:
    """The address of a fleet's server, and the alerts database of the fleet."""

    address: str = field(repr=False)
    alerts_db: Path


class FleetEngine(Speaker):
    """Judges what all hosts of a fleet ship, in one thread.

    Its own ledger has what is wrong with hosts themselves, by the clocks of this process. After an
    error in a transaction it is broken: another one goes on from what is stored.
    """

    def __init__(self, connection: Connection, place: FleetPlace, now: Moment) -> None:
        self._place, self._speaks_of = place, None
        found = cursor(connection)
        self._telling = Telling(connection, Grouping.of(found))
        self._telling.take_up_late()
        self._shared = FleetTelling(self._telling)
        records = Records(connection, self._shared, "", ())
        judge = Judge(None, Accepted(), Rules().timers)
        super().__init__(
            connection, place.alerts_db, records, judge, lambda _ids: (), lambda _due: 0, now
        )
        self._begin_to_speak()
        self._expected: Expected | None = None
        self._notes: Mapping[str, Sequence[Note]] = {}
        self._accepted: dict[str, Accepted] = {}
        self._judges: dict[tuple[tuple[Block, ...], frozenset[str]], Judge] = {}
        self._judge_of: dict[str, Judge] = {}
        self._followers: dict[str, HostFollower] = {}
        self._turns = SharedTurns(connection, place.alerts_db)
        self._brief: dict[str, list[Finding]] = {}
        for each in brief_findings(connection):
            self._brief.setdefault(each.host, []).append(each)
        self._why = IN_FILE
        self._reports: Reports | None = None
        self._reports_due, self._reported = 0, 0
        self._reachable_since: int | None = 0  # None while it is not
        self._first = 0  # of the hosts that the next look begins with
        self._is_new = found is None

    # Settings.

    def set_rules(self, rules: Rules) -> None:
        """Put other timers, windows and receivers in force."""
        self.rules = self._shared.rules = self._records.rules = rules
        for judge in (self._ledger.judge, *self._judges.values()):
            judge.timers = rules.timers

    def set_expected(self, expected: Expected | None, now: Moment) -> None:
        """Put another file of expected ports in force; None: there is none, and the watch alone is
        judged."""
        del now  # each host is judged again at its next look
        self._expected, self._why = expected, IN_FILE if expected else NO_FILE
        self._judges.clear()
        self._judge_of.clear()

    def read_notes(self, now: Moment) -> None:
        """Read accepts and silences again."""
        self._notes = store.by_host(store.notes_of_all(self._connection))
        for name, follower in self._followers.items():
            follower.set_labels(self._labels(name))
        self._read_silences(now)
        self._renew_accepts(now)

    def _labels(self, host: str) -> Mapping[str, str]:
        return {each.key: each.label for each in self._notes.get(host, ())}

    def _renew_accepts(self, now: Moment) -> None:
        accepted = {host: Accepted.of(notes, now.wall) for host, notes in self._notes.items()}
        if {host: each.keys for host, each in accepted.items()} != {
            host: each.keys for host, each in self._accepted.items()
        }:
            self._accepted, self._why = accepted, ACCEPTED
            self._judge_of.clear()

    def _judge(self, host: str) -> Judge:
        """The judge of a host: one for all on which the same blocks and accepts count."""
        if host not in self._judge_of:
            expected = None if self._expected is None else self._expected.on(host)
            accepted = self._accepted.get(host) or Accepted()
            key = expected.blocks if expected else (), accepted.keys
            if key not in self._judges:
                self._judges[key] = Judge(expected, accepted, self.rules.timers)
            self._judge_of[host] = self._judges[key]
        return self._judge_of[host]

    # Looks.

    def look(self, now: Moment) -> None:
        """Follow what hosts have shipped, and do what is due. Raises StoreError if it cannot be
        written."""
        self._set_moment(now)
        self._shared.now, self._shared.wall = self._clock, now.wall
        if self._is_new:
            self._is_new = False
            with self._turn(now):
                self._has_begun()
        if self._reports_due <= self._clock:
            self._reports_due = self._clock + _BETWEEN_REPORTS
            self._ask(now)
        with self._turns.together():
            self._look_at_hosts()
        self._look_at_the_day(now)
        self._act(now)

    def noted(self) -> list[str]:
        """The lines on what was found since the last call."""
        lines = super().noted()
        for name, follower in self._followers.items():
            lines += [f"{name}: {line}" for line in follower.noted()]
        return lines

    def next_due(self) -> int | None:
        """Microseconds from the latest look until something is told; None if nothing waits."""
        due = self._next()
        return None if due is None else max(0, due - self._clock)

    def _ask(self, now: Moment) -> None:
        """Ask the server for the reports of all hosts, and note what is wrong with them."""
        try:
            self._reports = host_reports(self._place.address)
        except StoreError as err:
            if self._reachable_since is not None:
                self._records.noted.append(str(err))
            self._reachable_since = None
            why = f"Nobody knows what listens on the hosts of the fleet: {err}"
            self._set_conditions(now, {UNWATCHED: Condition(UNWATCHED, why)}, {})
            return
        self._reported = self._clock
        if self._reachable_since is None:
            self._records.noted.append("The fleet's server answers again.")
            self._reachable_since = self._reports.now
        since = max(self._reachable_since, self._reports.started_at)
        on, off = dict[str, Condition](), {UNWATCHED: ""}
        for report in self._current(self._reports):
            for each in conditions(report, self._reports.now, since):
                key = host_key(each.kind, report.name)
                if each.why:
                    on[key] = each
                else:
                    off[key] = ""
        self._end_retired(self._reports, off)
        self._set_conditions(now, on, off)

    def _set_conditions(
        self, now: Moment, on: Mapping[str, Condition], off: Mapping[str, str]
    ) -> None:
        """Begin or end what is wrong with hosts, by keys; off: with the reason of what ends, empty
        if it is no longer so."""
        begun = {key: each for key, each in on.items() if not self._ledger.is_on(key)}
        for key in on.keys() - begun.keys():
            self._ledger.explain(key, on[key].why)
        ended = [key for key in off if self._ledger.is_on(key)]
        if not begun and not ended:
            return
        with self._turn(now):
            for key, each in begun.items():
                self._condition(key, is_true=True, since=self._clock - each.ago, why=each.why)
            for key in ended:
                if off[key]:
                    self._ledger.settle(key, off[key])
                else:
                    self._condition(key, is_true=False, since=self._clock)

    def _current(self, reports: Reports) -> Iterator[HostReport]:
        """The hosts that are not retired and have shipped."""
        for each in reports.hosts:
            if each.retired_at is None and each.received_at is not None:
                yield each

    def _end_retired(self, reports: Reports, off: dict[str, str]) -> None:
        """End what is known of hosts that the fleet has no more; off: takes what was wrong with
        them."""
        names = {each.name for each in reports.hosts if each.retired_at is None}
        for name in store.followed_hosts(self._connection):
            if name and name not in names:
                follower = self._followers.pop(name, None) or self._gone(name, reports)
                follower.end_all(_RETIRED)
                with transaction(self._connection, self._alerts_db):
                    store.forget_host(self._connection, name)
        for key in self._ledger.states:
            if (host := host_of(key)) and host not in names:
                off[key] = _RETIRED

    def _gone(self, name: str, reports: Reports) -> HostFollower:
        """A follower of a host that was retired while nobody judged."""
        known = [each for each in reports.hosts if each.name == name]
        nobody = HostReport(0, name, 0, reports.now, reports.now, 0, 0, 0, None, None, 0, 0, {}, 0)
        return self._follower(known[-1] if known else nobody, reports.now)

    def _follower(self, report: HostReport, now: int) -> HostFollower:
        brief = self._brief.pop(report.name, ())
        records = Records(self._connection, self._shared, report.name, brief)
        records.labels = self._labels(report.name)
        source = HostSource(self._place.address, report)
        judge = self._judge(report.name)
        follower = HostFollower(self._connection, self._alerts_db, source, records, judge, now)
        follower.store_besides = self._store_grouping
        follower.transaction = self._turns.turn
        return follower

    def _store_grouping(self) -> None:
        """Store when the next message is made, in the transaction of what it is to tell."""
        grouping = self._telling.grouping
        self._cursor = replace(self._cursor, due=grouping.due, batched=grouping.last)
        set_cursor(self._connection, self._cursor)

    def _look_at_hosts(self) -> None:
        """Let each follower look, for as long as a look may take."""
        if self._reports is None:
            return
        now = self._reports.now + self._clock - self._reported
        hosts = list(self._current(self._reports))
        began = time.monotonic()
        for place in range(len(hosts)):
            report = hosts[(self._first + place) % len(hosts)]
            follower = self._followers.get(report.name)
            if follower is None:
                follower = self._followers[report.name] = self._follower(report, now)
            judge = self._judge(report.name)
            follower.look(report, now)
            follower.judge_by(judge, self._why)
            if time.monotonic() - began > _LONGEST_LOOK:
                self._first = (self._first + place + 1) % len(hosts)
                return
        self._first = 0

    def _has_digested(self) -> None:
        self._brief.clear()
        for follower in self._followers.values():
            follower.has_digested()
