"""What one user's 20,000 sockets cost the monitor: linear work, in pieces that a stop ends."""

import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Self

import pytest

from porteye_core.model import (
    AttributedSocket,
    KernelEvent,
    Kind,
    Listener,
    Precision,
    Scope,
    Snapshot,
    Socket,
)
from porteye_core.monitor import ticks, time_limits
from porteye_core.store.writing.startup import open_writer
from porteye_core.tracking import Scan, Tracker, comparison
from porteye_core.tracking.matching import match
from tests.kit.rig import Rig, ScriptedClock
from tests.kit.seeing import see
from tests.kit.values import HOST, SECOND, endpoint, listener, owned, process

pytestmark = pytest.mark.host

STORM = 20_000
PIECE = 2_000
# Calls for each listener and socket: a pass over both scans into a few groups of each.
MAX_CALLS = 180

sockets = [Socket(endpoint(1001), inode=inode, cookie=inode) for inode in range(1, STORM + 1)]


class Stop:
    """Tells the monitor to stop at the n-th question; from then on each piece takes two seconds.

    One piece more is stored: a second is left after a stop.
    """

    def __init__(self, at: int, clock: ScriptedClock) -> None:
        self._left = at
        self._clock = clock

    def __call__(self) -> bool:
        self._left -= 1
        return self._left <= 0

    def take_time(self) -> None:
        if self._left <= 0:
            self._clock.pass_(2 * SECOND)


def stopped_at_once(seconds: float, filenos: Sequence[int]) -> bool:
    return True


@pytest.mark.parametrize("pieces", [1, 3])
def test_a_stop_is_heard_between_the_pieces_of_a_storm(db: Path, pieces: int) -> None:
    with open_writer(db, HOST, 1) as writer:
        rig = Rig(db, writer, ScriptedClock())
        rig.source.sockets = tuple(sockets)
        signs_of_life: list[None] = []
        stop = Stop(pieces, rig.clock)

        def alive() -> None:
            signs_of_life.append(None)
            stop.take_time()

        rig.monitor.run(stopped_at_once, alive=alive, stopping=stop)
        assert rig.rows("SELECT count(*) FROM listener") == [((pieces + 1) * PIECE,)]
        assert rig.rows("SELECT stopped_at IS NOT NULL FROM watch") == [(1,)]
        assert len(signs_of_life) >= pieces + 1


def test_the_next_monitor_stores_the_rest_of_a_storm_and_nothing_twice(db: Path) -> None:
    clock = ScriptedClock()
    for stop in (Stop(2, clock), Stop(STORM, clock)):
        with open_writer(db, HOST, 1) as writer:
            rig = Rig(db, writer, clock)
            rig.source.sockets = tuple(sockets)
            rig.monitor.run(stopped_at_once, alive=stop.take_time, stopping=stop)
    assert rig.rows("SELECT count(*), count(DISTINCT inode) FROM listener") == [(STORM, STORM)]
    assert rig.rows("SELECT kind, count(*) FROM event") == [("opened", STORM)]


def test_a_stop_is_heard_between_the_pieces_of_a_closing_storm(db: Path) -> None:
    clock = ScriptedClock()
    with open_writer(db, HOST, 1) as writer:
        rig = Rig(db, writer, clock)
        rig.scan(*sockets)
        rig.source.sockets = ()
        clock.pass_(SECOND)
        stop = Stop(2, clock)
        rig.monitor.run(stopped_at_once, alive=stop.take_time, stopping=stop)
        closed = rig.rows("SELECT count(*) FROM listener WHERE closed_at IS NOT NULL")
        assert closed == [(3 * PIECE,)]
    with open_writer(db, HOST, 1) as writer:
        rig = Rig(db, writer, clock)
        rig.scan()
        assert rig.rows("SELECT kind, count(*) FROM event GROUP BY kind ORDER BY kind") == [
            ("closed", STORM),
            ("opened", STORM),
        ]


class Calls:
    """Counts the calls of functions, Python's and C's."""

    def __init__(self) -> None:
        self.number = 0

    def __enter__(self) -> Self:
        sys.setprofile(self._note)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)

    def _note(self, frame: FrameType, event: str, argument: object) -> None:
        self.number += event in ("call", "c_call")


