"""Rounds of scans over the other network namespaces, with real namespaces."""

import itertools
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from porteye_core.errors import SourceError
from porteye_core.sources.netlink import namespaces as rounds
from porteye_core.sources.netlink.namespaces import ROOTS_TIME, Namespaces, Others
from porteye_core.sources.netlink.sock_diag import SockDiag
from tests.kit import user_namespace
from tests.kit.rights import root
from tests.kit.stranger import Made, stranger

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="network namespaces are Linux's"),
    pytest.mark.skipif(shutil.which("unshare") is None, reason="unshare is not installed"),
    root,
]
OTHER_USER = 65533
LISTENS = """
import os, socket, sys
server = socket.create_server(("0.0.0.0", 8080))
print(os.stat("/proc/self/ns/net").st_ino, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def containers() -> Iterator[set[int]]:
    """Three namespaces with a listener each, by their inodes."""
    command = ["unshare", "--net", "--", sys.executable, "-c", LISTENS]
    with ExitStack() as stack:
        started = [
            stack.enter_context(
                subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            )
            for _ in range(3)
        ]
        numbers = set()
        for each in started:
            stack.callback(each.kill)
            assert each.stdout is not None
            numbers.add(int(each.stdout.readline()))
        yield numbers


def test_one_round_has_every_namespace_and_its_sockets(containers: set[int]) -> None:
    # A clock that barely moves: however busy the machine is, the time is enough.
    found = Namespaces(clock=itertools.count(step=1e-6).__next__).read()
    assert containers <= found.scanned <= found.living
    assert found.unscanned == 0.0 or found.scanned < found.living
    ports = [(each.endpoint.netns, each.endpoint.port) for each in found.sockets]
    assert all(ports.count((number, 8080)) == 1 for number in containers)


class SlowClock:
    """A clock by which each scan takes as long as those of one user namespace may."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        self.seconds += ROOTS_TIME
        return self.seconds


def test_what_one_round_has_no_time_for_has_its_turn_in_the_next_ones(
    containers: set[int],
) -> None:
    namespaces = Namespaces(clock=SlowClock())
    rounds = [namespaces.read()]
    while not containers <= set().union(*(each.scanned for each in rounds)):
        rounds.append(namespaces.read())
        assert len(rounds) <= 4 * len(rounds[0].living), "some are never scanned"
    assert all(containers <= each.living for each in rounds)
    assert len(rounds[0].scanned) < len(rounds[0].living)
    assert rounds[0].unscanned > 0
    for each in rounds:  # what was not scanned shows no sockets of before
        assert {socket.endpoint.netns for socket in each.sockets} <= each.scanned


@pytest.fixture
def strangers(monkeypatch: pytest.MonkeyPatch) -> Iterator[Made]:
    """Seven namespaces of nobody's, two of them with listeners; root's have all the time."""
    user_namespace.skip_if_refused()
    monkeypatch.setattr(rounds, "ROOTS_TIME", float("inf"))
    with stranger(7, listening=2) as made:
        yield made


def turns(namespaces: Namespaces, count: int) -> list[Others]:
    return [namespaces.read() for _ in range(count)]


def test_namespaces_of_an_unprivileged_user_take_no_turn_from_those_of_root(
    containers: set[int], strangers: Made
) -> None:
    theirs = strangers.listening | strangers.silent
    for each in turns(Namespaces(clock=SlowClock()), 4):
        assert containers <= each.scanned
        assert theirs <= each.living
        assert len(theirs & each.scanned) <= 1


def test_a_namespace_that_root_made_with_users_of_its_own_has_the_turns_of_root(
    strangers: Made,
) -> None:
    command = ["unshare", "-Urn", "--", sys.executable, "-c", LISTENS]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        number = int(process.stdout.readline())
        found = turns(Namespaces(clock=SlowClock()), 3)
        process.kill()
    assert all(number in each.scanned for each in found)
    assert strangers.listening <= found[0].living


def test_a_user_with_many_namespaces_takes_no_turn_from_one_with_few(strangers: Made) -> None:
    namespaces = Namespaces(clock=SlowClock())
    with stranger(1, listening=1, user=OTHER_USER) as theirs:
        counts: Counter[int] = Counter()
        while min(counts[number] for number in strangers.silent) < 3:
            (found,) = turns(namespaces, 1)
            counts.update(found.scanned)
            assert max(counts[number] for number in theirs.listening) < 300, "some have no turn"
    everyone = strangers.listening | strangers.silent
    (few,) = (counts[number] for number in theirs.listening)
    assert few >= sum(counts[number] for number in everyone) - 2  # new ones wait for one round


def test_namespaces_of_an_unprivileged_user_have_their_turns_beside_those_of_root(
    containers: set[int], strangers: Made
) -> None:
    theirs = strangers.listening | strangers.silent
    namespaces = Namespaces(clock=SlowClock())
    seen: set[int] = set()
    count = 0
    while not theirs <= seen:
        (found,) = turns(namespaces, 1)
        assert containers <= found.scanned
        seen |= found.scanned
        count += 1
        assert count <= 4 * len(found.living), "some are never scanned"


def test_where_something_listens_the_turns_are_more_frequent(strangers: Made) -> None:
    namespaces = Namespaces(clock=SlowClock())
    counts: Counter[int] = Counter()
    while min(counts[number] for number in strangers.silent) < 4:
        (found,) = turns(namespaces, 1)
        counts.update(found.scanned)
        assert max(counts[number] for number in strangers.listening) < 100, "some have no turn"
    fewest = min(counts[number] for number in strangers.listening)
    assert fewest > max(counts[number] for number in strangers.silent)


def test_the_longest_wait_is_that_of_the_namespace_that_was_scanned_longest_ago(
    strangers: Made,
) -> None:
    clock = SlowClock()
    namespaces = Namespaces(clock=clock)
    scanned_at = dict.fromkeys(strangers.listening | strangers.silent, clock.seconds)
    for _ in range(20):
        before = clock.seconds
        (found,) = turns(namespaces, 1)
        scanned_at |= dict.fromkeys(found.scanned & scanned_at.keys(), before)
        took = clock.seconds - before
        left_out = [at for number, at in scanned_at.items() if number not in found.scanned]
        # Others of this machine may have waited for longer.
        assert clock.seconds - min(left_out) - took <= found.unscanned <= clock.seconds


def test_a_namespace_that_ends_while_it_is_scanned_counts_as_not_scanned(
    tmp_path: Path, containers: set[int]
) -> None:
    (tmp_path / "self").symlink_to("/proc/self")
    (tmp_path / "1000").mkdir()
    (tmp_path / "1000" / "ns").mkdir()
    (tmp_path / "1000" / "ns" / "net").touch()  # a file that is no namespace: entering it fails
    found = Namespaces(tmp_path).read()
    number = (tmp_path / "1000" / "ns" / "net").stat().st_ino
    assert number in found.living
    assert number not in found.scanned  # others of this machine may be mounted


def test_namespaces_that_cannot_be_read_take_no_more_time_than_a_round_has(
    containers: set[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = []

    def refuse(source: SockDiag, *, count_clients: bool) -> None:
        tried.append(source)
        raise SourceError("It cannot be read.")

    monkeypatch.setattr(SockDiag, "read", refuse)
    found = Namespaces(clock=SlowClock()).read()
    assert containers <= found.living
    assert found.scanned == set()
    assert len(tried) < len(found.living)
