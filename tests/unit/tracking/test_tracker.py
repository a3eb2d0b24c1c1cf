"""The comparison is pure, so it is tested by the thousand."""

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from porteye_core.model import (
    UNBOUND,
    AttributedSocket,
    Closing,
    Interface,
    KernelEvent,
    Kind,
    Listener,
    Precision,
    Process,
    Scope,
    Snapshot,
    Socket,
)
from porteye_core.reach import InterfaceKind
from porteye_core.tracking import Scan, Tracker, comparison
from porteye_core.tracking.hearing import announced
from porteye_core.tracking.homeless import Homeless
from porteye_core.tracking.matching import Matched, match
from porteye_core.tracking.merging import merged
from porteye_core.tracking.open_listeners import OpenListeners
from tests.kit.seeing import see
from tests.kit.values import endpoint, listener, owned, process

# Few of everything, so that ports are shared, pids are reused and sockets have twins.
ENDPOINTS = st.builds(
    endpoint,
    st.sampled_from([80, 443]),
    st.sampled_from(["tcp", "udp"]),
    st.sampled_from(["127.0.0.1", "::1"]),
)
PROCESSES = st.builds(process, st.sampled_from([10, 11]), st.sampled_from([5, 6]))
SOCKETS = st.builds(
    owned,
    ENDPOINTS,
    st.none() | PROCESSES,
    inode=st.none() | st.integers(1, 3),
    fd=st.none() | st.integers(3, 4),
)
LOOKS = st.lists(SOCKETS, max_size=6)
# What a source that sees inodes gives: no two sockets share one.
EXACT_LOOKS = st.lists(
    st.builds(owned, ENDPOINTS, PROCESSES, inode=st.integers(1, 6)),
    max_size=6,
    unique_by=lambda each: each.socket.inode,
)


def listening(scan: list[AttributedSocket]) -> list[Listener]:
    return [listener(number, each) for number, each in enumerate(scan)]


def is_quiet(matched: Matched) -> bool:
    return not (matched.strangers or matched.missing)


def places(things: list[AttributedSocket] | list[Listener]) -> Counter[object]:
    return Counter(t.endpoint if isinstance(t, Listener) else t.socket.endpoint for t in things)


@given(LOOKS, LOOKS)
def test_what_was_open_and_the_changes_give_what_is_open(
    before: list[AttributedSocket], after: list[AttributedSocket]
) -> None:
    was = listening(before)
    changes = match(was, after)
    replayed = places(was)
    replayed.subtract(places(list(changes.missing)))
    replayed.update(places(list(changes.strangers)))
    assert +replayed == places(after)
    assert len(changes.pairs) + len(changes.strangers) == len(after)
    assert {k.id for k, _ in changes.pairs} | {c.id for c in changes.missing} == {w.id for w in was}


@given(EXACT_LOOKS, EXACT_LOOKS)
def test_with_inodes_the_replay_is_exact_socket_by_socket(
    before: list[AttributedSocket], after: list[AttributedSocket]
) -> None:
    changes = match(listening(before), after)
    left = {(c.endpoint, c.inode) for c in listening(before)}
    left -= {(c.endpoint, c.inode) for c in changes.missing}
    left |= {(o.socket.endpoint, o.socket.inode) for o in changes.strangers}
    assert left == {(o.socket.endpoint, o.socket.inode) for o in after}


@given(LOOKS)
def test_the_same_scan_twice_is_quiet(scan: list[AttributedSocket]) -> None:
    assert is_quiet(match(listening(scan), scan))


@given(EXACT_LOOKS, EXACT_LOOKS)
def test_scans_in_the_other_order_give_the_mirror_image(
    before: list[AttributedSocket], after: list[AttributedSocket]
) -> None:
    there = match(listening(before), after)
    back = match(listening(after), before)
    assert places(list(there.strangers)) == places(list(back.missing))
    assert places(list(there.missing)) == places(list(back.strangers))


def test_two_sockets_on_one_port_are_two_listeners() -> None:
    twins = [owned(endpoint(), process(10), fd=3), owned(endpoint(), process(11), fd=3)]
    changes = match(listening(twins), twins[1:])
    assert [gone.owner for gone in changes.missing] == [twins[0].key]


def test_twins_of_one_process_are_told_apart_by_descriptor() -> None:
    twins = [owned(endpoint(), process(), fd=3), owned(endpoint(), process(), fd=4)]
    changes = match(listening(twins), twins[1:])
    assert [gone.fd for gone in changes.missing] == [3]


def test_a_reused_pid_is_another_process() -> None:
    before, after = owned(owner=process(10, 5)), owned(owner=process(10, 6))
    changes = match([listener(1, before)], [after])
    assert len(changes.missing) == len(changes.strangers) == 1


def test_another_inode_is_another_socket_of_the_same_process() -> None:
    before, after = owned(owner=process(), inode=1), owned(owner=process(), inode=2)
    assert match([listener(1, before)], [after]).strangers == (after,)


def test_a_socket_passed_on_is_the_same_listener() -> None:
    before, after = owned(owner=process(10), inode=1), owned(owner=process(11), inode=1)
    assert is_quiet(match([listener(1, before)], [after]))


