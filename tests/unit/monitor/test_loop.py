"""The loop, with a clock and a source that do as they are told, on a real database."""

import logging
import os
import socket
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from porteye_core.errors import SourceError
from porteye_core.model import KernelEvent, Kind, RetentionPolicy, ScanDepth, Scope, Socket
from porteye_core.owners import OwnerFinder
from porteye_core.store.writing.startup import open_writer
from tests.kit.rig import A, B, Rig, ScriptedClock
from tests.kit.values import HOST, SECOND, endpoint


@pytest.fixture
def rig(db: Path) -> Iterator[Rig]:
    with open_writer(db, HOST, 1) as writer:
        yield Rig(db, writer, ScriptedClock())


def test_what_opens_and_closes_between_scans_is_seen_by_poll(rig: Rig) -> None:
    rig.scan()
    rig.scan(A)
    rig.scan()
    assert rig.events == [("opened", 1001, "poll"), ("closed", 1001, "poll")]


def test_what_was_there_before_the_first_scan_opened_in_a_gap(rig: Rig) -> None:
    rig.scan(A)
    assert rig.events == [("opened", 1001, "gap")]


def test_a_failed_scan_is_a_gap_and_closes_nothing(rig: Rig) -> None:
    rig.scan(A)
    rig.scan(failing=True)
    assert len(rig.events) == 1
    rig.scan(A)
    assert len(rig.events) == 1
    assert rig.rows("SELECT gap FROM tick WHERE gap > 0") == [(2 * SECOND,)]


def test_what_changed_during_failed_scans_is_seen_in_a_gap(rig: Rig) -> None:
    rig.scan(A)
    rig.scan(failing=True)
    rig.scan(B)
    assert rig.events[1:] == [("closed", 1001, "gap"), ("opened", 1002, "gap")]


def test_a_failure_is_logged_once_until_it_is_over(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "porteye"):
        for failing in (False, True, True, True, False, True):
            rig.scan(A, failing=failing)
    assert len(caplog.records) == 2


def test_no_watch_begins_before_the_first_scan_succeeds(rig: Rig) -> None:
    rig.scan(failing=True)
    assert rig.rows("SELECT * FROM watch") == []
    rig.scan(A)
    assert rig.rows("SELECT started_at FROM watch") == [(rig.clock.now(),)]


def test_a_scan_that_comes_much_too_late_saw_a_gap(rig: Rig) -> None:
    rig.scan(A)
    rig.scan(after=60 * SECOND)
    assert rig.events[1:] == [("closed", 1001, "gap")]
    assert rig.rows("SELECT gap FROM tick WHERE gap > 0") == [(60 * SECOND,)]


def test_a_clock_that_is_set_is_recorded_and_ends_no_life_too_early(rig: Rig) -> None:
    rig.scan()
    rig.scan(A)
    rig.clock.wall -= 3600 * SECOND
    rig.scan(after=10 * SECOND)
    assert rig.rows("SELECT jump FROM tick WHERE jump != 0") == [(-3600 * SECOND,)]
    assert rig.rows("SELECT closed_at >= opened_at FROM listener") == [(1,)]
    assert rig.rows("SELECT gap FROM tick WHERE gap > 0") == [(10 * SECOND,)]


def test_samples_come_at_their_own_tick_and_for_what_has_just_opened(rig: Rig) -> None:
    for _ in range(12):
        rig.scan(A)
    deep = [ScanDepth.CLIENTS] + [ScanDepth.SOCKETS] * 9
    assert rig.source.depths == [*deep, ScanDepth.CLIENTS, ScanDepth.SOCKETS]
    rig.scan(A, B)
    assert rig.rows("SELECT id FROM tick") == [(1,), (2,), (3,)]
    # At the second tick nothing had changed.
    assert rig.rows("SELECT tick_id, port FROM sample JOIN listener l ON l.id = listener_id") == [
        (1, 1001),  # at tick 2 it has not moved
        (3, 1002),
    ]
    assert rig.rows(
        "SELECT port, beats FROM rollup JOIN listener l ON l.id = listener_id"
        " WHERE resolution = 300 ORDER BY port"
    ) == [(1001, 2), (1002, 1)]


