"""A listener's life in one sentence."""

from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from porteye_core.exposure import Bound, Namespace
from porteye_core.model import Ancestor, Hidden, Precision, Protocol
from porteye_core.reach import InterfaceKind
from porteye_core.store.reading import Life
from porteye_core.ui.listener_summary import evidence, sentence

BERLIN = ZoneInfo("Europe/Berlin")


def at(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1e6)


NOW = at("2026-01-16T14:02:00")  # a Friday
NGINX = Life(
    id=1,
    protocol=Protocol.TCP,
    bound=Bound("0.0.0.0"),
    port=443,
    opened_at=at("2026-01-13T13:02:00"),
    closed_at=None,
    opened_seen=Precision.KERNEL,
    closed_seen=None,
    unseen_at=None,
    holders_gone=0,
    inode=77,
    hidden=None,
    pid=812,
    process="nginx",
    title="nginx",
    user="www-data",
    socket_user="root",
    cmdline="nginx -g daemon",
    exe="/usr/sbin/nginx",
    parents=(Ancestor(1, "systemd"),),
    unit="nginx.service",
    container="",
    cwd="/",
    program=1,
)


def test_an_open_listener_is_told_as_a_person_would() -> None:
    assert sentence(NGINX, NOW, BERLIN) == (
        "nginx, pid 812, user www-data, started by nginx.service, has listened on every interface"
        " at 443 since Tuesday 14:02, 3 days ago."
    )


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"unit": ""}, "started by systemd,"),
        ({"container": "docker:abc"}, "in the container docker:abc,"),
        ({"protocol": Protocol.UDP}, "has been bound to UDP on every interface at 443"),
        ({"opened_seen": Precision.GAP}, "since some time before Tuesday 14:02"),
        (
            {"closed_at": at("2026-01-13T15:32:00"), "closed_seen": Precision.POLL},
            "listened on every interface at 443 from Tuesday 14:02 to Tuesday 16:32, for 2 hours.",
        ),
        (
            {"closed_at": at("2026-01-13T15:32:00"), "closed_seen": Precision.GAP},
            "to some time before Tuesday 16:32, for about 2 hours.",
        ),
        ({"opened_at": at("2026-01-16T14:01:59")}, "since today 15:01, just now."),
        ({"opened_at": at("2026-01-15T14:02:00")}, "since yesterday 15:02, 1 day ago."),
        ({"opened_at": at("2026-01-09T14:02:00")}, "since 2026-01-09 15:02, 7 days ago."),
    ],
)
def test_what_is_known_decides_the_words(changes: dict[str, object], told: str) -> None:
    assert told in sentence(replace(NGINX, **changes), NOW, BERLIN)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("bound", "told"),
    [
        (Bound("::1"), "for this machine only ([::1])"),
        (Bound("0.0.0.0", "lo", InterfaceKind.MACHINE), "for this machine only (0.0.0.0%lo)"),
        (Bound("::", "lo", InterfaceKind.MACHINE, v6only=False), "for this machine only (*%lo)"),
        (Bound("::", "lo", InterfaceKind.MACHINE, v6only=True), "for this machine only ([::]%lo)"),
        (
            Bound("0.0.0.0", "docker0", InterfaceKind.CONTAINERS),
            "for this machine and its containers (0.0.0.0%docker0)",
        ),
        (Bound("10.0.0.5"), "on one network (10.0.0.5)"),
        (Bound("0.0.0.0", "eth0", InterfaceKind.NETWORK), "on one network (0.0.0.0%eth0)"),
        (Bound("0.0.0.0", "blue", InterfaceKind.VRF), "on the network of a VRF (0.0.0.0%blue)"),
        (
            Bound("fe80::1", "eth0", InterfaceKind.NETWORK, v6only=True),
            "for the neighbours on one link ([fe80::1]%eth0)",
        ),
        (Bound("::", "", v6only=False), "on every interface over IPv4 and IPv6"),
        (Bound("::", "", v6only=True), "on every interface over IPv6 only"),
        (Bound("::"), "on every interface"),
        (Bound("0.0.0.0", namespace=Namespace.OTHER), "inside a container (0.0.0.0)"),
        (
            Bound("0.0.0.0", namespace=Namespace.UNKNOWN),
            "in a network namespace that is not known (0.0.0.0)",
        ),
        (
            Bound("0.0.0.0", "if7", InterfaceKind.GONE),
            "on an interface that has been removed (0.0.0.0%if7)",
        ),
    ],
)
def test_the_place_is_told_with_its_interface(bound: Bound, told: str) -> None:
    assert f" has listened {told} at 443 since" in sentence(
        replace(NGINX, bound=bound), NOW, BERLIN
    )


@pytest.mark.parametrize(
    ("hidden", "told"),
    [
        (Hidden.PRIVILEGE, "A process that only administrative rights would show, user root, has"),
        (Hidden.GONE, "A process that had ended before it could be read, user root, has"),
        (Hidden.KERNEL, "The kernel or another pid namespace, user root, has listened"),
    ],
)
def test_an_owner_that_is_not_known_has_a_reason(hidden: Hidden, told: str) -> None:
    nobody = replace(NGINX, process="", title="", pid=None, user="root", hidden=hidden)
    assert sentence(nobody, NOW, BERLIN).startswith(told)


def test_under_a_stopped_monitor_nothing_is_said_of_now() -> None:
    told = sentence(NGINX, NOW, BERLIN, at("2026-01-16T13:00:00"))
    assert "was listening on every interface at 443" in told
    assert told.endswith("when it was last watched, today 14:00.")


def test_a_story_says_how_its_opening_and_its_owner_are_known() -> None:
    assert evidence(NGINX) == (
        "Its opening is a record of the kernel. Its owner has the socket, inode 77, among its"
        " descriptors or those of one of its threads."
    )
    named = replace(NGINX, inode=None, opened_seen=Precision.POLL)
    assert evidence(named).endswith("the process that the record or the scan names.")
    assert evidence(replace(NGINX, pid=None)) == "Its opening is a record of the kernel."


def test_a_listener_out_of_sight_is_not_said_to_listen() -> None:
    lost = replace(NGINX, unseen_at=at("2026-01-16T13:02:00"))
    assert sentence(lost, NOW, BERLIN).endswith(
        "was listening on every interface at 443 since Tuesday 14:02, 3 days ago. Since today 14:02"
        " it could not be looked for: it may have closed."
    )
