"""Rounds of scans over the other network namespaces, with real namespaces."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from porteye_core.errors import SourceError
from porteye_core.sources.diag.namespaces import BUDGET, Namespaces
from porteye_core.sources.diag.sock_diag import SockDiag
from tests.kit.rights import root

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="network namespaces are Linux's"),
    pytest.mark.skipif(shutil.which("unshare") is None, reason="unshare is not installed"),
    root,
]
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
    found = Namespaces().read()
    assert containers <= found.scanned <= found.living
    ports = [(each.endpoint.netns, each.endpoint.port) for each in found.sockets]
    assert all(ports.count((number, 8080)) == 1 for number in containers)


class SlowClock:
    """A clock by which each scan takes as long as a whole round may."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        self.seconds += BUDGET
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
    for each in rounds:  # what was not scanned shows no sockets of before
        assert {socket.endpoint.netns for socket in each.sockets} <= each.scanned


def test_a_namespace_that_ends_while_it_is_scanned_counts_as_not_scanned(
    tmp_path: Path, containers: set[int]
) -> None:
    (tmp_path / "self").symlink_to("/proc/self")
    (tmp_path / "1000").mkdir()
    (tmp_path / "1000" / "ns").mkdir()
    (tmp_path / "1000" / "ns" / "net").touch()  # a file that is no namespace: entering it fails
    found = Namespaces(tmp_path).read()
    assert (tmp_path / "1000" / "ns" / "net").stat().st_ino in found.living
    assert found.scanned == set()


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