def test_a_listener_outlives_its_owner_in_another_holder() -> None:
    master, worker = process(10), process(11)
    before = owned(owner=master, holders=(master, worker))
    after = owned(owner=worker, holders=(worker,))
    assert is_quiet(match([listener(1, before)], [after]))


def test_an_owner_that_cannot_be_seen_closes_nothing() -> None:
    assert is_quiet(match([listener(1, owned(owner=process()))], [owned()]))
    assert is_quiet(match([listener(1, owned())], [owned(owner=process())]))


def test_a_certain_match_goes_before_a_possible_one() -> None:
    unknown, known = owned(), owned(owner=process())
    changes = match([listener(1, unknown), listener(2, known)], [known])
    assert [was.id for was, _ in changes.pairs] == [2]


# --- what the kernel announces ---------------------------------------------------------------

STEPS = st.lists(
    st.tuples(st.sampled_from([Kind.OPENED, Kind.CLOSED]), st.integers(1, 3), st.integers(80, 81)),
    max_size=30,
)


def notices_of(steps: list[tuple[Kind, int, int]]) -> list[KernelEvent]:
    """Steps as a kernel would announce them: a socket opens at one place, and closes there."""
    told: list[KernelEvent] = []
    open_at: dict[int, int] = {}
    for at, (kind, skaddr, wanted) in enumerate(steps, 1):
        if (kind is Kind.OPENED) == (skaddr in open_at):
            continue  # twice the same: no kernel says so
        if kind is Kind.OPENED:
            port = open_at[skaddr] = wanted
        else:
            port = open_at.pop(skaddr)
        told.append(KernelEvent(at, kind, endpoint(port), skaddr, pid=10, name="x"))
    return told


@given(STEPS, st.integers(0, 30))
def test_however_notices_are_cut_into_readings_the_same_lives_come_out(
    steps: list[tuple[Kind, int, int]], cut: int
) -> None:
    kernel_events = notices_of(steps)
    whole = lives(kernel_events)
    assert lives(kernel_events[:cut], kernel_events[cut:]) == whole
    assert len(whole) == sum(kernel_event.kind is Kind.OPENED for kernel_event in kernel_events)


def lives(*readings: list[KernelEvent]) -> set[tuple[int, int | None, int]]:
    """When each life began and ended, and where, told in these readings."""
    listeners = OpenListeners()
    found: dict[int, tuple[int, int | None, int]] = {}
    for reading in readings:
        heard = announced(listeners, reading)
        assert not heard.portless
        assert not heard.unplaced
        for ended in heard.closed:
            known = ended.listener
            listeners.remove(known)
            found[known.id] = (known.opened_at, ended.at, known.endpoint.port)
        for opening, closing in heard.born:
            number = len(found) + 1
            end = closing.at if closing else None
            found[number] = (opening.at, end, opening.endpoint.port)
            if closing is None:
                listeners.put(Listener(number, opening.endpoint, opening.at, skaddr=opening.skaddr))
    return set(found.values())


def test_an_interface_is_learnt_and_what_a_scan_cannot_tell_stays() -> None:
    lo = Interface("lo", InterfaceKind.MACHINE)
    known = listener(1, owned(inode=1))
    seen = owned(inode=1)
    bound = replace(seen, socket=replace(seen.socket, interface=lo))
    learnt = merged(known, bound)
    assert learnt.interface == lo
    assert merged(learnt, bound) is learnt
    assert merged(learnt, seen) is learnt
    freed = replace(seen, socket=replace(seen.socket, interface=UNBOUND))
    assert merged(learnt, freed).interface == UNBOUND


def closing(port: int = 80, skaddr: int = 0, cookie: int | None = None) -> KernelEvent:
    return KernelEvent(9, Kind.CLOSED, endpoint(port), skaddr, cookie)


def test_a_number_tells_which_of_two_twins_closed() -> None:
    twins = [replace(listener(n, owned(inode=n)), cookie=n) for n in (1, 2)]
    heard = announced(OpenListeners(twins), [closing(cookie=2)])
    assert [each.listener.id for each in heard.closed] == [2]


def test_an_address_in_the_kernel_that_is_not_known_closes_the_only_one_at_its_place() -> None:
    alone = listener(1, owned())
    assert announced(OpenListeners([alone]), [closing(skaddr=7)]).closed
    twins = OpenListeners([alone, listener(2, owned())])
    heard = announced(twins, [closing(skaddr=7)])
    assert not heard.closed
    assert len(heard.unplaced) == 1


def test_what_is_told_twice_closes_once() -> None:
    known = replace(listener(1, owned()), cookie=5)
    heard = announced(OpenListeners([known]), [closing(skaddr=7), closing(cookie=5)])
    assert len(heard.closed) == 1


def test_an_opening_whose_port_is_not_chosen_yet_waits_for_it() -> None:
    unbound = KernelEvent(1, Kind.OPENED, endpoint(0), 7, pid=10)
    heard = announced(OpenListeners(), [unbound])
    assert heard.portless == (unbound,)
    later = announced(OpenListeners(), [*heard.portless, closing(4242, 7)])
    assert [opening.endpoint.port for opening, _ in later.born] == [4242]


