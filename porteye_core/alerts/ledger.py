"""The ledger: which listeners are open, under which identities, and what follows in time.

It is filled by events in their order, and written in one transaction with the cursor. What it holds
in memory is what the alerts database holds, so that it can be read again after a failed write.
"""

import heapq
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

from porteye_core.alerts import states
from porteye_core.alerts.judge import Judge, Judged, kind_of
from porteye_core.alerts.records import Records, of_block, of_judged, of_listener, of_watch
from porteye_core.alerts.state_rows import row_of, state_of
from porteye_core.alerts.states import Act, State
from porteye_core.errors import StoreError
from porteye_core.judging.seen import Identity, is_within
from porteye_core.judging.verdicts import Judgement, Verdict
from porteye_core.reach import Exposure
from porteye_core.store.alerts import (
    Connection,
    Finding,
    identities,
    open_listeners,
    set_identities,
    set_open_listeners,
)
from porteye_core.store.reading import Life

IN_FILE, NO_FILE = "expected now", "no file says any more what is expected"
KNOWN, FLAPS = "its owner is known", "it flaps"


class Entry(NamedTuple):
    """A listener that is open; opened: by the alert clock."""

    listener_id: int
    judged: Judged
    opened: int


class Ledger:
    """Open listeners and states of identities.

    look: reads listeners by their ids; absence: tells for how long a missing block must wait on,
    because nobody watched or the machine has just started. host: of a fleet, empty for the fleet
    itself and for a single machine.
    """

    def __init__(
        self,
        connection: Connection,
        records: Records,
        judge: Judge,
        look: Callable[[Collection[int]], Iterable[Life]],
        absence: Callable[[int], int],
        host: str = "",
    ) -> None:
        self._connection, self._records, self.judge = connection, records, judge
        self._host = host
        self._look, self._absence = look, absence
        self.entries: dict[int, Entry] = {}
        self._members: dict[str, set[int]] = {}
        self.states = {row.key: state_of(row) for row in identities(connection, host)}
        self._why: dict[str, str] = {}
        self._due = [(each.due, key) for key, each in self.states.items() if each.due is not None]
        heapq.heapify(self._due)
        self._changed_states: set[str] = set()
        self._changed_listeners: set[int] = set()

    # What happens.

    def load(self, at: int) -> None:
        """Take up the listeners that were open at the cursor. Their owners may have been learnt, or
        the file changed, while nobody judged."""
        stored = {
            number: (key, opened)
            for number, key, opened in open_listeners(self._connection, self._host)
        }
        lives = {life.id: life for life in self._look(stored)}
        for number, (key, opened) in stored.items():
            if number not in lives:  # retention has dropped it
                self._changed_listeners.add(number)
                continue
            judged = self.judge.of(lives[number])
            state = self.states.get(key)
            verdict = Verdict(state.verdict) if state else Verdict.EXPECTED
            was = Judged(judged.seen, Identity.of(key), key, Judgement(verdict))
            self._enter(Entry(number, was, opened))
        for entry in list(self.entries.values()):
            self._rejudge(
                lives[entry.listener_id], self.judge.of(lives[entry.listener_id]), entry, at
            )
        self._let_go(at)
        self._settle_lost(IN_FILE)
        self._check_blocks(at)

    def opened(self, life: Life, at: int) -> None:
        """Take up a listener that opened."""
        judged = self.judge.of(life)
        self._enter(Entry(life.id, judged, at))
        self._changed_listeners.add(life.id)
        if not judged.is_expected:
            self._there(judged.key, judged.judgement.verdict, at, at)
        self._check_blocks(at, judged)

    def closed(self, listener_id: int, at: int) -> None:
        """Let a listener go."""
        entry = self.entries.pop(listener_id, None)
        if entry is None:
            return
        self._changed_listeners.add(listener_id)
        self._leave(listener_id, entry.judged.key)
        key = entry.judged.key
        if key not in self._members:
            self._away(key, at, entry)
        self._check_blocks(at, entry.judged)

    def seen_again(self, life: Life, at: int) -> None:
        """Judge a listener anew, of which more is known now."""
        entry = self.entries.get(life.id)
        if entry is not None:
            self._rejudge(life, self.judge.of(life), entry, at)

    def judge_again(self, judge: Judge, at: int, why: str) -> None:
        """Judge everything by another file or by other accepts; why: the reason of what ends."""
        self.judge = judge
        self._settle_lost(why)
        lives = {life.id: life for life in self._look(list(self.entries))}
        for entry in list(self.entries.values()):
            if entry.listener_id in lives:
                judged = judge.of_seen(entry.judged.seen)
                self._rejudge(lives[entry.listener_id], judged, entry, at, why)
        self._check_blocks(at)

    def begin_anew(self, lives: Sequence[Life], at: Callable[[Life], int], now: int) -> None:
        """Take up all that is open in a database that is read for the first time, or that was
        replaced: an identity that is open in both stays as it is."""
        self._changed_listeners |= {
            number for number, *_ in open_listeners(self._connection, self._host)
        }
        self.entries.clear()
        self._members.clear()
        for life in lives:
            self._enter(Entry(life.id, self.judge.of(life), at(life)))
            self._changed_listeners.add(life.id)
        self._let_go(now)
        self._settle_lost(IN_FILE)
        for entry in self.entries.values():
            if not entry.judged.is_expected:
                verdict = entry.judged.judgement.verdict
                self._there(entry.judged.key, verdict, entry.opened, now)
        self._check_blocks(now)

    def settle_all(self, why: str) -> None:
        """End all that is true, and forget what listens."""
        self._changed_listeners |= set(self.entries)
        self.entries.clear()
        self._members.clear()
        for key in list(self.states):
            self.settle(key, why)

    def is_on(self, key: str) -> bool:
        """Tell that this is true now."""
        return key in self.states and self.states[key].opened is not None

    def differs(self, life: Life) -> bool:
        """Tell that this listener would be judged in another way than before."""
        entry = self.entries.get(life.id)
        return entry is not None and self.judge.of(life) != entry.judged

    def condition(self, key: str, *, is_true: bool, since: int, now: int, why: str = "") -> None:
        """Begin or end a finding on the watch or on a file; why: the words of the finding."""
        if is_true:
            self._why[key] = why
            state = self.states.get(key)
            if state is None or state.opened is None:
                self._there(key, "", since, now)
            elif state.finding_id is not None:
                self._records.reword(state.finding_id, why)
        else:
            self._away(key, now, None)

    def explain(self, key: str, why: str) -> None:
        """Set the words of what is on and not told yet: a process that began since has none."""
        if self.is_on(key):
            self._why[key] = why

    # What follows.

    @property
    def next_due(self) -> int | None:
        """The time at which something follows, None if nothing does."""
        while self._due:
            due, key = self._due[0]
            state = self.states.get(key)
            if state is not None and state.due == due:
                return due
            heapq.heappop(self._due)
        return None

    def follow(self) -> None:
        """Do what is due next."""
        due, key = heapq.heappop(self._due)
        state = self.states[key]
        is_there = state.opened is not None
        if is_there and kind_of(key) == "listener":
            for life in self._readable(self._members.get(key, ())):
                self.seen_again(life, due)
            state = self.states.get(key, state)
            if key not in self.states or state.due != due:
                return
        if is_there and kind_of(key) == "missing" and (wait := self._absence(due)):
            self._set(key, replace(state, due=due + wait))
            return
        after, act = states.follow(state, due, self.judge.course(key, state.verdict))
        if act in (Act.BEGIN, Act.WORSE):
            assert after is not None
            after = self._begun(key, state, after)
        elif act is Act.END:
            assert state.finding_id is not None
            closed = due if state.closed is None else state.closed
            self._records.end(state.finding_id, self._records.wall_of(closed))
        self._set(key, after)

    def store(self) -> None:
        """Write what has changed, in the transaction of the caller."""
        self._records.flush()
        changed = [
            row_of(self._host, key, self.states[key])
            for key in self._changed_states
            if key in self.states
        ]
        gone = [key for key in self._changed_states if key not in self.states]
        set_identities(self._connection, changed, gone, self._host)
        listeners = [
            (number, self.entries[number].judged.key, self.entries[number].opened)
            for number in self._changed_listeners
            if number in self.entries
        ]
        closed = [number for number in self._changed_listeners if number not in self.entries]
        set_open_listeners(self._connection, listeners, closed, self._host)
        self._changed_states.clear()
        self._changed_listeners.clear()

    # Within.

    def _readable(self, ids: Collection[int]) -> list[Life]:
        """The listeners of these ids; none while the database is away, for what is due is told as
        it was judged."""
        try:
            return list(self._look(ids))
        except StoreError:
            return []

    def _let_go(self, at: int) -> None:
        """Let the identities go that no listener has any more."""
        for key in list(self.states):
            if kind_of(key) == "listener" and key not in self._members:
                self._away(key, at, None)

    def _enter(self, entry: Entry) -> None:
        self.entries[entry.listener_id] = entry
        if not entry.judged.is_expected:
            self._members.setdefault(entry.judged.key, set()).add(entry.listener_id)

    def _leave(self, number: int, key: str) -> None:
        members = self._members.get(key)
        if members is not None:
            members.discard(number)
            if not members:
                del self._members[key]

    def _set(self, key: str, state: State | None) -> None:
        self._changed_states.add(key)
        if state is None or states.is_done(state):
            self.states.pop(key, None)
            self._why.pop(key, None)
            return
        if state.due is not None and (key not in self.states or self.states[key].due != state.due):
            heapq.heappush(self._due, (state.due, key))
        self.states[key] = state

    def _there(self, key: str, verdict: str, at: int, now: int) -> None:
        state = self.states.get(key) or State(verdict)
        self._set(key, states.there(state, verdict, at, now, self.judge.course(key, verdict)))

    def _away(self, key: str, at: int, entry: Entry | None) -> None:
        """Let an identity go; entry: its last listener, None if it does not count as brief."""
        before = self.states.get(key)
        if before is None or before.opened is None:
            return
        course = self.judge.course(key, before.verdict)
        state, act = states.away(before, max(at, before.opened), course)
        if before.is_flapping and before.finding_id is not None:
            self._records.flapped(before.finding_id)
        if act is Act.BRIEF and entry is not None:
            self._records.brief(entry.judged.seen, self._records.wall_of(before.opened))
        if act is Act.FLAPPING:
            found = replace(self._finding(key, before, entry), kind="flapping")
            if before.finding_id is not None:
                self._records.supersede(before.finding_id, FLAPS)
            state = replace(state, finding_id=self._records.begin(found))
        self._set(key, state)

    def _begun(self, key: str, state: State, after: State) -> State:
        """Tell what is true; returns the state with the finding."""
        entry = self.entries.get(min(self._members.get(key, ()), default=0))
        number = self._records.begin(self._finding(key, state, entry))
        if state.finding_id is not None:
            self._records.supersede(state.finding_id, f"{state.verdict} now")
        return replace(after, finding_id=number)

    def _finding(self, key: str, state: State, entry: Entry | None) -> Finding:
        wall = self._records.wall
        since = self._records.wall_of(wall if state.opened is None else state.opened)
        if key in self.judge.always:
            return of_block(key, self.judge.always[key], since, wall)
        if entry is None:
            return of_watch(key, self._why.get(key, ""), since, wall)
        for life in self._readable([entry.listener_id]):
            return of_listener(life, entry.judged, wall)
        return of_judged(entry.judged, since, wall)

    def settle(self, key: str, why: str) -> None:
        """End what is expected now, whether it is there or not."""
        state = self.states.get(key)
        if state is not None and state.finding_id is not None:
            self._records.end(state.finding_id, self._records.wall, why)
        self._set(key, None)

    def _settle_lost(self, why: str) -> None:
        """End what is missing by a block that the file has no more."""
        for key in list(self.states):
            if kind_of(key) == "missing" and key not in self.judge.always:
                self.settle(key, why)

    def _rejudge(self, life: Life, judged: Judged, entry: Entry, at: int, why: str = "") -> None:
        """Replace what is known of a listener that stays open."""
        was = entry.judged
        if judged == was:
            return
        # What was hidden was so from the beginning; another owner is one from now on.
        is_learnt = _continues(was.identity, judged.identity)
        since = entry.opened if is_learnt and not was.is_expected else at
        self._leave(life.id, was.key)
        self._enter(Entry(life.id, judged, entry.opened))
        if judged.key != was.key:
            self._changed_listeners.add(life.id)
        if was.key not in self._members:
            self._left(was, life, judged, at, why, is_learnt=is_learnt)
        if not judged.is_expected:
            self._there(judged.key, judged.judgement.verdict, since, at)
        self._check_blocks(at, judged)

    def _left(
        self, was: Judged, life: Life, judged: Judged, at: int, why: str, *, is_learnt: bool
    ) -> None:
        """End or pass on what is known of an identity that its last listener has no more."""
        state = self.states.get(was.key)
        if state is None or state.opened is None:
            return
        if judged.key == was.key:
            self.settle(was.key, why or IN_FILE)
        elif not is_learnt:
            self._away(was.key, at, None)
        elif judged.is_expected:
            self.settle(was.key, why or KNOWN)
        elif judged.key in self.states:
            if state.finding_id is not None:
                self._records.supersede(state.finding_id, KNOWN)
            self._set(was.key, None)
        else:
            self._set(was.key, None)
            self._set(judged.key, state)
            if state.finding_id is not None:
                self._records.rename(state.finding_id, life, judged)

    def _check_blocks(self, at: int, judged: Judged | None = None) -> None:
        """Begin or end what is missing; judged: a listener, if only its port is concerned."""
        for key, block in self.judge.always.items():
            if judged and not block.names(judged.seen.protocol, judged.seen.port):
                continue
            every = (entry.judged.seen for entry in self.entries.values())
            of_port = [seen for seen in every if block.names(seen.protocol, seen.port)]
            if self.judge.is_there(block, of_port):
                self._away(key, at, None)
            elif key not in self.states or self.states[key].opened is None:
                self._there(key, Verdict.MISSING, at, at)


def _continues(was: Identity, now: Identity) -> bool:
    """Tell that more is known of the same listener: its owner, its reach, or that fewer hosts reach
    it."""
    is_same_port = (was.protocol, was.port) == (now.protocol, now.port)
    is_same_owner = not was.who or (was.who, was.user) == (now.who, now.user)
    is_no_wider = was.reach is Exposure.UNKNOWN or is_within(now.reach, was.reach) is True
    return is_same_port and is_same_owner and is_no_wider