def test_a_restart_logs_nothing_again_and_closes_what_has_gone(db: Path) -> None:
    clock = ScriptedClock()
    with open_writer(db, HOST, 1) as writer:
        first = Rig(db, writer, clock)
        first.scan(A, B)
        first.monitor.stop()
    clock.pass_(100 * SECOND)
    with open_writer(db, HOST, 2) as writer:
        second = Rig(db, writer, clock)
        second.scan(A)
    assert second.events[2:] == [("closed", 1002, "gap")]
    assert second.rows("SELECT count(*) FROM watch") == [(2,)]


def test_a_failed_first_scan_after_a_restart_closes_nothing(db: Path) -> None:
    clock = ScriptedClock()
    with open_writer(db, HOST, 1) as writer:
        Rig(db, writer, clock).scan(A)
    with open_writer(db, HOST, 2) as writer:
        again = Rig(db, writer, clock)
        again.scan(failing=True)
        again.scan(A)
    assert len(again.events) == 1


def test_the_loop_scans_until_it_is_told_to_stop(rig: Rig) -> None:
    waits: list[float] = []

    def wait(seconds: float, filenos: Sequence[int]) -> bool:
        assert filenos == ()
        waits.append(seconds)
        rig.clock.pass_(round(seconds * SECOND))
        return len(waits) == 3

    rig.monitor.run(wait)
    assert waits == [1.0, 1.0, 1.0]
    assert rig.rows("SELECT stopped_at FROM watch") == [(rig.clock.now(),)]


def test_a_monitor_whose_parent_has_gone_ends(rig: Rig) -> None:
    rig.monitor.run(lambda seconds, filenos: False, ended=lambda: True)
    assert rig.rows("SELECT stopped_at IS NOT NULL FROM watch") == [(1,)]


def test_a_tick_says_what_the_monitor_itself_used_and_a_tick_between_ticks_does_not(
    rig: Rig,
) -> None:
    rig.scan(A)
    rig.scan(A, B)  # one second later, for the newborn alone
    tick, between = rig.rows("SELECT cpu IS NULL, rss > 0, size > 0 FROM tick ORDER BY id")
    assert tick == (0, 1, 1)
    assert between == (1, None, None)


def test_a_hidden_owner_is_counted_with_the_tick(rig: Rig) -> None:
    rig.scan(A, B)
    assert rig.rows("SELECT hidden, listeners FROM tick") == [(2, 2)]
    assert rig.rows("SELECT DISTINCT hidden FROM listener") == [("kernel",)]


OURS = os.getpid()


def opened(at: int, port: int = 1001, skaddr: int = 7) -> KernelEvent:
    return KernelEvent(at, Kind.OPENED, endpoint(port), skaddr, pid=OURS, name="me")


def closed(at: int, port: int = 1001, skaddr: int = 7, cookie: int | None = None) -> KernelEvent:
    return KernelEvent(at, Kind.CLOSED, endpoint(port), skaddr, cookie)