def test_notices_of_nobody_we_know_change_nothing() -> None:
    heard = announced(OpenListeners(), [closing(skaddr=3), closing(cookie=4)])
    assert (heard.born, heard.closed, heard.portless, heard.unplaced) == ((), (), (), ())


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 4), st.integers(0, 2)), max_size=20))
def test_the_open_listeners_are_found_by_all_that_is_known_of_them(
    steps: list[tuple[bool, int, int]],
) -> None:
    kept = OpenListeners()
    model: dict[int, Listener] = {}
    for adding, number, named in steps:
        each = replace(
            listener(number, owned()),
            skaddr=number if named == 1 else 0,
            cookie=number if named == 2 else None,
        )
        if adding:
            kept.put(each)
            model[number] = each
        else:
            kept.remove(each)
            model.pop(number, None)
    assert {each.id: each for each in kept} == model
    unnamed = {each.id for each in model.values() if not each.skaddr}
    concerned = kept.concerned([closing()])
    assert concerned.unnamed(endpoint().socket_address) == unnamed
    for each in model.values():
        near = kept.concerned([closing(1, skaddr=each.skaddr, cookie=each.cookie)])
        assert not each.skaddr or near.at_address(each.skaddr) == each
        assert each.cookie is None or near.with_cookie(each.cookie, None) == each


# --- notices and scans together ----------------------------------------------------------------

OWN, CONTAINER = 1, 2
OWN_ALONE = Scope(frozenset((OWN,)))
EVERYTHING = Scope(frozenset((OWN, CONTAINER)), frozenset((OWN, CONTAINER)), complete=True)


def recorded(number: int = 1, owner: Process | None = None, netns: int | None = OWN) -> Listener:
    """A listener of which only the record of its opening is known: no inode, no cookie."""
    born = listener(number, owned(replace(endpoint(), netns=netns), owner or process(10)), 5)
    return replace(born, skaddr=number)


def shown(
    inode: int, owner: Process | None = None, netns: int = OWN, port: int = 80
) -> AttributedSocket:
    """A socket as a scan shows it."""
    at = replace(endpoint(port), netns=netns)
    holders = (owner,) if owner else ()
    return AttributedSocket(Socket(at, inode, cookie=inode), owner, holders)


def numbered(number: int, netns: int = OWN, port: int = 80) -> Listener:
    seen = shown(number, process(10), netns, port)
    return replace(listener(number, seen), cookie=number)


def scan(at: int = 9, *, announces: bool = True) -> Scan:
    return Scan(at, Precision.POLL, announces, own=OWN, others_rarely=True)


def test_a_daemon_that_forked_before_the_first_scan_is_one_life_of_who_is_left() -> None:
    tracker = Tracker([recorded(owner=process(10))])
    changes = see(tracker, [shown(7, process(11))], EVERYTHING, scan())
    ((was, now, _),) = changes.kept
    assert (was.id, now.owner, now.inode) == (1, process(11).key, 7)
    assert not changes.opened
    assert not changes.closed


def test_of_two_recorded_at_one_place_each_gets_the_socket_of_its_owner() -> None:
    tracker = Tracker([recorded(1, process(10)), recorded(2, process(20))])
    changes = see(tracker, [shown(7, process(20)), shown(8, process(10))], EVERYTHING, scan())
    assert {was.id: now.inode for was, now, _ in changes.kept} == {1: 8, 2: 7}


def test_the_namespace_of_a_record_is_a_guess_and_that_of_a_scan_is_not() -> None:
    tracker = Tracker([recorded(netns=OWN)])
    changes = see(tracker, [shown(7, process(10), CONTAINER)], EVERYTHING, scan())
    assert [now.endpoint.netns for _, now, _ in changes.kept] == [CONTAINER]
    moved = Tracker([numbered(1, OWN)])
    other = see(moved, [shown(7, process(10), CONTAINER)], EVERYTHING, scan())
    assert len(other.opened) == 1


def test_a_socket_that_listens_again_at_another_port_is_another_listener() -> None:
    changes = see(Tracker([numbered(1, port=80)]), [shown(1, port=81)], OWN_ALONE, scan())
    assert [each.owned.socket.endpoint.port for each in changes.opened] == [81]
    assert not changes.kept


def test_a_listener_that_two_scans_of_its_namespace_do_not_show_is_closed() -> None:
    tracker = Tracker([numbered(1)])
    assert not see(tracker, [], OWN_ALONE, scan(9)).closed
    (closed,) = see(tracker, [], OWN_ALONE, scan(10)).closed
    assert (closed.at, closed.seen) == (9, Precision.POLL)


def test_a_source_that_announces_nothing_needs_one_scan() -> None:
    assert see(Tracker([numbered(1)]), [], OWN_ALONE, scan(announces=False)).closed


def test_a_scan_of_one_namespace_neither_shows_nor_misses_what_is_in_another() -> None:
    tracker = Tracker([numbered(1, CONTAINER)])
    see(tracker, [], EVERYTHING, scan(9))
    for at in (10, 11, 12):
        assert not see(tracker, [], OWN_ALONE, scan(at)).closed
    (closed,) = see(tracker, [], EVERYTHING, scan(13)).closed
    assert (closed.at, closed.seen) == (9, Precision.GAP)


