"""Findings as they are stored and told: begun, ended, and those that are brief, counted."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Protocol

from porteye_core.alerts.judge import Judged, host_of, kind_of
from porteye_core.alerts.message_body import END, sentence
from porteye_core.alerts.timers import Rules
from porteye_core.judging.blocks import Block
from porteye_core.judging.seen import Seen
from porteye_core.judging.verdicts import Verdict
from porteye_core.store.alerts import (
    Connection,
    Finding,
    add_finding,
    change_finding,
    count_more,
    finding,
    open_findings,
)
from porteye_core.store.reading import Life

# Lines of a digest that tell what was brief: a crowd of programs has no more.
_MOST_BRIEF = 1000
_OTHERS = '["brief"]'


class Teller(Protocol):
    """Takes what is to be told; rules, now: in force, and by the alert clock."""

    def begin(self, finding: Finding, now: int, rules: Rules) -> None:
        """Let a new finding be told."""

    def end(self, finding: Finding, now: int, rules: Rules) -> None:
        """Let the end of a finding be told."""

    def renew(self, finding: Finding) -> None:
        """Let a finding that waits be told as it is known now."""

    def forget(self, finding_id: int) -> None:
        """Tell nothing more of a finding."""


class Records:
    """The findings of a database, written in the transaction of its caller.

    host: of these findings, unless they name another one. now: the alert clock; wall: the wall time
    of the same moment. labels: of notes, by the keys of their identities; they come before those of
    blocks. brief: what is counted already.
    """

    def __init__(
        self,
        connection: Connection,
        telling: Teller,
        host: str,
        brief: Iterable[Finding] | None = None,
    ) -> None:
        self._connection, self._telling, self.rules = connection, telling, Rules()
        self.host = host
        counted = brief_findings(connection) if brief is None else brief
        self._brief = {each.key: each for each in counted}
        self._new_brief: dict[str, Finding] = {}
        self._flapped = Counter[int]()
        self.now = self.wall = 0
        self.labels: Mapping[str, str] = {}
        self.noted: list[str] = []  # lines for the log

    def wall_of(self, clock: int) -> int:
        """The wall time of an earlier moment of the alert clock."""
        return self.wall - (self.now - clock)

    def begin(self, found: Finding) -> int:
        """Store a finding and let it be told; returns its id."""
        found = replace(self._labelled(found), host=found.host or self.host)
        stored = replace(found, id=add_finding(self._connection, found))
        self._telling.begin(stored, self.now, self.rules)
        if found.kind != "settings":  # the service says of a file what is wrong with it
            self.noted.append(sentence(stored))
        return stored.id

    def _labelled(self, found: Finding) -> Finding:
        return replace(found, label=self.labels.get(found.key) or found.label)

    def end(self, finding_id: int, at: int, why: str = "") -> None:
        """End a finding at a wall time, and let that be told."""
        change_finding(self._connection, finding_id, ended_at=at, ended_why=why)
        stored = finding(self._connection, finding_id)
        if stored is not None:
            self._telling.end(stored, self.now, self.rules)
            self.noted.append(sentence(stored, END))

    def supersede(self, finding_id: int, why: str) -> None:
        """End a finding that another one says better: nothing of its end is told."""
        change_finding(
            self._connection,
            finding_id,
            ended_at=self.wall,
            end_told_at=self.wall,
            ended_why=why,
        )
        self._telling.forget(finding_id)

    def rename(self, finding_id: int, life: Life, judged: Judged) -> None:
        """Set the owner of a finding, which was learnt after it."""
        told = self._labelled(of_listener(life, judged, self.wall))
        names = ("key", "program", "user", "unit", "container", "pid", "exposure", "why", "label")
        change_finding(
            self._connection, finding_id, **{name: getattr(told, name) for name in names}
        )
        self._renew(finding_id)

    def reword(self, finding_id: int, why: str) -> None:
        """Set the reason of a finding, which is another one by now."""
        change_finding(self._connection, finding_id, why=why)
        self._renew(finding_id)

    def _renew(self, finding_id: int) -> None:
        stored = finding(self._connection, finding_id)
        if stored is not None:
            self._telling.renew(stored)

    def brief(self, seen: Seen, at: int) -> None:
        """Count an opening that was over before it had to be told, for the digest."""
        key = json.dumps(["brief", seen.protocol, seen.who, seen.user, seen.reach])
        if key not in self._brief and len(self._brief) >= _MOST_BRIEF:
            key = _OTHERS
        known = self._new_brief.get(key) or self._brief.get(key)
        if known is None:
            known = Finding(
                0, key, "brief", Verdict.BRIEF, at, self.wall,
                protocol=seen.protocol, port=seen.port, exposure=seen.exposure,
                program=seen.program, user=seen.user, unit=seen.unit, container=seen.container,
                why="gone before it had to be told", host=self.host,
            )  # fmt: skip
        port = seen.port if known.port == seen.port else None
        known = replace(known, port=port, brief_count=known.brief_count + 1)
        self._brief[key] = self._new_brief[key] = known

    def flapped(self, finding_id: int) -> None:
        """Count one more time of what comes and goes."""
        self._flapped[finding_id] += 1

    def flush(self) -> None:
        """Store what was counted."""
        for number, count in self._flapped.items():
            count_more(self._connection, number, count)
        self._flapped.clear()
        for key, each in self._new_brief.items():
            if each.id:
                change_finding(
                    self._connection, each.id, brief_count=each.brief_count, port=each.port
                )
            else:
                number = add_finding(self._connection, each)
                self._brief[key] = replace(each, id=number)
        self._new_brief.clear()

    def digested(self) -> None:
        """Begin to count anew."""
        self._brief.clear()


def of_listener(life: Life, judged: Judged, now: int) -> Finding:
    """The finding on a listener."""
    return replace(
        of_judged(judged, life.opened_at, now),
        listener_id=life.id,
        port=life.port,
        address=life.bound.shown,
        program=life.title or judged.seen.program,
        user=life.user,
        pid=life.pid,
    )


def of_judged(judged: Judged, at: int, now: int) -> Finding:
    """The finding on a listener that the history does not have any more."""
    seen, judgement, block = judged.seen, judged.judgement, judged.judgement.block
    return Finding(
        0,
        judged.key,
        "listener",
        judgement.verdict,
        at,
        now,
        protocol=seen.protocol,
        port=seen.port,
        exposure=seen.exposure,
        program=seen.program,
        user=seen.user,
        unit=seen.unit,
        container=seen.container,
        why=judgement.why,
        line=block.line if block else None,
        label=block.label if block else "",
    )


def of_block(key: str, block: Block, at: int, now: int) -> Finding:
    """The finding on what a block always expects and is not there."""
    ports = block.ports
    single = ports[0][0] if len(ports) == 1 and ports[0][0] == ports[0][1] else None
    return Finding(
        0,
        key,
        "missing",
        Verdict.MISSING,
        at,
        now,
        protocol=block.protocol,
        port=single,
        exposure=block.reach,
        program=block.program or "",
        user=block.user or "",
        unit=block.unit or "",
        container=block.container or "",
        why=f"line {block.line} always expects it",
        line=block.line,
        label=block.label,
    )


def of_watch(key: str, why: str, at: int, now: int) -> Finding:
    """The finding on the watch itself, on a host of a fleet, or on a file."""
    return Finding(0, key, kind_of(key), "", at, now, why=why, host=host_of(key))


def brief_findings(connection: Connection) -> list[Finding]:
    """The findings on what was brief, which are counted until the next digest."""
    return [each for each in open_findings(connection) if each.kind == "brief"]
