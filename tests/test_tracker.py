"""The comparison is pure, so it is tested by the thousand."""

from collections import Counter
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from porteye_core.model import Kind, Listener, Notice, Owned
from porteye_core.tracker import OpenListeners, Same, announced, compare, same
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


# --- what the kernel announces ---------------------------------------------------------------

STEPS = st.lists(
    st.tuples(st.sampled_from([Kind.OPENED, Kind.CLOSED]), st.integers(1, 3), st.integers(80, 81)),
    max_size=30,
)


def notices_of(steps: list[tuple[Kind, int, int]]) -> list[Notice]:
    """Steps as a kernel would announce them: a socket opens at one place, and closes there."""
    told: list[Notice] = []
    open_at: dict[int, int] = {}
    for at, (kind, skaddr, wanted) in enumerate(steps, 1):
        if (kind is Kind.OPENED) == (skaddr in open_at):
            continue  # twice the same: no kernel says so
        if kind is Kind.OPENED:
            port = open_at[skaddr] = wanted
        else:
            port = open_at.pop(skaddr)
        told.append(Notice(at, kind, endpoint(port), skaddr, pid=10, name="x"))
    return told


@given(STEPS, st.integers(0, 30))
def test_however_notices_are_cut_into_readings_the_same_lives_come_out(
    steps: list[tuple[Kind, int, int]], cut: int
) -> None:
    notices = notices_of(steps)
    whole = lives(notices)
    assert lives(notices[:cut], notices[cut:]) == whole
    assert len(whole) == sum(notice.kind is Kind.OPENED for notice in notices)


def lives(*readings: list[Notice]) -> set[tuple[int, int | None, int]]:
    """When each life began and ended, and where, told in these readings."""
    listeners = OpenListeners()
    found: dict[int, tuple[int, int | None, int]] = {}
    for reading in readings:
        heard = announced(listeners, reading)
        assert not heard.portless
        assert not heard.unplaced
        for known, notice in heard.closed:
            listeners.remove(known)
            found[known.id] = (known.opened_at, notice.at, known.endpoint.port)
        for opening, closing in heard.born:
            number = len(found) + 1
            end = closing.at if closing else None
            found[number] = (opening.at, end, opening.endpoint.port)
            if closing is None:
                listeners.put(Listener(number, opening.endpoint, opening.at, skaddr=opening.skaddr))
    return set(found.values())


def closing(port: int = 80, skaddr: int = 0, cookie: int | None = None) -> Notice:
    return Notice(9, Kind.CLOSED, endpoint(port), skaddr, cookie)


def test_a_number_tells_which_of_two_twins_closed() -> None:
    twins = [replace(listener(n, owned(inode=n)), cookie=n) for n in (1, 2)]
    heard = announced(OpenListeners(twins), [closing(cookie=2)])
    assert [known.id for known, _ in heard.closed] == [2]


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
    unbound = Notice(1, Kind.OPENED, endpoint(0), 7, pid=10)
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
    assert {each.id for each in kept.unnamed(endpoint().place)} == unnamed
    for each in model.values():
        assert not each.skaddr or kept.at_address(each.skaddr) == each
        assert each.cookie is None or kept.numbered(each.cookie) == each