def test_what_is_missed_elsewhere_does_not_press_for_scans_of_the_own_namespace() -> None:
    tracker = Tracker([numbered(1, CONTAINER), numbered(2, OWN, 81)])
    own = shown(2, process(10), port=81)
    see(tracker, [own], EVERYTHING, scan(9))
    assert tracker.is_settled
    see(tracker, [], OWN_ALONE, scan(10))
    assert not tracker.is_settled
    assert len(see(tracker, [], EVERYTHING, scan(11)).closed) == 2
    assert tracker.is_settled


def test_a_namespace_that_was_left_out_closes_nothing() -> None:
    left_out = Scope(frozenset((OWN,)), frozenset((OWN, CONTAINER)), complete=True)
    tracker = Tracker([numbered(1, CONTAINER)])
    for at in (9, 10, 11):
        changes = see(tracker, [], left_out, scan(at))
        assert not changes.closed
        assert not changes.unseen


def test_a_namespace_that_has_gone_closes_what_nobody_holds() -> None:
    gone = Scope(frozenset((OWN,)), frozenset((OWN,)), complete=True)
    tracker = Tracker([numbered(1, CONTAINER)])
    for at in (9, 10, 11):
        assert not see(tracker, [], gone, scan(at), may_hold=lambda _: True).closed
    see(tracker, [], gone, scan(12))
    assert see(tracker, [], gone, scan(13)).closed[0].seen is Precision.GAP


def test_a_monitor_without_rights_loses_sight_of_what_one_with_rights_saw() -> None:
    own = Scope(frozenset((OWN,)), frozenset((OWN,)))
    tracker = Tracker([numbered(1, CONTAINER), numbered(2, OWN, 81)])
    changes = see(tracker, [shown(2, process(10), port=81)], own, scan(9))
    assert [(each.id, each.unseen_at) for each in changes.unseen] == [(1, 9)]
    tracker.keep(changes.unseen[0])
    assert not see(tracker, [shown(2, process(10), port=81)], own, scan(10)).unseen
    back = see(tracker, [shown(1, process(10), CONTAINER)], EVERYTHING, scan(11))
    assert [now.unseen_at for was, now, _ in back.kept if was.id == 1] == [None]


def test_what_only_a_record_knows_is_unseen_while_its_process_lives_and_then_closed() -> None:
    tracker = Tracker([recorded()])
    changes = see(tracker, [], EVERYTHING, scan(9), may_hold=lambda _: True)
    assert [each.unseen_at for each in changes.unseen] == [9]
    tracker.keep(changes.unseen[0])
    see(tracker, [], EVERYTHING, scan(10))
    assert see(tracker, [], EVERYTHING, scan(11)).closed[0].seen is Precision.GAP


def test_what_only_a_record_knows_closes_though_there_are_too_many_namespaces_for_one_scan() -> (
    None
):
    tracker = Tracker([recorded()])
    living = frozenset((OWN, CONTAINER, CONTAINER + 1))
    here, there = (
        Scope(frozenset((OWN, number)), living, complete=True)
        for number in (CONTAINER, CONTAINER + 1)
    )
    scans = [see(tracker, [], (here, there)[at % 2], scan(at)).closed for at in range(4)]
    assert [len(each) for each in scans] == [0, 0, 0, 1]
    assert scans[3][0] == Closing(recorded(), 1, Precision.GAP)


def test_what_a_scan_missed_and_its_process_shows_still_is_settled() -> None:
    tracker = Tracker([numbered(1, CONTAINER)])
    see(tracker, [], EVERYTHING, scan(9))
    assert tracker._waiting.missed
    alone = Scope(frozenset({OWN}), frozenset({OWN}), complete=True)  # the container has gone
    assert not see(tracker, [], alone, scan(10), may_hold=lambda _: True).closed
    assert not tracker._waiting.missed


def living(tracker: Tracker, sockets: tuple[Socket, ...]) -> tuple[Socket, ...]:
    """The sockets of a scan that are compared with what is open."""
    (part,) = tracker.compare(EVERYTHING, scan()).parts(sockets)
    tracker.give_up()
    assert part
    return part.sockets


def test_a_socket_that_closed_after_the_scan_began_is_left_to_the_next() -> None:
    # Another namespace has a listener at the same place, so that the place alone says nothing.
    tracker = Tracker([numbered(1, CONTAINER)])
    opened = KernelEvent(100_000, Kind.OPENED, endpoint(), 7, pid=10)
    ended = replace(closing(skaddr=7), at=100_500)
    sockets = (shown(9).socket, shown(1, None, CONTAINER).socket)
    reading = Snapshot(sockets, (opened, ended), scope=EVERYTHING, began=100_200)
    assert len(tracker.hear(reading).born) == 1
    assert living(tracker, sockets) == sockets[1:]
    assert tracker.wants_scan
    changes = see(tracker, [shown(9), shown(1, process(10), CONTAINER)], EVERYTHING, scan())
    assert not changes.opened
    tracker.hear(Snapshot(sockets, (), began=100_900))
    assert living(tracker, sockets) == sockets


def test_a_socket_that_closed_before_the_scan_began_is_none_that_it_shows() -> None:
    tracker = Tracker()
    ended = replace(closing(skaddr=7), at=100_000)
    opened = KernelEvent(99_000, Kind.OPENED, endpoint(), 7, pid=10)
    sockets = (shown(9).socket,)
    tracker.hear(Snapshot(sockets, (opened, ended), began=200_000))
    assert living(tracker, sockets) == sockets


