"""A listener's life in three short sentences."""

from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest

from porteye_core.containers import Container
from porteye_core.exposure import Bound, Namespace
from porteye_core.model import Ancestor, Hidden, Precision, Protocol
from porteye_core.reach import InterfaceKind
from porteye_core.ui.listener_summary import (
    address,
    chain,
    evidence,
    markdown,
    name,
    sentence,
)
from tests.kit.lives import NGINX, NOW, at

BERLIN = ZoneInfo("Europe/Berlin")
CONTAINER = "docker:" + "0123456789abcdef" * 4


def test_an_open_listener_is_told_as_a_person_would() -> None:
    assert sentence(NGINX, NOW, BERLIN) == (
        "nginx listens on 0.0.0.0:443 (any network). pid 812, www-data, nginx.service."
        " Up since Tue 13 Jan 14:02, for 3 days."
    )
    shown = markdown(NGINX, NOW, BERLIN).replace("\\", "").replace("\u2060", "")
    assert shown.startswith("**nginx** listens on **0.0.0.0:443** (any network). pid 812")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"unit": ""}, "pid 812, www-data, started by systemd."),
        ({"unit": "", "parents": ()}, "pid 812, www-data. Up"),
        ({"user": ""}, "pid 812, nginx.service. Up"),
        ({"container": CONTAINER}, "pid 812, www-data, container docker:0123456789ab. Up"),
        (
            {"container": CONTAINER, "named": Container("docker", CONTAINER[7:], "shop-web-1")},
            "pid 812, www-data, container shop-web-1. Up",
        ),
        ({"container": "lxc:web"}, "container lxc:web. Up"),
        ({"protocol": Protocol.UDP}, "listens on 0.0.0.0:443 over UDP (any network)."),
        ({"pid": None, "user": "root"}, "(any network). User root, nginx.service. Up"),
        ({"pid": None, "user": "", "unit": "", "parents": ()}, "(any network). Up since"),
    ],
)
def test_what_is_known_of_the_owner_decides_the_words(
    changes: dict[str, object], told: str
) -> None:
    assert told in sentence(replace(NGINX, **changes), NOW, BERLIN)  # type: ignore[arg-type]


_HOURS = {"closed_at": at("2026-01-13T15:32:00"), "closed_seen": Precision.POLL}
_TODAY = {
    "opened_at": at("2026-01-16T03:44:00"),
    "opened_seen": Precision.GAP,
    "started_at": None,
}
_STARTED = "Up since at least 04:44, when PortEye began to watch; its process started"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"opened_at": at("2026-01-16T14:01:00")}, "Up since 15:01, for 1 minute."),
        ({"opened_at": at("2026-01-15T14:02:00")}, "Up since yesterday 15:02, for 1 day."),
        ({"opened_at": at("2026-01-09T14:02:00")}, "Up since Fri 9 Jan 15:02, for 7 days."),
        (_TODAY, "Up since at least 04:44, when PortEye began to watch."),
        (
            {**_TODAY, "started_at": at("2026-01-03T11:00:00")},
            f"{_STARTED} Sat 3 Jan 12:00.",
        ),
        ({**_TODAY, "started_at": at("2026-01-16T03:44:00")}, "when PortEye began to watch."),
        ({**_TODAY, "started_at": 0}, "when PortEye began to watch."),
        (_HOURS, "Open from Tue 13 Jan 14:02 to Tue 13 Jan 16:32, for 2 hours."),
        (
            {**_HOURS, "opened_seen": Precision.GAP},
            "Open from before Tue 13 Jan 14:02 to Tue 13 Jan 16:32, for about 2 hours.",
        ),
        (
            {**_HOURS, "closed_seen": Precision.GAP},
            "to some time before Tue 13 Jan 16:32, for about 2 hours.",
        ),
    ],
)
def test_what_is_known_of_its_times_decides_the_words(
    changes: dict[str, object], told: str
) -> None:
    assert sentence(replace(NGINX, **changes), NOW, BERLIN).endswith(told)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("bound", "told"),
    [
        (Bound("127.0.0.1"), "127.0.0.1:443 (local only)"),
        (Bound("::1"), "[::1]:443 (local only)"),
        (Bound("0.0.0.0", "lo", InterfaceKind.MACHINE), "0.0.0.0%lo:443 (local only)"),
        (Bound("::", "lo", InterfaceKind.MACHINE, v6only=False), "*%lo:443 (local only)"),
        (
            Bound("0.0.0.0", "docker0", InterfaceKind.CONTAINERS),
            "0.0.0.0%docker0:443 (this machine and its containers only)",
        ),
        (Bound("192.168.1.20"), "192.168.1.20:443 (192.168.1.20 only)"),
        (Bound("0.0.0.0", "eth0", InterfaceKind.NETWORK), "0.0.0.0%eth0:443 (eth0 only)"),
        (Bound("0.0.0.0", "blue", InterfaceKind.VRF), "(the networks of the VRF blue only)"),
        (
            Bound("fe80::1", "eth0", InterfaceKind.NETWORK, v6only=True),
            "[fe80::1]%eth0:443 (neighbours on one link only)",
        ),
        (Bound("::", "", v6only=False), "*:443 (any network, IPv4 and IPv6)"),
        (Bound("::", "", v6only=True), "[::]:443 (any network, IPv6 only)"),
        (Bound("::"), "[::]:443 (any network)"),
        (Bound("0.0.0.0", namespace=Namespace.OTHER), "0.0.0.0:443 (inside a container)"),
        (
            Bound("0.0.0.0", namespace=Namespace.UNKNOWN),
            "(in a network namespace that is not known)",
        ),
        (Bound("0.0.0.0", "if7", InterfaceKind.GONE), "(on an interface that has been removed)"),
    ],
)
def test_the_place_is_told_with_its_reach(bound: Bound, told: str) -> None:
    assert told in sentence(replace(NGINX, bound=bound), NOW, BERLIN)


