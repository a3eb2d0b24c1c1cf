"""The records of a storm come in pieces, which follow one another in the order of time."""

import os
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Sequence
from contextlib import ExitStack
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from porteye_core.model import ScanDepth
from tests.kit.tracing import needs_tracing
from tests.kit.waiting import until

if sys.platform != "linux":
    pytest.skip("kernel events are Linux's", allow_module_level=True)

from porteye_core.sources import linux
from porteye_core.sources.netlink import destroy_feed
from porteye_core.sources.tracing import tracepoint
from porteye_core.sources.tracing.cpu_buffers import Batch
from porteye_core.sources.tracing.ring_buffer import Record
from porteye_core.sources.tracing.tracepoint import Drained, Tracepoint
from porteye_core.sources.tracing.transitions import Row, Transition, without_ended

pytestmark = pytest.mark.host

# Listens and closes so many times on one CPU, once it is told to.
STORM = """
import os, socket, sys
os.sched_setaffinity(0, {int(sys.argv[1])})
print(flush=True)
sys.stdin.readline()
for _ in range(int(sys.argv[2])):
    with socket.create_server(("127.0.0.1", 0)):
        pass
"""
LISTENERS = (
    4000  # two records of each: twice what one CPU has in a piece, and what its buffer holds
)


class ScriptedCpus:
    """CPUs that record at given times, of which one read takes a piece of each, one after the
    other, while their clock goes on."""

    def __init__(self, times: Sequence[Sequence[int]], piece: int) -> None:
        self._cpus = [deque(sorted(each)) for each in times]
        self._piece = piece
        self.now = 0
        self.lost = self.malformed = 0

    def clock(self) -> int:
        self.now += 1
        return self.now

    def read(self) -> Batch:
        records: list[Record] = []
        left = []
        for cpu in self._cpus:
            taken = 0
            while cpu and taken < self._piece and cpu[0] <= self.now:
                records.append((cpu.popleft(), b""))
                taken += 1
            if taken == self._piece:
                left.append(records[-1][0])
            self.now += 1
        return Batch(records, min(left, default=None))

    def skip(self) -> int:
        skipped = sum(map(len, self._cpus))
        self._cpus = []
        return skipped


TIMES = st.lists(st.integers(0, 60), max_size=30)


@given(st.lists(TIMES, min_size=1, max_size=4), st.integers(1, 5))
def test_pieces_of_every_cpu_follow_one_another_in_the_order_of_time(
    times: list[list[int]], piece: int
) -> None:
    cpus = ScriptedCpus(times, piece)
    traced = Tracepoint()
    traced._buffers = cpus  # type: ignore[assignment]
    read: list[int] = []
    more = True
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tracepoint, "_boot_clock", cpus.clock)
        patch.setattr(tracepoint, "_PASSES", 100)  # here they never record faster than is read
        while cpus.now < 100 or more:
            records, more = traced._read()
            read += [at for at, _ in records]
    assert read == sorted(at for each in times for at in each)


@needs_tracing
def test_a_storm_on_every_cpu_arrives_whole_in_pieces_and_in_order() -> None:
    with Tracepoint() as traced, ExitStack() as stack:
        storms = [
            stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", STORM, str(cpu), str(LISTENERS)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
            for cpu in os.sched_getaffinity(0)
        ]
        for each in storms:
            assert each.stdout
            assert each.stdout.readline()
        for each in storms:
            each.communicate("\n", timeout=60)
        pieces = [traced.drain()]
        while pieces[-1].more:
            pieces.append(traced.drain())
    found = [each for piece in pieces for each in piece.transitions]
    assert len(pieces) > 1
    assert [each.at for each in found] == sorted(each.at for each in found)
    assert sum(piece.lost + piece.malformed for piece in pieces) == 0
    for storm in storms:
        of_one = [each.opened for each in found if each.pid == storm.pid]
        assert of_one == [True, False] * LISTENERS