def test_a_destroyed_socket_is_announced_late_and_says_so() -> None:
    tracker = Tracker([numbered(1), numbered(2)])
    heard = tracker.hear(Snapshot(None, (closing(cookie=2),)))
    assert [(each.listener.id, each.seen) for each in heard.closed] == [(2, Precision.POLL)]


def test_an_announcement_is_not_later_than_the_scan_that_missed_its_socket() -> None:
    tracker = Tracker([numbered(1)])
    see(tracker, [], OWN_ALONE, scan(4))
    (closed,) = tracker.hear(Snapshot(None, (closing(cookie=1),))).closed
    assert closed == Closing(numbered(1), 4, Precision.POLL)


def test_cookies_of_other_namespaces_are_others() -> None:
    tracker = Tracker([numbered(1, CONTAINER)])
    here = replace(closing(cookie=1), endpoint=replace(endpoint(), netns=OWN))
    assert not tracker.hear(Snapshot(None, (here,))).closed


def test_a_broadcast_address_that_the_record_lacks_is_the_same_socket() -> None:
    at = endpoint(address="0.0.0.0")
    born = replace(recorded(), endpoint=replace(at, netns=OWN))
    (kept,) = see(Tracker([born]), [shown(7, process(10))], EVERYTHING, scan()).kept
    assert kept[1].endpoint.address == "127.0.0.1"


# --- lives whose namespace nobody told ---------------------------------------------------------


def destroyed(cookie: int, netns: int = OWN, port: int = 80) -> KernelEvent:
    return replace(closing(port, cookie=cookie), endpoint=replace(endpoint(port), netns=netns))


def short_life(number: int) -> Listener:
    return Listener(number, endpoint(), 5)


def test_a_destroyed_socket_tells_that_a_short_life_was_in_the_monitors_own_namespace() -> None:
    homeless = Homeless()
    homeless.add(short_life(1), closed_at=9)
    assert homeless.hear([destroyed(4, port=81)], now=10) == []
    assert homeless.hear([destroyed(5)], now=11) == [(1, OWN)]
    assert homeless.hear([destroyed(6)], now=12) == []


def test_fewer_destroyed_sockets_than_lives_tell_of_none_which_it_was() -> None:
    homeless = Homeless()
    homeless.add(short_life(1), closed_at=9)
    homeless.add(short_life(2), closed_at=9)
    assert homeless.hear([destroyed(5)], now=10) == []
    assert homeless.hear([destroyed(6)], now=11) == [(1, OWN), (2, OWN)]


def test_a_short_life_waits_for_its_namespace_for_seconds_and_no_longer() -> None:
    homeless = Homeless()
    homeless.add(short_life(1), closed_at=9)
    assert homeless.hear([], now=5_000_000) == []
    assert homeless.hear([destroyed(5)], now=5_000_001) == []


def test_lives_that_go_on_at_one_place_wait_in_bounds() -> None:
    homeless = Homeless()
    for number in range(20_000):
        homeless.add(short_life(number), closed_at=number)
    assert homeless.hear([], now=20_000) == []
    homeless.add(short_life(20_000), closed_at=20_001)
    assert homeless.hear([destroyed(5)], now=20_002) == [(20_000, OWN)]


def test_a_namespace_that_was_guessed_and_does_not_show_the_socket_is_not_known() -> None:
    tracker = Tracker([recorded(netns=OWN)])
    (known,) = see(tracker, [], OWN_ALONE, scan(9)).unseen
    assert (known.endpoint.netns, known.unseen_at) == (None, None)
    tracker.keep(known)
    assert not see(tracker, [], OWN_ALONE, scan(10)).unseen
    ((_, now, _),) = see(tracker, [shown(7, process(10), CONTAINER)], EVERYTHING, scan(11)).kept
    assert now.endpoint.netns == CONTAINER


def test_what_opened_after_the_scan_began_keeps_its_namespace() -> None:
    tracker = Tracker()
    tracker.keep(recorded(netns=OWN), newborn=True)
    assert not see(tracker, [], OWN_ALONE, scan(9)).unseen


# --- twins of one process ------------------------------------------------------------------------


def seen_twins() -> Tracker:
    """Two twins whose records and sockets only chance has paired."""
    tracker = Tracker([recorded(1), recorded(2)])
    changes = see(tracker, [shown(7, process(10)), shown(8, process(10))], OWN_ALONE, scan(9))
    for _, now, _ in changes.kept:
        tracker.keep(now)
    assert {each.id: each.inode for each in tracker.listeners} == {1: 7, 2: 8}
    return tracker


def test_a_twin_goes_on_with_the_other_socket_when_the_record_ends_the_one() -> None:
    tracker = seen_twins()
    reading = Snapshot(None, (closing(skaddr=1),), began=1_000_000)
    (closed,) = tracker.hear(reading).closed
    assert (closed.listener.id, closed.seen) == (1, Precision.KERNEL)
    tracker.drop(closed.listener)
    changes = see(tracker, [shown(7, process(10))], OWN_ALONE, scan(10))
    assert [(was.id, now.inode) for was, now, _ in changes.kept] == [(2, 7)]
    assert not changes.opened
    assert not changes.closed