ONE, OTHER = process(10), process(11)
BY_INODE = [owned(owner=ONE, inode=inode) for inode in range(1, STORM + 1)]
BY_DESCRIPTOR = [owned(owner=ONE, fd=fd) for fd in range(1, STORM + 1)]
BY_NOTHING = [owned(owner=ONE) for _ in range(STORM)]


def known(seen: list[AttributedSocket]) -> list[Listener]:
    return [listener(number, each) for number, each in enumerate(seen)]


def recorded(seen: list[AttributedSocket]) -> list[Listener]:
    """The same listeners as only the records of their openings describe them."""
    return [replace(each, skaddr=each.id + 1, inode=None, fd=None) for each in known(seen)]


CROWDS = {
    "the same by inode": (known(BY_INODE), BY_INODE),
    "all closed": (known(BY_INODE), []),
    "all opened": ([], BY_INODE),
    "others by inode": (known(BY_INODE), [owned(owner=ONE, inode=-1 - n) for n in range(STORM)]),
    "first scan after their records": (recorded(BY_INODE), BY_INODE),
    "another process has them all": (
        recorded(BY_INODE),
        [owned(owner=OTHER, inode=inode) for inode in range(1, STORM + 1)],
    ),
    "the same by descriptor": (known(BY_DESCRIPTOR), BY_DESCRIPTOR),
    "other descriptors": (
        known(BY_DESCRIPTOR),
        [owned(owner=ONE, fd=fd + STORM) for fd in range(1, STORM + 1)],
    ),
    "without any number": (known(BY_NOTHING), BY_NOTHING),
    "with another owner": (known(BY_NOTHING), [owned(owner=OTHER) for _ in range(STORM)]),
}


@pytest.mark.parametrize("crowd", CROWDS)
def test_twenty_thousand_sockets_at_one_place_are_matched_in_linear_work(crowd: str) -> None:
    listeners, seen = CROWDS[crowd]
    with Calls() as calls:
        matched = match(listeners, seen)
    assert len(matched.pairs) + len(matched.missing) == len(listeners)
    assert len(matched.pairs) + len(matched.strangers) == len(seen)
    assert calls.number < MAX_CALLS * max(len(listeners), len(seen))


OWN = 4026531840
EVERYTHING = Scope(frozenset((OWN,)), frozenset((OWN,)), complete=True)


def test_as_many_that_listened_without_a_bound_port_are_told_apart_in_linear_work() -> None:
    tracker = Tracker()
    unbound = tuple(
        KernelEvent(at, Kind.OPENED, endpoint(0), skaddr=at, pid=ONE.key.pid)
        for at in range(1, STORM + 1)
    )
    seen = [
        owned(replace(endpoint(1 + number % 60_000), netns=OWN), owner, inode=1 + number)
        for number, owner in enumerate([ONE, OTHER] * STORM)
    ]
    assert len(tracker.hear(Snapshot(None, unbound)).portless) == STORM
    with Calls() as calls:
        changes = see(tracker, seen, EVERYTHING, Scan(STORM + 9, Precision.POLL, announces=True))
    # Of several openings nothing tells which is whose, so that none has the kernel's time.
    assert {opening.seen for opening in changes.opened} == {Precision.POLL}
    assert len(changes.opened) == len(seen)
    assert calls.number < MAX_CALLS * len(seen)


def test_as_many_closings_at_one_place_are_heard_in_linear_work() -> None:
    tracker = Tracker(known(BY_INODE))
    closings = tuple(
        KernelEvent(at, Kind.CLOSED, endpoint(), skaddr=at) for at in range(1, STORM + 1)
    )
    with Calls() as calls:
        heard = tracker.hear(Snapshot(None, closings))
        changes = see(tracker, [], EVERYTHING, Scan(STORM + 9, Precision.POLL, announces=True))
    assert len(heard.unplaced) + len(heard.closed) == STORM
    assert len(heard.closed) + len(changes.closed) == STORM
    assert calls.number < MAX_CALLS * STORM


# --- a scan in parts ---------------------------------------------------------------------------

CROWD = [
    Socket(replace(endpoint(port), netns=None), inode=port, cookie=port) for port in range(1, 401)
]