@needs_tracing
def test_what_is_too_much_counts_as_lost_and_what_follows_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def own(drained: Drained) -> list[bool]:
        return [each.opened for each in drained.transitions if each.pid == os.getpid()]

    with Tracepoint() as traced, ExitStack() as stack:
        for _ in range(20):
            stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        monkeypatch.setattr(tracepoint, "_MAX_AT_ONCE", 19)
        drained = traced.catch_up()
        assert own(drained) == []
        assert drained.lost >= 20
        assert not drained.more
        monkeypatch.setattr(tracepoint, "_MAX_AT_ONCE", 10_000)
        stack.close()
        assert own(traced.catch_up()).count(False) == 20


class ScriptedTrace:
    """A tracepoint that always has more, until it has to catch up."""

    def __init__(self) -> None:
        self.caught_up = 0

    def is_watching(self) -> bool:
        return True

    def drain(self) -> Drained:
        return Drained((), 0, 0, more=True)

    def catch_up(self) -> Drained:
        self.caught_up += 1
        return Drained((), 7, 0)


def test_a_storm_that_lasts_keeps_scans_away_for_a_few_seconds_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trace, now = ScriptedTrace(), [100.0]
    diag = SimpleNamespace(read=lambda *, count_clients: (), netns=1)
    feed = SimpleNamespace(drain=lambda: destroy_feed.Drained((), 0))
    clock = SimpleNamespace(monotonic=lambda: now[0], time_ns=time.time_ns)
    monkeypatch.setattr(linux, "time", clock)
    source = linux.Linux(diag, feed, None, trace)  # type: ignore[arg-type]
    for turn in range(2):
        for _ in range(6):
            # Without the records before them, sockets of a scan would seem to open twice.
            reading = source.read(ScanDepth.SOCKETS)
            assert reading.sockets is None
            assert reading.more
            now[0] += 1
        assert source.read(ScanDepth.NOTICES).more  # no scan would profit from it
        assert trace.caught_up == turn
        reading = source.read(ScanDepth.SOCKETS)
        assert reading.sockets == ()
        assert reading.lost == 7
        assert not reading.more
        assert trace.caught_up == turn + 1


def row(at: int, skaddr: int, *, opened: bool, tid: int = 1) -> Row:
    return at, 0, tid, skaddr, 10 if opened else 7, 80, socket.AF_INET, bytes(4), bytes(16)


def test_only_lives_that_begin_and_end_in_what_waits_are_left_out() -> None:
    stays, passes, closes = 1, 2, 3
    opening, first, second, closing = (
        row(1, stays, opened=True),
        row(2, passes, opened=True),
        row(3, passes, opened=False),
        row(4, closes, opened=False),
    )
    assert without_ended([[opening, first], [second, closing]]) == [[opening], [closing]]


def test_an_address_that_the_kernel_uses_again_is_another_life_each_time() -> None:
    rows = [row(at, 1, opened=bool(at % 2)) for at in range(1, 6)]
    assert without_ended([rows]) == [[rows[-1]]]
    # The closing of the first is lost: it is not that of the second.
    again = [row(1, 1, opened=True), row(2, 1, opened=True), row(3, 1, opened=False)]
    assert without_ended([again]) == [again[:1]]


@needs_tracing
def test_a_thinned_storm_leaves_out_what_is_over_and_keeps_what_listens(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tracepoint, "_MAX_WAITING", LISTENERS)
    with Tracepoint() as traced, ExitStack() as stack:
        known = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        at = known.getsockname()[1]
        found: list[Transition] = []
        lost = 0

        def drain() -> None:
            nonlocal lost
            drained = traced.drain()
            lost += drained.lost
            found.extend(each for each in drained.transitions if each.pid == os.getpid())

        def is_heard() -> bool:
            drain()
            return [each.port for each in found] == [at]

        until(is_heard, "the listener before the storm is heard")
        new = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        for _ in range(LISTENERS):
            with socket.create_server(("127.0.0.1", 0)):
                pass
        known.close()
        found.clear()

        def is_closed() -> bool:
            drain()
            return (at, False) in [(each.port, each.opened) for each in found]

        until(is_closed, "the closing after the storm is heard")
        assert (new.getsockname()[1], True) in [(each.port, each.opened) for each in found]
        assert lost + len(found) >= 2 * LISTENERS
        assert lost > 0