def test_the_number_of_a_twin_closes_neither() -> None:
    heard = seen_twins().hear(Snapshot(None, (closing(cookie=8),)))
    assert not heard.closed


def test_twins_of_two_processes_are_told_apart_by_their_numbers() -> None:
    tracker = Tracker([recorded(1, process(10)), recorded(2, process(20))])
    changes = see(tracker, [shown(7, process(20)), shown(8, process(10))], OWN_ALONE, scan(9))
    for _, now, _ in changes.kept:
        tracker.keep(now)
    (closed,) = tracker.hear(Snapshot(None, (closing(cookie=8),))).closed
    assert closed.listener.id == 1


def owners_of(tracker: Tracker, *scans: list[AttributedSocket]) -> dict[int, tuple[int, int]]:
    """By listener, the inode and the owner's pid after these scans."""
    for at, shows in enumerate(scans, 9):
        changes = see(tracker, shows, OWN_ALONE, scan(at))
        assert not changes.opened
        assert not changes.closed
        for _, now, _ in changes.kept:
            tracker.keep(now)
    return {
        each.id: (each.inode or 0, each.owner.pid if each.owner else 0)
        for each in tracker.listeners
    }


def test_owners_that_are_found_after_their_sockets_tell_the_twins_of_two_processes_apart() -> None:
    tracker = Tracker([recorded(1, process(10)), recorded(2, process(20))])
    unsearched, searched = (
        [shown(7, None), shown(8, None)],
        [shown(7, process(20)), shown(8, process(10))],
    )
    assert owners_of(tracker, unsearched, searched) == {1: (8, 10), 2: (7, 20)}


def test_a_twin_that_opened_after_the_scan_leaves_the_socket_to_the_one_that_the_scan_shows() -> (
    None
):
    tracker = Tracker([recorded(1, process(20)), recorded(2, process(10))])
    first, both = [shown(8, None)], [shown(8, process(10)), shown(7, process(20))]
    assert owners_of(tracker, first, both) == {1: (7, 20), 2: (8, 10)}


def test_a_twin_that_had_the_numbers_of_another_has_none_once_the_owner_tells() -> None:
    tracker = Tracker([recorded(1, process(20)), recorded(2, process(10))])
    assert owners_of(tracker, [shown(8, None)]) == {1: (8, 20), 2: (0, 10)}
    changes = see(tracker, [shown(8, process(10))], OWN_ALONE, scan(10))
    assert [(was.id, now.inode) for was, now, _ in changes.kept] == [(2, 8)]
    (lost,) = changes.unseen
    assert (lost.id, lost.inode, lost.cookie, lost.endpoint.netns) == (1, None, None, None)
    assert not changes.closed


def test_a_guessed_twin_that_is_handed_on_stays_the_listener_that_it_was() -> None:
    heir = process(30)
    first = [shown(7, process(10)), shown(8, process(10))]
    second = [shown(7, heir), shown(8, process(10))]
    tracker = Tracker([recorded(1), recorded(2)])
    assert owners_of(tracker, first, second) == {1: (7, 30), 2: (8, 10)}


def test_a_twin_that_a_dump_skipped_is_as_uncertain_as_the_other() -> None:
    tracker = Tracker([recorded(1), recorded(2)])
    for at, inodes in ((9, [8]), (10, [7, 8])):
        shows = [shown(each, process(10)) for each in inodes]
        for _, now, _ in see(tracker, shows, OWN_ALONE, scan(at)).kept:
            tracker.keep(now)
    assert all(each.guessed for each in tracker.listeners)
    assert not tracker.hear(Snapshot(None, (closing(cookie=7),))).closed


def test_a_twin_goes_on_with_the_other_socket_in_another_namespace() -> None:
    tracker = Tracker([recorded(1), recorded(2)])
    first, second = shown(7, process(10)), shown(8, process(10), CONTAINER)
    for _, now, _ in see(tracker, [first, second], EVERYTHING, scan(9)).kept:
        tracker.keep(now)
    (closed,) = tracker.hear(Snapshot(None, (closing(skaddr=1),), began=1_000_000)).closed
    tracker.drop(closed.listener)
    (left,) = tracker.listeners
    there = first if left.inode == second.socket.inode else second
    for at in (10, 11):  # its socket may be in the namespace that these leave out
        assert not see(tracker, [], OWN_ALONE, scan(at)).closed
    changes = see(tracker, [there], EVERYTHING, scan(12))
    assert [(was.id, now.inode) for was, now, _ in changes.kept] == [(2, there.socket.inode)]
    assert not changes.opened


def test_a_closing_ends_no_twin_that_a_dump_skipped_beside_it() -> None:
    tracker = Tracker([numbered(1), numbered(2)])
    tracker.hear(Snapshot(None, (closing(skaddr=7),)))
    assert not see(tracker, [], OWN_ALONE, scan(20)).closed
    changes = see(tracker, [shown(2, process(10))], OWN_ALONE, scan(30))
    assert changes.closed == (Closing(numbered(1), 20, Precision.POLL),)


def test_an_announcement_ends_its_twin_at_the_time_of_the_record() -> None:
    tracker = Tracker([numbered(1), numbered(2)])
    tracker.hear(Snapshot(None, (closing(skaddr=7),)))
    announcement = replace(closing(cookie=1), at=15)
    (closed,) = tracker.hear(Snapshot(None, (announcement,))).closed
    assert closed == Closing(numbered(1), closing().at, Precision.KERNEL)
    tracker.drop(closed.listener)
    assert not see(tracker, [], OWN_ALONE, scan(20)).closed  # the dump skipped the other


