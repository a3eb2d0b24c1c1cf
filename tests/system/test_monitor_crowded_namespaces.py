"""A container of root's is recorded beside the many namespaces of an unprivileged user."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit import user_namespace
from tests.kit.opener import Opener
from tests.kit.rights import root
from tests.kit.service import rows
from tests.kit.stranger import stranger
from tests.kit.watched import KERNEL_SOURCES, Watched, watching

pytestmark = [pytest.mark.host, root]
PROTOCOLS = ("tcp", "udp")


@pytest.fixture(scope="module")
def crowd() -> Iterator[int]:
    """Hundreds of namespaces of nobody's, some with listeners."""
    user_namespace.skip_if_refused()
    with stranger(500, listening=50) as made:
        yield len(made.listening | made.silent)


@pytest.fixture
def container() -> Iterator[Opener]:
    """A process in a network namespace of root's."""
    with Opener() as started:
        started.unshare()
        yield started


def open_both(container: Opener) -> list[tuple[str, int]]:
    return [(protocol, container.open(protocol)) for protocol in PROTOCOLS]


def are_open(watched: Watched, container: Opener, ports: list[tuple[str, int]]) -> None:
    """Wait until each is stored, with its owner and namespace, as one life that is open."""
    there = container.netns.stat().st_ino
    for protocol, port in ports:
        watched.once(
            container,
            port,
            lambda life: (life.pid, life.netns, life.is_open) == (container.pid, there, 1),
            protocol,
        )
        assert watched.kinds(container, port, protocol) == ["opened"]


@pytest.mark.usefixtures("crowd")
@pytest.mark.parametrize("source", KERNEL_SOURCES)
def test_beside_hundreds_of_namespaces_a_container_is_recorded_before_and_after_a_restart(
    tmp_path: Path, source: str, container: Opener
) -> None:
    ports = open_both(container)
    with watching(tmp_path, source, tick=1.0) as watched:
        are_open(watched, container, ports)
        ports += open_both(container)
        are_open(watched, container, ports)
    ports += open_both(container)
    with watching(tmp_path, source, tick=1.0) as watched:
        are_open(watched, container, ports)
        for protocol, port in ports:
            container.close(port)
            watched.once(container, port, lambda life: not life.is_open, protocol)
            assert watched.kinds(container, port, protocol) == ["opened", "closed"]
    beats = rows(watched.db, "SELECT left_out > 0, left_out_us > 0 FROM tick")
    assert all(is_left_out == waits for is_left_out, waits in beats)
