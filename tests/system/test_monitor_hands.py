"""A socket that changes hands is one life of who is left, under every source that knows sockets.

psutil tells two sockets at one place apart by their owners alone: there a change of hands that a
scan fell into is a closing and an opening, and what is open belongs to who is left nevertheless.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import NamedTuple

import pytest

from tests.kit.opener import Opener
from tests.kit.waiting import until
from tests.kit.watched import ROOTS_SOURCES, Watched, watching

pytestmark = pytest.mark.host

# Seconds between listening and the fork, and the number of forks: each process but the last ends.
DAEMONS = {
    "at once": (0.0, 1),
    "after 20 ms": (0.02, 1),
    "after 100 ms": (0.1, 1),
    "after 300 ms": (0.3, 1),
    "by a double fork": (0.0, 2),
    "by a double fork after 300 ms": (0.3, 2),
}
DELEGATES = {"by a supervisor that ends": "ends", "by a supervisor that only closes": "stays"}
WHEN_SEEN = "once it is stored"
EVERY_SHAPE = pytest.mark.parametrize("shape", [*DAEMONS, *DELEGATES, WHEN_SEEN])


class Handed(NamedTuple):
    """An opener that listened, and the pid of who is left."""

    opener: Opener
    port: int
    left: int


@pytest.fixture(scope="module", params=ROOTS_SOURCES)
def watched(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Watched]:
    with watching(tmp_path_factory.mktemp("hands"), request.param) as watched:
        yield watched


@pytest.fixture(scope="module")
def handed(watched: Watched) -> Iterator[dict[str, Handed]]:
    """Every shape, once the monitor has had its second tick after them."""
    found: dict[str, Handed] = {}
    with ExitStack() as stack:
        openers = {
            shape: stack.enter_context(Opener()) for shape in (*DAEMONS, *DELEGATES, WHEN_SEEN)
        }
        for shape, (seconds, forks) in DAEMONS.items():
            found[shape] = Handed(openers[shape], *openers[shape].daemonize(seconds, forks))
        for shape, after in DELEGATES.items():
            found[shape] = Handed(openers[shape], *openers[shape].delegate(after))
        last = openers[WHEN_SEEN]
        port = last.open()
        watched.once(last, port, lambda life: life.pid == last.pid)
        found[WHEN_SEEN] = Handed(last, port, last.leave())
        watched.pass_two_ticks()
        yield found


@EVERY_SHAPE
def test_a_socket_that_changes_hands_is_one_life_of_who_is_left(
    watched: Watched, handed: dict[str, Handed], shape: str
) -> None:
    opener, port, left = handed[shape]
    # A busy machine may search for the new owner for more than two ticks.
    watched.once(opener, port, lambda life: (life.pid, life.hidden) == (left, None))
    (life,) = [each for each in watched.lives(opener, port) if each.is_open]
    assert (life.pid, life.hidden) == (left, None)
    if watched.source != "portable":
        assert watched.kinds(opener, port) == ["opened"]


@EVERY_SHAPE
def test_who_had_the_socket_before_is_kept_if_the_source_showed_it(
    watched: Watched, handed: dict[str, Handed], shape: str
) -> None:
    if watched.source == "portable":
        pytest.skip("psutil tells sockets apart by their owners")
    opener, port, left = handed[shape]
    watched.once(opener, port, lambda life: life.pid == left)
    (life,) = watched.lives(opener, port)
    before = [each.pid for each in watched.former(life)]
    # Of what happens between two scans only the kernel's record names who listened.
    must_know = shape == WHEN_SEEN or watched.source == "tracepoint"
    if must_know or before:
        assert before[0] == opener.pid
    assert left not in before


def test_a_socket_that_was_handed_on_closes_once_with_who_is_left(watched: Watched) -> None:
    with Opener() as opener:
        port, left = opener.daemonize(0.02)
        watched.once(opener, port, lambda life: life.pid == left)
        opener.close(port)
        watched.once(opener, port, lambda life: not life.is_open)
        watched.pass_two_ticks()
        assert not any(life.is_open for life in watched.lives(opener, port))
        if watched.source != "portable":
            assert watched.kinds(opener, port) == ["opened", "closed"]


def test_of_a_hundred_workers_that_followed_one_another_those_that_live_are_stored(
    watched: Watched,
) -> None:
    with Opener() as opener:
        port = opener.open()
        life = watched.once(opener, port, lambda life: life.pid == opener.pid)
        for _ in range(5):
            wanted = {opener.pid, *opener.replace(20)}
            until(lambda wanted=wanted: watched.holders(life) == wanted, "all are stored")  # type: ignore[misc]
        (life,) = watched.lives(opener, port)
        assert life.holders_gone == 80
        assert watched.kinds(opener, port) == ["opened"]
        assert watched.former(life) == []
