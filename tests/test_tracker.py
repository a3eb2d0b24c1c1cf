"""The comparison is pure, so it is tested by the thousand."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from porteye_core.model import Listener, Owned
from porteye_core.tracker import Same, compare, same
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


def listening(look: list[Owned]) -> list[Listener]:
    return [listener(number, each) for number, each in enumerate(look)]


def places(things: list[Owned] | list[Listener]) -> Counter[object]:
    return Counter(t.endpoint if isinstance(t, Listener) else t.socket.endpoint for t in things)


@given(LOOKS, LOOKS)
def test_what_was_open_and_the_changes_give_what_is_open(
    before: list[Owned], after: list[Owned]
) -> None:
    was = listening(before)
    changes = compare(was, after)
    replayed = places(was)
    replayed.subtract(places(list(changes.closed)))
    replayed.update(places(list(changes.opened)))
    assert +replayed == places(after)
    assert len(changes.kept) + len(changes.opened) == len(after)
    assert {k.id for k, _ in changes.kept} | {c.id for c in changes.closed} == {w.id for w in was}


@given(EXACT_LOOKS, EXACT_LOOKS)
def test_with_inodes_the_replay_is_exact_socket_by_socket(
    before: list[Owned], after: list[Owned]
) -> None:
    changes = compare(listening(before), after)
    left = {(c.endpoint, c.inode) for c in listening(before)}
    left -= {(c.endpoint, c.inode) for c in changes.closed}
    left |= {(o.socket.endpoint, o.socket.inode) for o in changes.opened}
    assert left == {(o.socket.endpoint, o.socket.inode) for o in after}


@given(LOOKS)
def test_the_same_look_twice_is_quiet(look: list[Owned]) -> None:
    assert not compare(listening(look), look).anything


@given(EXACT_LOOKS, EXACT_LOOKS)
def test_looks_in_the_other_order_give_the_mirror_image(
    before: list[Owned], after: list[Owned]
) -> None:
    there = compare(listening(before), after)
    back = compare(listening(after), before)
    assert places(list(there.opened)) == places(list(back.closed))
    assert places(list(there.closed)) == places(list(back.opened))


def test_two_sockets_on_one_port_are_two_listeners() -> None:
    twins = [owned(endpoint(), process(10), fd=3), owned(endpoint(), process(11), fd=3)]
    changes = compare(listening(twins), twins[1:])
    assert [gone.owner for gone in changes.closed] == [twins[0].key]


def test_twins_of_one_process_are_told_apart_by_descriptor() -> None:
    twins = [owned(endpoint(), process(), fd=3), owned(endpoint(), process(), fd=4)]
    changes = compare(listening(twins), twins[1:])
    assert [gone.fd for gone in changes.closed] == [3]


def test_a_reused_pid_is_another_process() -> None:
    before, after = owned(owner=process(10, 5)), owned(owner=process(10, 6))
    changes = compare([listener(1, before)], [after])
    assert len(changes.closed) == len(changes.opened) == 1


def test_another_inode_is_another_socket_of_the_same_process() -> None:
    before, after = owned(owner=process(), inode=1), owned(owner=process(), inode=2)
    assert same(listener(1, before), after) is Same.NO


def test_a_socket_passed_on_is_the_same_listener() -> None:
    before, after = owned(owner=process(10), inode=1), owned(owner=process(11), inode=1)
    assert same(listener(1, before), after) is Same.YES


def test_a_listener_outlives_its_owner_in_another_holder() -> None:
    master, worker = process(10), process(11)
    before = owned(owner=master, holders=(master, worker))
    after = owned(owner=worker, holders=(worker,))
    assert not compare([listener(1, before)], [after]).anything


def test_an_owner_that_cannot_be_seen_closes_nothing() -> None:
    assert not compare([listener(1, owned(owner=process()))], [owned()]).anything
    assert not compare([listener(1, owned())], [owned(owner=process())]).anything


def test_a_certain_match_goes_before_a_possible_one() -> None:
    unknown, known = owned(), owned(owner=process())
    changes = compare([listener(1, unknown), listener(2, known)], [known])
    assert [was.id for was, _ in changes.kept] == [2]
