"""What the search for owners costs where processes have many descriptors, and that it ends."""

import os
import re
import resource
import socket
import subprocess
import sys
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest

from porteye_core.model import AttributedSocket, Socket
from porteye_core.owners import OwnerFinder, fd_holders, finder, processes, search
from porteye_core.owners.fd_holders import MAX_SHARED, Deadline, FamilySearch, Walk
from tests.kit.opener import Opener, executable
from tests.kit.rights import root
from tests.kit.values import endpoint
from tests.kit.waiting import until

pytestmark = pytest.mark.host

if sys.platform != "linux":
    pytest.skip("descriptors are Linux's", allow_module_level=True)

READER = processes(round(psutil.boot_time() * 1e6))
DESCRIPTORS = 17_000
PROCESSES, EACH = 240, 400

# Listens so many times, and holds that and so many other descriptors with so many children.
HOLDER = """
import os, resource, socket, sys
descriptors, children, listeners = map(int, sys.argv[1:])
most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
servers = [socket.create_server(("127.0.0.1", 0)) for _ in range(listeners)]
null = os.open("/dev/null", os.O_RDONLY)
for _ in range(descriptors):
    os.dup(null)
for _ in range(children):
    if not os.fork():
        sys.stdin.read()
        os._exit(0)
print(*(os.fstat(each.fileno()).st_ino for each in servers), flush=True)
sys.stdin.read()
"""


class Ticking:
    """A clock that goes on by the same step whenever it is read."""

    def __init__(self, step: float) -> None:
        self._now, self._step = 0.0, step

    def __call__(self) -> float:
        self._now += self._step
        return self._now


@contextmanager
def sharing(descriptors: int, children: int, listeners: int) -> Iterator[tuple[int, list[int]]]:
    """The pid of such a process, and the inodes of its listeners."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if most < descriptors + listeners + 100:
        pytest.skip(f"a process may have {most} descriptors here")
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(descriptors), str(children), str(listeners)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        yield process.pid, [*map(int, process.stdout.readline().split())]
        process.communicate(timeout=120)


@contextmanager
def holding(descriptors: int, children: int = 0) -> Iterator[tuple[int, int]]:
    """The pid of such a process, and the inode of its only listener."""
    with sharing(descriptors, children, 1) as (pid, (inode,)):
        yield pid, inode


def own(searching: OwnerFinder, inode: int) -> AttributedSocket:
    (found,) = searching.own([Socket(endpoint(), inode=inode)])
    return found


def test_a_search_that_is_out_of_time_says_nothing_goes_on_and_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # A tenth of the time for it is over at each look at the clock.
    clock = Ticking(search._SEARCH / 10)
    monkeypatch.setattr(search, "Deadline", partial(Deadline, clock=clock))
    searching = OwnerFinder(READER, privileged=True)
    with holding(0) as (pid, inode):
        answers = [own(searching, inode)]
        while searching.is_searching:
            answers.append(own(searching, inode))
    *unfinished, last = answers
    assert len(unfinished) > 3
    assert {(each.owner, each.hidden) for each in unfinished} == {(None, None)}
    assert last.key is not None
    assert last.key.pid == pid


def test_a_socket_that_opens_during_a_search_is_searched_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(search, "Deadline", partial(Deadline, clock=Ticking(search._SEARCH / 10)))
    searching = OwnerFinder(READER, privileged=True)
    with holding(0) as (first, one), holding(0) as (second, other):
        sockets = [Socket(endpoint(), inode=one)]
        found = searching.own(sockets)
        assert searching.is_searching
        sockets.append(Socket(endpoint(), inode=other))
        while searching.is_searching or len(found) < 2:
            found = searching.own(sockets)
    assert [each.key and each.key.pid for each in found] == [first, second]


# Listens, and hands the socket on to an orphan of another user, which no family leads to.
HANDED_ON = """
import os, socket, sys
server = socket.create_server(("127.0.0.1", 0))
ready, ended = os.pipe(), os.pipe()
if not os.fork():
    if not os.fork():
        os.setuid(54321)
        os.close(ended[1])
        os.write(ready[1], str(os.getpid()).encode())
        os.read(ended[0], 1)
    os._exit(0)
