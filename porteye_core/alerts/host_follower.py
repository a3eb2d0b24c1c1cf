"""A follower of one host of a fleet, by the clock of what the host has shipped.

A host ships late, or not for a week. Its ledger stands still for that time, and then goes on with
its events at their own times: whatever the host did is judged as if it had been seen at once.
"""

import json
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from porteye_core.alerts.alert_clock import Moment
from porteye_core.alerts.follower import BATCH, Follower
from porteye_core.alerts.judge import Judge
from porteye_core.alerts.records import Records
from porteye_core.store.alerts import Connection
from porteye_core.store.fleet.many_hosts.reports import EPOCH_BITS, HostReport
from porteye_core.store.fleet.one_host.host_reader import open_host_rows
from porteye_core.store.reading import FollowedEvent, RowReader

# What a process knows of time comes from the server: there is no boot of its own.
_BOOT = "fleet"


@dataclass(frozen=True, slots=True)
class Place:
    """The events of a host that are judged: of each of its databases, by the epoch, up to an id.

    since: what happened before that time, by the host's clock, is not judged; epoch: in that
    database, which came after another one.
    """

    host_id: int
    epochs: Mapping[int, int]
    since: int = 0
    epoch: int = 0

    @classmethod
    def of(cls, text: str) -> Self | None:
        """The place of its text, None of an empty one."""
        if not text:
            return None
        host_id, epochs, since, epoch = json.loads(text)
        return cls(host_id, {int(number): event for number, event in epochs.items()}, since, epoch)

    def __str__(self) -> str:
        return json.dumps([self.host_id, self.epochs, self.since, self.epoch])


class HostSource:
    """The history of a host, as its reports tell how far it goes."""

    def __init__(self, address: str, report: HostReport) -> None:
        self._address, self.report = address, report
        self._seen: tuple[object, ...] | None = None

    @property
    def identity(self) -> str:
        """The number of the host: one that is enrolled anew has another one."""
        return str(self.report.host_id)

    def has_changed(self) -> bool:
        """Tell that the host has shipped something that is judged since the last call."""
        of = self.report
        state = (of.host_id, of.streams, of.revisions, of.behind == 0)
        if state == self._seen:
            return False
        self._seen = state
        return True

    def forget(self) -> None:
        """Read again at the next call."""
        self._seen = None

    def open(self) -> AbstractContextManager[RowReader]:
        """A reader of one moment. Raises StoreError."""
        return open_host_rows(self._address, self.report.host_id)

    def up(self, now: Moment) -> int:
        """Microseconds since the host started, by its own clock."""
        return now.wall - self.report.booted_at


class HostFollower(Follower):
    """Follows what a host ships."""

    def __init__(
        self,
        connection: Connection,
        alerts_db: Path,
        source: HostSource,
        records: Records,
        judge: Judge,
        now: int,
    ) -> None:
        moment = _moment(source.report, now)
        name = source.report.name
        super().__init__(connection, alerts_db, source, records, judge, moment, name)
        self._history, self._now = source, now
        self._place = Place.of(self._cursor.file)
        self._revisions: int | None = None

    def look(self, report: HostReport, now: int) -> None:
        """Follow what a host has shipped by a time of the server, and do what is due. Raises
        StoreError."""
        self._history.report, self._now = report, now
        moment = _moment(report, now)
        self._set_moment(moment)
        self._read_if_changed(moment)
        if self._is_loaded:
            self._act(moment)

    def judge_by(self, judge: Judge, why: str) -> None:
        """Judge by another file or by other accepts."""
        if judge is not self._ledger.judge:
            self.judge_again(judge, _moment(self._history.report, self._now), why)

    def set_labels(self, labels: Mapping[str, str]) -> None:
        """Put other labels of notes in force."""
        self._records.labels = labels

    def has_digested(self) -> None:
        """Begin to count what is brief anew."""
        self._records.digested()

    def end_all(self, why: str) -> None:
        """End all findings of a host that is no more."""
        with self._turn(_moment(self._history.report, self._now)):
            self._ledger.settle_all(why)

    def _follow(self, reader: RowReader, now: Moment) -> None:
        report, place = self._history.report, self._place
        is_known = place is not None and place.host_id == report.host_id
        if not (is_known and self._goes_on(reader, place)):
            if report.behind:  # its past comes first, and nobody is told of that
                return
            self._begin_at(reader, now, place if is_known else None)
        elif not self._is_loaded:
            with self._turn(now):
                self._ledger.load(self._clock)
        self._is_loaded = True
        for epoch in sorted(report.streams):
            self._follow_database(reader, now, epoch)
        if self._revisions != report.revisions:
            self._revisions = report.revisions
            self._judge_owners(*self._owned_anew(reader), now)

    def _goes_on(self, reader: RowReader, place: Place | None) -> bool:
        """Tell that the databases of the host are those that were followed."""
        if place is None or self._history.report.streams.keys() - place.epochs.keys():
            return False
        mark = reader.event_mark(self._cursor.event_id)
        return mark is None or mark == self._cursor.mark

    def _begin_at(self, reader: RowReader, now: Moment, before: Place | None) -> None:
        """Begin with what is open. before: the databases that were followed, None for none: what is
        in a new one is judged from the time on up to which the others were."""
        report = self._history.report
        new = report.streams.keys() - before.epochs.keys() if before else set[int]()
        if before and new:
            first = {epoch: epoch << EPOCH_BITS for epoch in new}
            self._place = Place(
                report.host_id, {**before.epochs, **first}, self._cursor.at, max(new)
            )
            last = first[max(new)]
        else:
            self._place = Place(report.host_id, dict(report.streams))
            last = max(report.streams.values(), default=0)
        self._begin(reader, now, last, is_replaced=before is not None)

    def _follow_database(self, reader: RowReader, now: Moment, epoch: int) -> None:
        """Follow the events of one database up to what its host had shipped at the report."""
        assert self._place is not None
        end = self._history.report.streams[epoch]
        while (last := self._place.epochs[epoch]) < end:
            found = reader.following(last, BATCH)
            events = [each for each in found if each.id <= end]
            with self._turn(now):
                for event in events:
                    self._take(event)
                # Without any, retention was faster.
                self._move(reader, events[-1].id if events else end)

    def _take(self, event: FollowedEvent) -> None:
        place = self._place
        assert place is not None
        is_past = event.id >> EPOCH_BITS == place.epoch and event.at < place.since
        if not is_past:
            super()._take(event)

    def _file_at(self, event_id: int) -> str:
        place, epoch = self._place, event_id >> EPOCH_BITS
        assert place is not None
        if event_id > place.epochs.get(epoch, 0):
            self._place = replace(place, epochs={**place.epochs, epoch: event_id})
        return str(self._place)

    def _look_at_owners_soon(self) -> None:
        """Wait for no time: the host says what was learnt by the number of its revisions."""


def _moment(of: HostReport, now: int) -> Moment:
    """The moment up to which the history of a host is known, by its own clock.

    It goes on after the newest batch, for what happens is shipped within a beat; and no further,
    for nobody knows what a silent host does.
    """
    received = of.received_at or 0
    known = received + min(max(0, now - received), of.beat)
    return Moment(known + of.skew, known, _BOOT)