@pytest.fixture
def rig(db: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    """A monitor that works on ten places at once, and then hears notices."""
    monkeypatch.setattr(comparison, "PART", 10)
    monkeypatch.setattr(time_limits, "_SLICE", -1.0)
    with open_writer(db, HOST, 1) as writer:
        yield Rig(db, writer, ScriptedClock())


def counted(rig: Rig, statement: str) -> int:
    ((number,),) = rig.rows(statement)
    assert isinstance(number, int)
    return number


def test_a_first_scan_of_many_is_stored_part_by_part_with_notices_heard_between(rig: Rig) -> None:
    signs_of_life: list[None] = []
    rig.source.sockets = tuple(CROWD)
    stored = "SELECT count(*) FROM listener"
    rig.scan(*CROWD)
    while not counted(rig, stored):
        rig.monitor.scan()
    assert counted(rig, stored) < len(CROWD)
    rig.source.kernel_events = (
        KernelEvent(rig.clock.now(), Kind.OPENED, endpoint(500), skaddr=5, pid=os.getpid()),
    )
    while not rig.monitor.has_scanned:
        signs_of_life.append(None)
        rig.monitor.scan()
        assert counted(rig, "SELECT count(*) FROM listener WHERE port = 500") == 1
    assert len(signs_of_life) > 10
    assert counted(rig, stored) == len(CROWD) + 1
    assert rig.monitor.watched == len(CROWD) + 1
    assert counted(rig, "SELECT listeners FROM tick") == len(CROWD) + 1


def test_what_closes_during_a_scan_of_many_is_not_found_open_by_a_later_part(rig: Rig) -> None:
    rig.source.announces = True
    rig.scan(*CROWD)
    while not counted(rig, "SELECT count(*) FROM listener"):
        rig.monitor.scan()
    rig.source.kernel_events = tuple(
        KernelEvent(rig.clock.now(), Kind.CLOSED, each.endpoint, cookie=each.cookie)
        for each in CROWD
    )
    while not rig.monitor.has_scanned:
        rig.monitor.scan()
    assert counted(rig, "SELECT count(*) FROM listener WHERE closed_at IS NULL") == 0
    assert 0 < counted(rig, "SELECT count(*) FROM listener") < len(CROWD)


def test_a_stop_in_the_middle_of_a_first_scan_of_many_leaves_the_rest_to_the_next_monitor(
    db: Path, rig: Rig
) -> None:
    rig.source.sockets = tuple(CROWD)
    stop = Stop(8, rig.clock)
    rig.monitor.run(stopped_at_once, alive=stop.take_time, stopping=stop)
    assert 0 < counted(rig, "SELECT count(*) FROM listener") < len(CROWD)
    assert rig.rows("SELECT stopped_at IS NOT NULL FROM watch") == [(1,)]
    # Nothing that was not compared yet counts as closed.
    assert rig.rows("SELECT DISTINCT kind FROM event") == [("opened",)]


def test_one_scan_of_many_ends_with_all_of_them(rig: Rig) -> None:
    rig.source.sockets = tuple(CROWD)
    rig.monitor.run(stopped_at_once)
    assert counted(rig, "SELECT count(*) FROM listener") == len(CROWD)
    assert counted(rig, "SELECT count(*) FROM tick") == 1


def test_a_source_that_fails_during_a_scan_of_many_is_a_gap_and_closes_nothing(rig: Rig) -> None:
    rig.scan(*CROWD)
    while not rig.monitor.has_scanned:
        rig.monitor.scan()
    rig.scan(*CROWD[:200])
    rig.scan(failing=True)
    assert rig.monitor.watched is None
    assert counted(rig, "SELECT count(*) FROM event WHERE kind = 'closed'") < 200
    rig.scan(*CROWD)
    while rig.monitor.watched is None:
        rig.monitor.scan()
    assert rig.monitor.watched == len(CROWD)


def test_the_samples_of_many_are_one_beat_in_pieces(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ticks, "_SAMPLES", 7)
    rig.scan(*CROWD)
    while not rig.monitor.has_scanned:
        rig.monitor.scan()
    assert counted(rig, "SELECT count(*) FROM tick") == 1
    assert counted(rig, "SELECT count(DISTINCT listener_id) FROM sample") == len(CROWD)
    assert rig.rows("SELECT resolution, sum(beats) FROM rollup GROUP BY resolution") == [
        (300, len(CROWD))
    ]