def announce(
    rig: Rig, *kernel_events: KernelEvent, sockets: tuple[Socket, ...] = (), lost: int = 0
) -> None:
    rig.source.kernel_events, rig.source.lost = kernel_events, lost
    rig.scan(*sockets, after=SECOND // 10)


def test_what_the_kernel_announced_has_the_kernels_time(rig: Rig) -> None:
    rig.scan()
    at = rig.clock.now()
    announce(rig, opened(at + 1))
    announce(rig, closed(at + 5))
    assert rig.rows("SELECT at, kind, seen FROM event ORDER BY id") == [
        (at + 1, "opened", "kernel"),
        (at + 5, "closed", "kernel"),
    ]


def test_a_life_shorter_than_any_scan_is_stored_whole(rig: Rig) -> None:
    rig.scan()
    at = rig.clock.now()
    announce(rig, opened(at + 1), closed(at + 3), opened(at + 4, 1002), closed(at + 6, 1002))
    assert rig.rows("SELECT port, closed_at - opened_at, closed_seen FROM listener") == [
        (1001, 2, "kernel"),
        (1002, 2, "kernel"),
    ]
    assert rig.rows("SELECT DISTINCT pid FROM process") == [(OURS,)]
    assert rig.source.depths[1:] == [ScanDepth.NOTICES]


def test_a_scan_learns_the_inode_of_what_was_announced(rig: Rig) -> None:
    rig.scan()
    announce(rig, opened(rig.clock.now()))
    rig.scan(Socket(endpoint(1001), inode=99, pid=OURS, cookie=5))
    assert len(rig.events) == 1
    assert rig.rows("SELECT inode FROM listener") == [(99,)]


def test_a_socket_that_closed_while_it_was_listed_is_not_opened_again(rig: Rig) -> None:
    rig.scan(Socket(endpoint(1001), inode=99, cookie=5))
    rig.source.kernel_events = (closed(rig.clock.now() + SECOND, cookie=5),)
    rig.scan(Socket(endpoint(1001), inode=99, cookie=5))
    rig.scan()
    assert rig.events == [("opened", 1001, "gap"), ("closed", 1001, "poll")]


def test_a_socket_that_opened_while_others_were_listed_is_not_closed(rig: Rig) -> None:
    rig.scan()
    rig.source.kernel_events = (opened(rig.clock.now() + SECOND),)
    rig.scan()
    assert rig.events == [("opened", 1001, "kernel")]


def test_after_a_loss_the_next_scan_reconciles(rig: Rig) -> None:
    rig.scan(A)
    announce(rig, lost=3)
    announce(rig, sockets=())
    assert rig.events[1:] == [("closed", 1001, "poll")]
    assert rig.source.depths[1:] == [ScanDepth.NOTICES, ScanDepth.SOCKETS]
    rig.scan(after=10 * SECOND)
    assert rig.rows("SELECT max(lost) FROM tick") == [(3,)]


def test_a_socket_that_was_not_bound_gets_its_port_from_the_next_scan(rig: Rig) -> None:
    rig.scan()
    at = rig.clock.now()
    announce(rig, opened(at, port=0))
    assert rig.events == []
    with socket.socket() as real:  # whose holder can be found
        inode = os.fstat(real.fileno()).st_ino
        announce(rig, sockets=(Socket(endpoint(4242), inode=inode),))
    assert rig.rows("SELECT at, port, seen FROM event") == [(at, 4242, "kernel")]


def test_a_socket_that_was_not_bound_and_that_nobody_holds_now_is_one_life_of_its_opener(
    rig: Rig,
) -> None:
    rig.scan()
    at = rig.clock.now()
    announce(rig, opened(at, port=0))
    announce(rig, sockets=(Socket(endpoint(4242), inode=99),))
    announce(rig, closed(at + 5, port=4242), sockets=())
    assert rig.rows("SELECT at, port, seen FROM event") == [
        (at, 4242, "kernel"),
        (at + 5, 4242, "kernel"),
    ]
    assert rig.rows("SELECT DISTINCT pid FROM process") == [(OURS,)]


def test_of_twins_the_one_whose_record_closed_has_gone_whichever_number_it_was_given(
    rig: Rig,
) -> None:
    one, two = (Socket(endpoint(1001), inode=inode, cookie=inode) for inode in (1, 2))
    rig.scan()
    at = rig.clock.now()
    announce(rig, opened(at + 1, skaddr=7), opened(at + 2, skaddr=8))
    rig.scan(one, two)
    given = rig.rows("SELECT inode FROM listener ORDER BY opened_at")
    announce(rig, closed(at + 9, skaddr=7))
    stays = one if given[0] == (1,) else two  # the one that chance gave to what has closed
    for _ in range(3):
        rig.scan(stays)
    assert rig.rows("SELECT opened_at, closed_at, inode FROM listener ORDER BY id") == [
        (at + 1, at + 9, None),
        (at + 2, None, stays.inode),
    ]


@pytest.mark.skipif(sys.platform != "linux", reason="network namespaces are Linux's")
def test_a_namespace_that_a_scan_into_it_refutes_is_not_known(rig: Rig) -> None:
    rig.source.scope = Path("/proc/self/ns/net").stat().st_ino
    rig.clock.wall = time.time_ns() // 1000  # after the start of this process
    rig.scan()
    announce(rig, opened(rig.clock.now()))
    assert rig.rows("SELECT netns FROM listener") == [(rig.source.scope,)]
    rig.scan()
    assert rig.rows("SELECT netns, unseen_at, closed_at FROM listener") == [(None, None, None)]


def test_a_closing_that_fits_several_takes_the_one_that_the_next_scan_misses(rig: Rig) -> None:
    one, two = (Socket(endpoint(1001), inode=inode, cookie=inode) for inode in (1, 2))
    rig.scan(one, two)
    at = rig.clock.now() + 3
    announce(rig, closed(at))
    announce(rig, sockets=(two,))
    assert rig.rows("SELECT inode, closed_at FROM listener WHERE closed_at IS NOT NULL") == [
        (1, at)
    ]


def test_a_source_that_announces_is_listened_to_and_rests_between(rig: Rig) -> None:
    rig.source.announces = True
    waits: list[tuple[float, int]] = []

    def wait(seconds: float, filenos: Sequence[int]) -> bool:
        waits.append((round(seconds, 2), len(filenos)))
        rig.clock.pass_(round(seconds * SECOND))
        return len(waits) == 4

    rig.monitor.run(wait)
    assert waits == [(0.05, 0), (0.95, 1), (0.05, 0), (0.95, 1)]


def test_a_source_that_has_more_is_read_again_without_a_rest(rig: Rig) -> None:
    rig.source.announces = rig.source.is_behind = True
    waits: list[tuple[float, int]] = []

    def wait(seconds: float, filenos: Sequence[int]) -> bool:
        waits.append((round(seconds, 2), len(filenos)))
        rig.clock.pass_(round(seconds * SECOND))
        rig.source.is_behind = len(waits) < 4
        return len(waits) == 6

    rig.monitor.run(wait)
    assert waits == [(0.0, 0), (0.0, 1)] * 2 + [(0.05, 0), (0.95, 1)]


def test_a_source_that_fails_behind_is_not_read_without_a_rest(rig: Rig) -> None:
    rig.source.announces = rig.source.is_behind = True
    rig.scan()
    waits: list[float] = []

    def wait(seconds: float, filenos: Sequence[int]) -> bool:
        waits.append(seconds)
        return True

    rig.source.failing = True
    rig.monitor.run(wait)
    assert waits[0] > 0


OWN, OTHER = 1, 2


def in_netns(netns: int, port: int, inode: int) -> Socket:
    return Socket(replace(endpoint(port), netns=netns), inode=inode)


def test_a_scan_into_one_namespace_closes_nothing_in_another(rig: Rig) -> None:
    ours, theirs = in_netns(OWN, 1001, 1), in_netns(OTHER, 1002, 2)
    rig.source.scope = OWN
    rig.scan(ours, theirs)
    rig.scan(ours)
    rig.scan()
    assert rig.events[2:] == [("closed", 1001, "poll")]
    for _ in range(8):
        rig.scan()
    assert rig.events[3:] == [("closed", 1002, "gap")]


def test_what_only_its_process_shows_stays_open_over_a_restart_until_that_lets_go(db: Path) -> None:
    clock = ScriptedClock()
    with socket.create_server(("127.0.0.1", 0)) as server:
        theirs = in_netns(OTHER, 1001, os.fstat(server.fileno()).st_ino)
        with open_writer(db, HOST, 1) as writer:
            rig = Rig(db, writer, clock)
            rig.source.scope = OWN
            rig.scan(theirs)
            rig.scan(after=10 * SECOND)
        with open_writer(db, HOST, 1) as writer:
            rig = Rig(db, writer, clock)
            rig.source.scope = OWN
            for _ in range(3):
                rig.scan(after=10 * SECOND)
            assert rig.rows("SELECT closed_at, unseen_at FROM listener") == [(None, None)]
            server.close()
            for _ in range(2):
                rig.scan(after=10 * SECOND)
            assert rig.rows("SELECT closed_seen FROM listener") == [("gap",)]


def test_a_namespace_of_many_is_another_even_where_each_scan_reads_it(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    scanned = frozenset((OWN, OTHER))
    scope = Scope(scanned, scanned | {3}, complete=True, own=OWN)  # one has to wait for its turn
    monkeypatch.setattr(rig.source, "_scope", lambda depth: scope)
    rig.scan(in_netns(OWN, 1001, 1), in_netns(OTHER, 1002, 2))
    rig.scan()
    assert sorted(rig.events[2:]) == [("closed", 1001, "poll"), ("closed", 1002, "gap")]


def test_an_opening_announced_from_another_namespace_waits_for_the_scan_into_it(rig: Rig) -> None:
    rig.source.scope = OWN + 10**6  # no namespace of a process here
    rig.scan()
    announce(rig, opened(rig.clock.now()))
    for _ in range(3):
        rig.scan()
    assert rig.events == [("opened", 1001, "kernel")]


def test_what_a_source_that_announces_closings_did_not_announce_two_scans_have_to_miss(
    rig: Rig,
) -> None:
    rig.source.announces = True
    rig.scan(A, B)
    rig.scan(A)
    rig.scan(A, B)
    rig.scan(A)
    assert len(rig.events) == 2
    at = rig.clock.now()
    rig.scan(A)
    assert rig.events[2:] == [("closed", 1002, "poll")]
    assert rig.rows("SELECT max(closed_at) FROM listener") == [(at,)]


def test_no_listener_outlives_a_boot_however_well_its_numbers_fit(db: Path) -> None:
    clock = ScriptedClock()
    same = Socket(endpoint(1001), inode=7, cookie=7)
    for boot in ("first", "first", "second"):
        with open_writer(db, replace(HOST, boot_id=boot), 1) as writer:
            rig = Rig(db, writer, clock)
            rig.scan(same)
            rig.monitor.stop()
    assert rig.events == [
        ("opened", 1001, "gap"),
        ("closed", 1001, "gap"),
        ("opened", 1001, "gap"),
    ]


def test_what_opens_after_a_boot_and_before_the_first_scan_stays_open(db: Path) -> None:
    clock = ScriptedClock()
    for boot in ("first", "second"):
        with open_writer(db, replace(HOST, boot_id=boot), 1) as writer:
            rig = Rig(db, writer, clock)
            rig.source.is_behind = boot == "second"
            rig.source.kernel_events = (opened(clock.now()),) if rig.source.is_behind else ()
            rig.scan(A)
            rig.scan(A)
            rig.monitor.stop()
    assert rig.events == [
        ("opened", 1001, "gap"),
        ("closed", 1001, "gap"),
        ("opened", 1001, "kernel"),
    ]


def test_a_stop_within_the_first_scan_ends_the_watch(rig: Rig) -> None:
    rig.source.sockets = tuple(Socket(endpoint(port)) for port in range(1, 3000))
    rig.monitor.run(lambda seconds, filenos: True, stopping=lambda: True)
    assert rig.rows("SELECT stopped_at = seen_at FROM watch") == [(1,)]


@pytest.mark.parametrize(("seconds", "stored"), [(0, 5000), (2, 2000)])
def test_a_stop_within_a_storm_stores_whole_lives_while_it_has_time(
    rig: Rig, seconds: int, stored: int
) -> None:
    rig.source.announces = True
    rig.scan()
    rig.clock.pass_(SECOND // 10)
    at = rig.clock.now()
    ports = range(1, 5001)
    rig.source.kernel_events = tuple(opened(at, port, skaddr=port) for port in ports)
    ends = tuple(closed(at + 1, port, skaddr=port) for port in ports)

    def stopping() -> bool:
        if rig.source.kernel_events != ends:
            rig.source.kernel_events = ends
            assert rig.monitor._grace.end  # begins
            rig.clock.pass_(seconds * SECOND)
        return True

    rig.monitor.run(lambda seconds, filenos: True, stopping=stopping)
    lives = rig.rows("SELECT count(*), count(closed_at), max(closed_seen) FROM listener")
    assert lives == [(stored, stored, "kernel")]


def test_a_failure_to_find_owners_is_a_failed_scan(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: object) -> None:
        raise SourceError("Too many open files.")

    rig.scan(A)
    monkeypatch.setattr(OwnerFinder, "refresh", fail)
    rig.scan(after=10 * SECOND)
    assert len(rig.events) == 1


def test_old_records_are_dropped_between_scans(db: Path) -> None:
    hour = 3600 * SECOND
    with open_writer(db, HOST, 1, RetentionPolicy(samples=hour)) as writer:
        rig = Rig(db, writer, ScriptedClock())
        rig.scan(A)
        first = rig.rows("SELECT at FROM tick")
        rig.scan(A, after=2 * hour)
        left = iter(range(70))

        def wait(seconds: float, filenos: Sequence[int]) -> bool:
            rig.clock.pass_(SECOND)
            return next(left, None) is None

        rig.monitor.run(wait)
        ticks = rig.rows("SELECT at FROM tick")
        assert first[0] not in ticks
        assert len(ticks) > 5
        assert rig.rows("SELECT min(tick_id) > 1 FROM sample") == [(1,)]