@pytest.mark.parametrize(
    ("hidden", "told"),
    [
        (Hidden.PRIVILEGE, "A process that needs root to be seen listens on 0.0.0.0:443"),
        (Hidden.GONE, "A process that had ended before it could be read listens on"),
        (Hidden.KERNEL, "The kernel or another container listens on"),
        (None, "A process that is still searched for listens on"),
    ],
)
def test_an_owner_that_is_not_known_has_a_reason(hidden: Hidden | None, told: str) -> None:
    nobody = replace(NGINX, process="", title="", pid=None, user="root", hidden=hidden)
    assert sentence(nobody, NOW, BERLIN).startswith(told)
    assert markdown(nobody, NOW, BERLIN).startswith(told[:9])


def test_under_a_stopped_monitor_nothing_is_said_of_now() -> None:
    told = sentence(NGINX, NOW, BERLIN, at("2026-01-16T13:00:00"))
    assert told.startswith("nginx listened on 0.0.0.0:443")
    assert told.endswith("It was last watched 14:00.")


def test_a_listener_out_of_sight_is_not_said_to_listen() -> None:
    lost = replace(NGINX, unseen_at=at("2026-01-16T13:02:00"))
    told = sentence(lost, NOW, BERLIN)
    assert told.startswith("nginx listened on")
    assert told.endswith("Since 14:02 it could not be looked for: it may have closed.")


def test_markup_in_a_name_is_shown_and_never_followed() -> None:
    hostile = replace(NGINX, title="**x** [y](http://z) :smile:", user="*a*")
    shown = markdown(hostile, NOW, BERLIN)
    assert r"\*\*x\*\*" in shown
    assert r"\[y\]" in shown
    assert r"\*a\*" in shown


@pytest.mark.parametrize(
    ("bound", "told"),
    [
        (Bound("::", v6only=True), "443/tcp nginx on [::]"),
        (Bound("::", v6only=False), "443/tcp nginx on *"),
        (Bound("10.0.0.5"), "443/tcp nginx on 10.0.0.5"),
    ],
)
def test_a_name_has_no_colon_after_an_ipv6_address(bound: Bound, told: str) -> None:
    assert name(replace(NGINX, bound=bound)) == told


def test_an_address_has_its_port() -> None:
    assert address(replace(NGINX, bound=Bound("fe80::1", "eth0"))) == "[fe80::1]%eth0:443"


def test_a_chain_begins_with_the_first_ancestor() -> None:
    shell = (Ancestor(9, "bash"), Ancestor(8, "tmux"), Ancestor(1, "systemd"))
    assert chain(replace(NGINX, parents=shell)) == ["systemd", "tmux", "bash", "nginx"]
    assert chain(replace(NGINX, parents=(), title="")) == []


def test_a_story_says_how_its_opening_and_its_owner_are_known() -> None:
    assert evidence(NGINX) == (
        "Its opening is a record of the kernel. Its owner has the socket, inode 77, among its"
        " descriptors or those of one of its threads."
    )
    named = replace(NGINX, inode=None, opened_seen=Precision.POLL)
    assert evidence(named).endswith("the process that the record or the scan names.")
    assert evidence(replace(NGINX, pid=None)) == "Its opening is a record of the kernel."
