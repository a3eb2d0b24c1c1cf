"""The judge of listeners as they come: each that looks like one before gets its verdict at once."""

import json
from dataclasses import replace
from typing import NamedTuple

from porteye_core.alerts.states import COUNTS_FROM, Course
from porteye_core.alerts.timers import MINUTE, Timers
from porteye_core.judging.acceptance import Accepted, judge_with
from porteye_core.judging.blocks import Block, Expected, covered
from porteye_core.judging.seen import Identity, Seen
from porteye_core.judging.verdicts import Judgement, Verdict
from porteye_core.store.reading import Life

UNWATCHED = '["unwatched"]'
DATABASE = '["database"]'
OF_A_HOST = ("silent", "unwatched", "behind", "clock", "database")
"""Kinds of findings on a host of a fleet itself."""
OF_THE_WATCH = ("settings", *OF_A_HOST)
"""Kinds of findings that have no verdict."""
# A backlog is worked off, and a clock is set, while nobody has to be told.
_BEHIND = 10 * MINUTE
_MOST_KNOWN = 20_000  # verdicts that are remembered: some 20 MB of a hostile crowd
_AS_EXPECTED = Verdict.EXPECTED


class Judged(NamedTuple):
    """A listener with its identity and its verdict."""

    seen: Seen
    identity: Identity
    key: str
    judgement: Judgement

    @property
    def is_expected(self) -> bool:
        """Tell that there is nothing to tell."""
        return self.judgement.verdict is _AS_EXPECTED


class Judge:
    """Judges by expected ports and accepts; without a file everything is expected."""

    def __init__(self, expected: Expected | None, accepted: Accepted, timers: Timers) -> None:
        self.expected, self.accepted, self.timers = expected, accepted, timers
        self._known: dict[Seen, Judged] = {}
        always = [each for each in expected.blocks if each.always] if expected else []
        self.always = {missing_key(each): each for each in always}

    def of(self, life: Life) -> Judged:
        """The verdict on a listener, as if it were open."""
        return self.of_seen(replace(Seen.of(life), lasted=None))

    def of_seen(self, seen: Seen) -> Judged:
        """The same, of a listener that was seen."""
        found = self._known.get(seen)
        if found is None:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            found = self._known[seen] = self._judged(seen)
        return found

    def _judged(self, seen: Seen) -> Judged:
        if self.expected is None:
            identity = seen.identity(is_ephemeral=False)
            return Judged(seen, identity, identity.key, Judgement(_AS_EXPECTED, "", seen))
        is_ephemeral = self.expected.is_ephemeral(seen.protocol, seen.port)
        identity = seen.identity(is_ephemeral=is_ephemeral)
        judgement = judge_with(seen, self.expected, self.accepted)
        return Judged(seen, identity, identity.key, judgement)

    def course(self, key: str, verdict: str) -> Course:
        """The times of an identity, or of another thing that is watched."""
        timers, kind = self.timers, kind_of(key)
        if kind in OF_A_HOST:
            return _course_of_host(kind, timers)
        if self.expected is None or kind == "settings":
            return Course(0, 0)
        defaults = self.expected.defaults
        if verdict == Verdict.MISSING:
            return Course(defaults.missing, 0, defaults.missing, timers.flapping)
        if verdict == Verdict.UNKNOWN:  # never told, however often
            return Course(defaults.hold, timers.again)
        # A port that the kernel gave away is no service that has become reachable.
        is_urgent = verdict == Verdict.WIDER and Identity.of(key).port is not None
        hold = timers.wider if is_urgent else defaults.hold
        return Course(hold, timers.again, COUNTS_FROM, timers.flapping)

    def is_there(self, block: Block, all_seen: list[Seen]) -> bool:
        """Tell that something fits a block, or may fit it, because its owner is hidden."""
        assert self.expected is not None
        return any(
            block.holds(seen) is not False for seen in covered(block, all_seen, self.expected)
        )


def _course_of_host(kind: str, timers: Timers) -> Course:
    """The times of what is wrong with a machine itself."""
    if kind == "silent":  # it has missed several beats by then
        return Course(0, timers.unwatched)
    if kind == "behind":
        return Course(_BEHIND, timers.unwatched)
    return Course(timers.unwatched, timers.again if kind == "clock" else 0)


def missing_key(block: Block) -> str:
    """The key of what a block always expects; the line of the file does not count."""
    what = [block.protocol, block.ports, block.unit, block.container, block.program, block.user]
    return json.dumps(["missing", *what], ensure_ascii=False)


def host_key(kind: str, host: str) -> str:
    """The key of what is wrong with a host of a fleet itself."""
    return json.dumps([kind, host], ensure_ascii=False)


def settings_key(file: str) -> str:
    """The key of a file that cannot be used."""
    return json.dumps(["settings", file])


def host_of(key: str) -> str:
    """The host of a fleet that such a key is of, empty for any other one.

    >>> host_of(host_key("silent", "web1")), host_of(UNWATCHED)
    ('web1', '')
    """
    if kind_of(key) not in OF_A_HOST:
        return ""
    return str((*json.loads(key), "")[1])


def kind_of(key: str) -> str:
    """The kind of the findings on a key."""
    first = key.partition('"')[2].partition('"')[0]
    return first if first == "missing" or first in OF_THE_WATCH else "listener"
