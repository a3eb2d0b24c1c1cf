"""What a process becomes after it has listened is shown within two ticks, under every source."""

import getpass
import pwd
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from tests.kit.opener import Opener, executable
from tests.kit.watched import ROOTS_SOURCES, Former, Life, Watched, watching

NOBODY = 65534
ROOM = "x" * 80  # for a title


@pytest.fixture(scope="module", params=ROOTS_SOURCES)
def watched(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Watched]:
    with watching(tmp_path_factory.mktemp("programs"), request.param, tick=1) as watched:
        yield watched


@dataclass
class Scene:
    """A process that listens, and the monitor that has stored it."""

    watched: Watched
    opener: Opener
    port: int

    def after(self, change: Callable[[], None], wanted: Callable[[Life], bool]) -> Life:
        """The life once it is shown as wanted, which is by the second tick after the change, and
        with the description that it had before it in its history."""
        before = self.watched.once(self.opener, self.port)
        began = time.time_ns() // 1000
        change()
        ended = time.time_ns() // 1000
        now = self.watched.once(self.opener, self.port, wanted)
        assert now.is_open
        assert self.watched.kinds(self.opener, self.port) == ["opened"]
        former = self.formers[-1]
        assert former[1:] == (before.pid, before.name, before.user, before.cmdline, before.cwd)
        # A change has the time at which the scan began that shows it.
        assert self.watched.ticks(former.until, began) == 0
        assert self.watched.ticks(ended, former.until) < 2
        return now

    @property
    def formers(self) -> list[Former]:
        return self.watched.former(self.watched.once(self.opener, self.port))


@pytest.fixture
def scene(watched: Watched) -> Iterator[Scene]:
    with Opener(ROOM) as opener:
        port = opener.open()
        watched.once(opener, port, lambda life: life.pid == opener.pid)
        yield Scene(watched, opener, port)


@pytest.fixture
def service(tmp_path: Path) -> Path:
    return executable(tmp_path / "order-service")


def test_an_execve_shows_the_new_program(scene: Scene, service: Path) -> None:
    now = scene.after(
        partial(scene.opener.execute, service, "--now"), lambda life: life.name == service.name
    )
    assert now.pid == scene.opener.pid
    assert now.cmdline is not None
    assert now.cmdline.endswith("order-service executed --now")


def test_a_port_that_is_opened_after_an_execve_is_the_new_programs_from_the_beginning(
    scene: Scene, service: Path
) -> None:
    scene.opener.execute(service)
    port = scene.opener.open()
    life = scene.watched.once(scene.opener, port, lambda life: life.pid == scene.opener.pid)
    assert life.name == service.name
    assert scene.watched.former(life) == []


def test_rights_that_are_given_up_after_listening_show_the_user_who_is_left(scene: Scene) -> None:
    nobody = pwd.getpwuid(NOBODY).pw_name
    now = scene.after(partial(scene.opener.become, NOBODY), lambda life: life.user == nobody)
    assert scene.formers[-1].user == getpass.getuser()
    if scene.watched.source != "portable":  # psutil does not tell whose a socket is
        assert now.socket_user == getpass.getuser()


def test_another_name_is_shown(scene: Scene) -> None:
    scene.after(partial(scene.opener.rename, b"worker: 3"), lambda life: life.name == "worker: 3")


def test_a_title_that_is_written_later_is_shown(scene: Scene) -> None:
    scene.after(
        partial(scene.opener.title, "orders:", "ready"),
        lambda life: life.cmdline == "orders: ready",
    )
    assert ROOM in (scene.formers[-1].cmdline or "")


def test_other_folders_are_shown_and_kept_in_their_order(scene: Scene, tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("first", "second", "third")]
    for folder in folders:
        folder.mkdir()
        scene.after(
            partial(scene.opener.chdir, folder),
            lambda life, folder=folder: life.cwd == str(folder),  # type: ignore[misc]
        )
    before = scene.formers
    assert [each.cwd for each in before] == [str(Path.cwd()), *map(str, folders[:-1])]
    assert [each.until for each in before] == sorted({each.until for each in before})


def test_a_process_whose_first_thread_has_ended_owns_its_sockets_and_is_described(
    scene: Scene,
) -> None:
    if scene.watched.source == "portable":
        pytest.skip("psutil reads the descriptors of the first thread alone")
    opener, before = scene.opener, scene.watched.once(scene.opener, scene.port)
    opener.outlive()
    late = opener.open()
    scene.watched.once(opener, late, lambda life: life.pid == opener.pid)
    scene.watched.pass_two_ticks()
    for port in (scene.port, late):
        (life,) = scene.watched.lives(opener, port)
        assert (life.pid, life.hidden, life.is_open) == (opener.pid, None, 1)
        assert (life.name, life.user, life.cmdline) == (before.name, before.user, before.cmdline)


def test_a_thread_with_descriptors_of_its_own_owns_its_socket(scene: Scene) -> None:
    if scene.watched.source == "portable":
        pytest.skip("psutil reads the descriptors of the first thread alone")
    if not Path("/proc/self/fd").stat().st_size:
        pytest.skip("before Linux 6.2 nothing tells that a thread has descriptors of its own")
    opener = scene.opener
    opener.split()
    port = opener.open()
    scene.watched.once(opener, port, lambda life: life.pid == opener.pid)
    scene.watched.pass_two_ticks()
    (life,) = scene.watched.lives(opener, port)
    assert (life.pid, life.hidden, life.is_open) == (opener.pid, None, 1)
    opener.close(port)
    scene.watched.once(opener, port, lambda life: not life.is_open)
    assert scene.watched.kinds(opener, port) == ["opened", "closed"]