def test_of_several_records_an_announcement_takes_no_exact_time() -> None:
    tracker = Tracker([numbered(1), numbered(2), numbered(3)])
    records = [replace(closing(skaddr=each), at=each) for each in (7, 8)]
    announcement = replace(closing(cookie=2), at=15)
    (closed,) = tracker.hear(Snapshot(None, (*records, announcement))).closed
    assert closed == Closing(numbered(2), 15, Precision.POLL)
    tracker.drop(closed.listener)
    changes = see(tracker, [shown(3, process(10))], OWN_ALONE, scan(20))
    assert changes.closed == (Closing(numbered(1), 8, Precision.POLL),)


def test_a_closing_after_the_scan_began_waits_for_the_next() -> None:
    tracker = Tracker([numbered(1), numbered(2)])
    tracker.hear(Snapshot((), (closing(skaddr=7),)))
    shows = [shown(2, process(10))]
    assert not see(tracker, [shown(1, process(10))], OWN_ALONE, scan(8)).closed
    assert tracker.wants_scan
    changes = see(tracker, shows, OWN_ALONE, scan(20))
    assert changes.closed == (Closing(numbered(1), closing().at, Precision.KERNEL),)
    assert not tracker.wants_scan


# --- sockets that listen without having been bound -----------------------------------------------


def unbound(at: int, skaddr: int, pid: int = 10) -> KernelEvent:
    return KernelEvent(at, Kind.OPENED, endpoint(0), skaddr, pid=pid)


def test_a_scan_shows_the_port_of_an_opening_that_was_recorded_without() -> None:
    tracker = Tracker()
    tracker.hear(Snapshot(None, (unbound(5, 7),)))
    (opened,) = see(tracker, [shown(1, process(10))], OWN_ALONE, scan(9)).opened
    assert (opened.at, opened.seen, opened.kernel_event) == (5, Precision.KERNEL, unbound(5, 7))
    assert not tracker.wants_scan


def test_the_owner_of_a_socket_that_was_not_bound_may_be_another_or_gone() -> None:
    for owner in (process(11), None):
        tracker = Tracker()
        tracker.hear(Snapshot(None, (unbound(5, 7),)))
        (opened,) = see(tracker, [shown(1, owner)], OWN_ALONE, scan(9)).opened
        assert (opened.at, opened.kernel_event) == (5, unbound(5, 7))


def test_of_several_that_were_not_bound_nothing_tells_which_is_whose_until_one_closes() -> None:
    tracker = Tracker()
    tracker.hear(Snapshot(None, (unbound(5, 7), unbound(12, 8))))
    shows = [shown(1, process(10), port=81), shown(2, process(10), port=82)]
    openings = see(tracker, shows, OWN_ALONE, scan(9)).opened
    assert [(each.at, each.seen, each.kernel_event) for each in openings] == [
        (12, Precision.POLL, None)
    ] * 2
    for number, port in ((1, 81), (2, 82)):
        tracker.keep(replace(numbered(number, port=port), opened_at=12))
    ended = replace(closing(82, skaddr=7), at=20)
    heard = tracker.hear(Snapshot(None, (ended,)))
    assert [(each.listener.id, each.seen) for each in heard.closed] == [(2, Precision.KERNEL)]
    assert not heard.born


def test_each_process_has_its_own_of_several_that_were_not_bound() -> None:
    tracker = Tracker()
    tracker.hear(Snapshot(None, (unbound(5, 7, 10), unbound(6, 8, 11))))
    shows = [shown(1, process(11), port=81), shown(2, process(10), port=82)]
    openings = see(tracker, shows, OWN_ALONE, scan(9)).opened
    assert [(each.owned.socket.inode, each.at) for each in openings] == [(1, 6), (2, 5)]


def test_a_child_that_opens_after_the_scan_did_not_open_what_it_inherited() -> None:
    parent, child = process(10), process(11)
    tracker = Tracker()
    tracker.hear(Snapshot(None, (unbound(5, 7, 10), unbound(20, 8, 10), unbound(21, 9, 11))))
    inherited = replace(shown(1, parent), holders=(parent, child))
    (opened,) = see(tracker, [inherited], OWN_ALONE, scan(9)).opened
    assert opened.kernel_event is None


def test_an_opening_after_the_scan_waits_for_the_next_scan_of_everything() -> None:
    tracker = Tracker()
    late = unbound(20_000, 7)
    tracker.hear(Snapshot(None, (late,)))
    assert not see(tracker, [], EVERYTHING, scan(10_000)).opened
    assert tracker.wants_scan
    see(tracker, [], OWN_ALONE, scan(30_000))
    assert not tracker.wants_scan  # it is elsewhere
    (opened,) = see(tracker, [shown(1, process(10))], EVERYTHING, scan(40_000)).opened
    assert opened.at == late.at