os.wait()
print(os.fstat(server.fileno()).st_ino, os.read(ready[0], 20).decode(), flush=True)
sys.stdin.read()
"""


@root
def test_a_long_search_for_others_does_not_delay_the_owner_and_adds_further_holders_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    usual = search._SEARCH
    monkeypatch.setattr(search, "_SEARCH", -1.0)  # the walk never goes on
    monkeypatch.setattr(search, "_SEARCH_OF_USER", 60.0)  # a busy machine has time, too
    searching = OwnerFinder(READER, privileged=True)
    with subprocess.Popen(
        [sys.executable, "-c", HANDED_ON], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        inode, orphan = map(int, process.stdout.readline().split())
        listening = [Socket(endpoint(), inode=inode, uid=0)]
        (first,) = searching.own(listening)
        assert searching.is_searching
        assert [each.key.pid for each in first.holders] == [process.pid]
        monkeypatch.setattr(search, "_SEARCH", usual)
        while searching.is_searching:
            (last,) = searching.own(listening)
        assert [each.key.pid for each in last.holders] == [process.pid, orphan]
        process.communicate(timeout=120)


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> Counter[tuple[str, int]]:
    """The calls that list or read descriptors, by name and process."""
    calls: Counter[tuple[str, int]] = Counter()

    def noting(name: str) -> Callable[..., Any]:
        call = getattr(os, name)

        def noted(path: Any, *rest: Any, **named: Any) -> Any:
            if found := re.match(r"/proc/(\d+)/(task/\d+/)?fd\b", os.fsdecode(path)):
                calls[name, int(found[1])] += 1
            return call(path, *rest, **named)

        return noted

    for name in ("scandir", "listdir", "readlink"):
        monkeypatch.setattr(os, name, noting(name))
    return calls


def test_a_tick_reads_no_list_of_descriptors_however_long_the_owners_is(
    read: Counter[tuple[str, int]],
) -> None:
    searching = OwnerFinder(READER, privileged=True)
    with holding(DESCRIPTORS) as (pid, inode):
        found = own(searching, inode)
        while searching.is_searching:
            found = own(searching, inode)
        assert found.key is not None
        assert found.key.pid == pid
        assert read["readlink", pid] > DESCRIPTORS  # which the counting of none rests on
        read.clear()
        ticks = 12
        for _ in range(ticks):
            searching.check_young()
            searching.refresh()
            assert own(searching, inode) == found
        assert read["scandir", pid] == read["listdir", pid] == 0
        assert 0 < read["readlink", pid] <= 2 * ticks  # the one that the socket stands at


def test_a_walk_remembers_nothing_of_the_descriptors_that_are_not_wanted() -> None:
    with holding(EACH, PROCESSES) as (pid, inode), socket.socket() as other:
        children = psutil.Process(pid).children()
        among = [pid, *(each.pid for each in children)]
        assert len(among) == PROCESSES + 1
        wanted = os.fstat(other.fileno()).st_ino
        walk = Walk({wanted: None}, among=among)
        tracemalloc.start()
        try:
            walk.advance(Deadline(600))
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert walk.is_done
        assert walk.found == {}
        assert peak < 1 << 20  # the names of what is read take more than 5
        shared = Walk({inode: None}, among=among)
        shared.advance(Deadline(600))
        # Numbers of processes may begin anew: the oldest is first, and not the lowest.
        assert sorted(each.pid for each in shared.holders(inode)) == sorted(among)


@pytest.mark.long
@pytest.mark.parametrize("hinted", [True, False])
def test_what_is_kept_of_holders_is_bounded_for_each_user_and_every_socket_has_its_owner(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, *, hinted: bool
) -> None:
    asked: Counter[int] = Counter()
    children = FamilySearch._children

    def noting(search: FamilySearch, pid: int) -> Iterable[int]:
        asked[pid] += 1
        return children(search, pid)

    monkeypatch.setattr(FamilySearch, "_children", noting)
    searching = OwnerFinder(READER, privileged=True)
    with sharing(0, PROCESSES, 100) as (crowd, many), holding(0, 3) as (other, one):
        sockets = [
            Socket(endpoint(number), inode=inode, uid=1) for number, inode in enumerate(many, 1)
        ]
        sockets.append(Socket(endpoint(9000), inode=one, uid=2))
        hints = {each.endpoint.socket_address: crowd for each in sockets[:-1]} if hinted else {}
        found = searching.own(sockets, hints)
        assert set(asked.values()) == ({1} if hinted else set())
        while searching.is_searching:
            found = searching.own(sockets, hints)
    *crowded, alone = found
    assert {each.key and each.key.pid for each in crowded} == {crowd}
    assert sum(len(each.holders) - 1 for each in crowded) == MAX_SHARED
    assert len(many) * PROCESSES > MAX_SHARED
    assert len(alone.holders) == 4
    assert alone.key is not None
    assert alone.key.pid == other
    assert [each.levelname for each in caplog.records] == ["WARNING"]
    assert "share the listeners of user 1" in caplog.text


def test_holders_that_are_born_later_are_bounded_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fd_holders, "MAX_SHARED", 10)
    searching = OwnerFinder(READER, privileged=True)
    with Opener() as opener:
        opener.listen()
        (inode,) = _sockets(opener.pid)
        until(lambda: len(own(searching, inode).holders) == 1, "its holder is found")
        searching.refresh()
        opener.fork(20)

        def added() -> bool:
            searching.refresh()
            return len(own(searching, inode).holders) > 1

        until(added, "the children are found")
        for _ in range(3):
            searching.refresh()
            found = own(searching, inode)
            assert len(found.holders) == 11
            assert found.holders[0].key.pid == opener.pid


def test_what_an_owner_becomes_after_its_youth_is_found_by_the_second_tick(
    tmp_path: Path,
) -> None:
    now = [1000.0]
    searching = OwnerFinder(READER, privileged=True, clock=lambda: now[0])
    with Opener() as opener:
        opener.listen()
        (inode,) = _sockets(opener.pid)
        until(lambda: own(searching, inode).owner, "its owner is found")
        now[0] += 2 * finder._YOUNG
        assert not searching.check_young()
        service = executable(tmp_path / "order-service")
        opener.execute(service)
        for _ in range(2):
            assert not searching.check_young()
            searching.refresh()
        owner = until(lambda: own(searching, inode).owner, "its owner is found again")
        assert owner is not None
        assert owner.program.name == service.name
        assert owner.key.pid == opener.pid


def test_what_a_young_owner_becomes_is_found_without_a_tick(tmp_path: Path) -> None:
    searching = OwnerFinder(READER, privileged=True, clock=lambda: 1000.0)
    with Opener() as opener:
        searching.own([])  # what a first scan shows is of any age
        opener.listen()
        (inode,) = _sockets(opener.pid)
        until(lambda: own(searching, inode).owner, "its owner is found")
        assert not searching.check_young()
        opener.chdir(tmp_path)
        assert searching.check_young()
        assert own(searching, inode).owner.cwd == str(tmp_path)  # type: ignore[union-attr]
        assert not searching.check_young()


def _sockets(pid: int) -> list[int]:
    """The inodes of the sockets that a process has open."""
    targets = [str(each.readlink()) for each in Path(f"/proc/{pid}/fd").iterdir()]
    return [int(each[8:-1]) for each in targets if each.startswith("socket:[")]
