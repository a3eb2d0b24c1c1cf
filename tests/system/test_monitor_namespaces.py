"""A listener has the network namespace of its socket, wherever the process is that made it."""

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.kit.opener import Opener
from tests.kit.tracing import needs_tracing
from tests.kit.watched import KERNEL_SOURCES, Watched, watching

pytestmark = pytest.mark.host

HOME = Path(f"/proc/{os.getpid()}/ns/net")


class Earlier(NamedTuple):
    """A process that listened in a namespace of its own before the monitor was there."""

    opener: Opener
    netns: int
    port: int


class Scene(NamedTuple):
    watched: Watched
    earlier: tuple[Earlier, ...]


@pytest.fixture(scope="module", params=KERNEL_SOURCES)
def scene(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Scene]:
    with ExitStack() as stack:
        openers = [stack.enter_context(Opener()) for _ in range(3)]
        earlier = tuple(Earlier(each, each.unshare(), each.open()) for each in openers)
        folder = tmp_path_factory.mktemp("namespaces")
        yield Scene(stack.enter_context(watching(folder, request.param)), earlier)


@pytest.fixture
def watched(scene: Scene) -> Watched:
    return scene.watched


@pytest.fixture
def opener() -> Iterator[Opener]:
    """A process of the host."""
    with Opener() as started:
        yield started


@pytest.fixture
def container() -> Iterator[Opener]:
    """A process in a namespace of its own, which nothing else keeps."""
    with Opener() as started:
        started.unshare()
        yield started


@pytest.fixture
def mounted() -> Iterator[Path]:
    """A namespace without a process, as `ip netns add` makes it."""
    if not shutil.which("ip"):
        pytest.skip("there is no ip here")
    name = f"porteye-test-{os.getpid()}"
    subprocess.run(["ip", "netns", "add", name], check=True)
    try:
        subprocess.run(["ip", "-n", name, "link", "set", "lo", "up"], check=True)
        yield Path("/run/netns") / name
    finally:
        subprocess.run(["ip", "netns", "del", name], check=False, stderr=subprocess.DEVNULL)


def number(namespace: Path) -> int:
    return namespace.stat().st_ino


def closes(watched: Watched, opener: Opener, port: int, protocol: str = "tcp") -> None:
    """Wait until the only life there is closed, and then for more that would open or close."""
    watched.once(opener, port, lambda life: not life.is_open, protocol)
    watched.pass_two_ticks()
    assert watched.kinds(opener, port, protocol) == ["opened", "closed"]


def test_a_listener_that_a_process_of_the_host_makes_elsewhere_has_that_namespace(
    watched: Watched, opener: Opener, container: Opener
) -> None:
    opener.enter(container.netns)
    port = opener.open()
    opener.enter(HOME)
    there = number(container.netns)
    assert there != number(opener.netns)
    watched.once(opener, port, lambda life: (life.pid, life.netns) == (opener.pid, there))
    watched.pass_two_ticks()
    (life,) = watched.lives(opener, port)
    assert (life.is_open, life.pid, life.netns) == (1, opener.pid, there)
    opener.close(port)
    closes(watched, opener, port)


def test_a_process_that_moves_after_it_listened_leaves_its_listener_where_it_was(
    watched: Watched, opener: Opener, container: Opener
) -> None:
    port = opener.open()
    opener.enter(container.netns)
    watched.once(opener, port, lambda life: life.pid == opener.pid)
    watched.pass_two_ticks()
    (life,) = watched.lives(opener, port)
    assert (life.is_open, life.netns) == (1, number(HOME))
    late = opener.open()
    there = number(container.netns)
    watched.once(opener, late, lambda life: (life.pid, life.netns) == (opener.pid, there))
    opener.close(port)
    closes(watched, opener, port)


def test_a_process_that_moved_before_it_is_seen_leaves_its_listener_where_it_was(
    watched: Watched, opener: Opener, container: Opener
) -> None:
    opener.enter(container.netns)
    port = opener.open()
    opener.enter(HOME)
    back = opener.open()
    there = number(container.netns)
    watched.once(opener, port, lambda life: life.netns == there)
    watched.once(opener, back, lambda life: life.netns == number(HOME))