def test_an_opening_that_no_scan_shows_is_a_life_when_it_closes() -> None:
    tracker = Tracker()
    tracker.hear(Snapshot(None, (unbound(5, 7),)))
    see(tracker, [], EVERYTHING, scan(9))
    heard = tracker.hear(Snapshot(None, (closing(4242, skaddr=7),)))
    assert [(was.at, was.endpoint.port) for was, _ in heard.born] == [(5, 4242)]


def test_openings_that_wait_are_bounded() -> None:
    tracker = Tracker()
    tracker.hear(Snapshot(None, tuple(unbound(at, at) for at in range(1, 1000))))
    see(tracker, [], EVERYTHING, scan(2000))
    assert len(tracker._portless.kernel_events) < 1000


def test_an_opening_without_a_port_whose_closing_was_lost_is_no_listener() -> None:
    heard = announced(OpenListeners(), [unbound(5, 7), unbound(9, 7), closing(4242, skaddr=7)])
    assert [(was.at, was.endpoint.port) for was, _ in heard.born] == [(9, 4242)]


# --- a scan in parts ---------------------------------------------------------------------------


def recorded_at(address: str, port: int, owner: Process) -> Listener:
    """A listener of which only the record of its opening is known, at this address."""
    at = replace(endpoint(port, address=address), netns=OWN)
    return replace(recorded(owner=owner), endpoint=at)


RECORDED = st.builds(
    recorded_at, st.sampled_from(["127.0.0.1", "0.0.0.0"]), st.sampled_from([80, 443]), PROCESSES
)


@given(LOOKS, st.lists(RECORDED, max_size=4), LOOKS)
def test_a_scan_in_parts_tells_the_same_as_one_at_once(
    before: list[AttributedSocket], kernel_events: list[Listener], after: list[AttributedSocket]
) -> None:
    known = listening(before)
    known += [replace(each, id=100 + n, skaddr=100 + n) for n, each in enumerate(kernel_events)]

    def told(part: int) -> tuple[object, ...]:
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(comparison, "PART", part)
            changes = see(Tracker(known), after, Scope(), scan(announces=False))
        return (
            Counter((was.endpoint.socket_address, now) for was, _, now in changes.kept),
            Counter(each.owned for each in changes.opened),
            {each.listener for each in changes.closed},
        )

    assert told(1) == told(1000)


def test_a_recorded_listener_at_no_address_is_the_socket_of_a_later_part(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(comparison, "PART", 1)
    crowd = [shown(10 + n, port=1000 + n) for n in range(50)]
    known = recorded_at("0.0.0.0", 80, process(10))
    gone = replace(recorded_at("0.0.0.0", 81, process(10)), id=2, skaddr=2)
    shows = [*crowd, shown(7, process(10))]
    changes = see(Tracker([known, gone]), shows, Scope(), scan(announces=False))
    assert [(was.id, now.inode) for was, now, _ in changes.kept] == [(1, 7)]
    assert [each.listener.id for each in changes.closed] == [2]
    assert len(changes.opened) == len(crowd)


def test_notices_between_two_parts_end_what_is_known_and_what_a_later_part_shows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(comparison, "PART", 1)
    tracker = Tracker([numbered(n, port=n) for n in range(1, 21)])
    shows = [shown(n, process(10), port=n) for n in range(1, 41)]
    shows = [replace(each, socket=replace(each.socket, cookie=each.socket.inode)) for each in shows]
    tracker.hear(Snapshot(tuple(each.socket for each in shows), began=8))
    work = tracker.compare(OWN_ALONE, scan(9, announces=False))
    parts = filter(None, work.parts([each.socket for each in shows]))
    first = next(parts)
    seen = {each.endpoint.port for each in first.sockets}
    known, stranger = (
        next(port for port in ports if port not in seen) for ports in (range(1, 21), range(21, 41))
    )
    heard = tracker.hear(
        Snapshot(None, (closing(known, cookie=known), closing(stranger, cookie=stranger)))
    )
    assert [each.listener.id for each in heard.closed] == [known]
    tracker.drop(heard.closed[0].listener)
    born = replace(numbered(99, port=99), inode=None, cookie=None, skaddr=5)
    tracker.keep(born, newborn=True)
    rest = [each.endpoint.port for part in parts for each in part.sockets]
    assert seen.isdisjoint(rest)
    assert seen | set(rest) == set(range(1, 41)) - {known, stranger}
    assert not tracker.end(work, lambda _: False).closed
    assert 99 in tracker.listeners


def test_a_socket_without_a_port_that_closes_between_two_parts_is_one_life(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(comparison, "PART", 1)
    tracker = Tracker()
    shows = [shown(7, process(10), port=4242)]
    shows += [shown(n, process(n), port=n) for n in (81, 82)]
    sockets = [each.socket for each in shows]
    tracker.hear(Snapshot(sockets, (unbound(5, 7),), began=8))
    work = tracker.compare(OWN_ALONE, scan(8))
    for part in filter(None, work.parts(sockets)):
        holders = [shows[sockets.index(each)] for each in part.sockets]
        assert not work.see(part, holders, lambda _: False).opened
    (life,) = tracker.hear(Snapshot(None, (closing(4242, skaddr=7),))).born
    assert life[1] is not None
    opened = tracker.end(work, lambda _: False).opened
    found = sorted((each.owned for each in opened), key=lambda each: each.socket.endpoint.port)
    assert found == shows[1:]
    assert tracker.wants_scan