def test_a_namespace_that_is_only_mounted_shows_what_a_process_of_the_host_holds_in_it(
    watched: Watched, opener: Opener, mounted: Path
) -> None:
    there = number(mounted)
    opener.enter(mounted)
    ports = {protocol: opener.open(protocol) for protocol in ("tcp", "udp")}
    opener.enter(HOME)
    for protocol, port in ports.items():
        watched.once(
            opener, port, lambda life: (life.pid, life.netns) == (opener.pid, there), protocol
        )
    watched.pass_two_ticks()
    for protocol, port in ports.items():
        assert watched.kinds(opener, port, protocol) == ["opened"]
        opener.close(port)
    for protocol, port in ports.items():
        closes(watched, opener, port, protocol)


def test_what_is_held_in_a_namespace_that_nobody_can_enter_any_more_is_not_closed_by_guess(
    watched: Watched, opener: Opener, mounted: Path
) -> None:
    there = number(mounted)
    opener.enter(mounted)
    port = opener.open()
    opener.enter(HOME)
    watched.once(opener, port, lambda life: (life.pid, life.netns) == (opener.pid, there))
    subprocess.run(["ip", "netns", "del", mounted.name], check=True)
    watched.pass_two_ticks()
    assert watched.kinds(opener, port) == ["opened"]
    opener.close(port)
    closes(watched, opener, port)


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_what_closes_in_another_namespace_is_closed(
    watched: Watched, container: Opener, protocol: str
) -> None:
    there = number(container.netns)
    port = container.open(protocol)
    watched.once(
        container,
        port,
        lambda life: (life.pid, life.netns) == (container.pid, there),
        protocol,
    )
    container.close(port)
    closes(watched, container, port, protocol)


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_what_was_open_in_a_namespace_that_has_ended_is_closed(
    watched: Watched, protocol: str
) -> None:
    with Opener() as container:
        there = container.unshare()
        port = container.open(protocol)
        watched.once(container, port, lambda life: life.netns == there, protocol)
    closes(watched, container, port, protocol)


def test_what_was_there_before_the_monitor_has_its_namespace_and_closes_with_it(
    scene: Scene,
) -> None:
    watched = scene.watched
    for opener, netns, port in scene.earlier:
        life = watched.once(opener, port, lambda life: life.pid is not None)
        assert (life.pid, life.netns) == (opener.pid, netns)
    first, second, third = scene.earlier
    first.opener.close(first.port)
    second.opener.end()
    closes(watched, first.opener, first.port)
    closes(watched, second.opener, second.port)
    assert watched.kinds(third.opener, third.port) == ["opened"]


def test_a_daemon_in_a_namespace_of_its_own_is_one_life_of_who_is_left(
    watched: Watched, container: Opener
) -> None:
    there = number(container.netns)
    port, left = container.daemonize(0.02)
    watched.once(container, port, lambda life: (life.pid, life.netns) == (left, there))
    watched.pass_two_ticks()
    assert watched.kinds(container, port) == ["opened"]


_AS_ITS_RECORD_LEFT_IT = """UPDATE listener SET netns = ?, inode = NULL, cookie = NULL
    WHERE address = ? AND port = ?"""


@needs_tracing
def test_a_namespace_that_was_guessed_before_a_restart_is_not_certain_after_it(
    tmp_path: Path, opener: Opener, container: Opener
) -> None:
    there = number(container.netns)
    opener.enter(container.netns)
    port = opener.open()
    with Opener() as other:
        guess = other.unshare()
        opener.enter(other.netns)
        with watching(tmp_path, "tracepoint") as watched:
            watched.once(opener, port, lambda life: (life.pid, life.netns) == (opener.pid, there))
        with closing(sqlite3.connect(watched.db)) as connection, connection:
            connection.execute(_AS_ITS_RECORD_LEFT_IT, (guess, opener.address, port))
        with watching(tmp_path, "tracepoint") as watched:
            watched.once(opener, port, lambda life: (life.pid, life.netns) == (opener.pid, there))
            watched.pass_two_ticks()
            assert watched.kinds(opener, port) == ["opened"]
            opener.close(port)
            closes(watched, opener, port)
