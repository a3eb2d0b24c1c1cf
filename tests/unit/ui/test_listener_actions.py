"""Commands and URLs for listeners of all kinds of owners."""

from dataclasses import replace

import pytest

from porteye_core.containers import Container
from porteye_core.exposure import Bound, Namespace
from porteye_core.model import Ancestor, Hidden, Precision, Protocol
from porteye_core.reach import InterfaceKind
from porteye_core.ui.listener_actions import (
    STOPS_PROCESS,
    STOPS_UNIT,
    actions,
    stops_by_process,
    url,
)
from tests.kit.lives import NGINX, NOW

ID = "0123456789abcdef" * 4
POD = "8c3e5a2f-0d1b-4c7e-9a66-2f1d3b4c5d6e"
PODS = (
    "kubectl get pods --all-namespaces --output"
    " custom-columns=NAMESPACE:.metadata.namespace,POD:.metadata.name,UID:.metadata.uid"
)
INIT, MANAGER = Ancestor(1, "systemd"), Ancestor(901, "systemd")
SHELL = (Ancestor(9, "bash"), Ancestor(8, "tmux"), INIT)


@pytest.mark.parametrize(
    ("changes", "commands"),
    [
        ({}, ["systemctl stop nginx.service"]),
        ({"parents": ()}, ["systemctl stop nginx.service"]),
        (  # a worker
            {"parents": (Ancestor(811, "nginx"), INIT)},
            ["systemctl stop nginx.service"],
        ),
        (
            {"parents": (MANAGER, INIT), "unit": "shop.service"},
            ["systemctl --user stop shop.service"],
        ),
        (
            {"unit": "app@x\\x2dy.service", "parents": (MANAGER, INIT)},
            ["systemctl --user stop 'app@x\\x2dy.service'"],
        ),
        (  # of a job, whose unit is not its own
            {"unit": "cron.service", "parents": (Ancestor(9, "sh"), Ancestor(8, "cron"), INIT)},
            ["kill 812", "systemctl stop cron.service"],
        ),
        ({"unit": "session-3.scope", "parents": SHELL}, ["kill 812"]),
        ({"unit": "", "parents": SHELL}, ["kill 812"]),
        ({"unit": "", "parents": ()}, ["kill 812"]),
        ({"unit": "init.scope", "pid": 1, "parents": ()}, ["systemctl list-sockets --all"]),
        (
            {"process": "docker-proxy", "unit": "docker.service", "port": 8080},
            ["docker stop $(docker ps --quiet --filter publish=8080/tcp)"],
        ),
        ({"container": f"docker:{ID}", "unit": ""}, ["docker stop 0123456789ab"]),
        ({"container": f"podman:{ID}", "unit": ""}, ["podman stop 0123456789ab"]),
        ({"container": f"containerd:{ID}", "unit": ""}, ["nerdctl stop 0123456789ab"]),
        ({"container": f"cri-o:{ID}", "unit": ""}, ["crictl stop 0123456789ab"]),
        (
            {"container": f"containerd:{ID} pod:{POD}", "unit": ""},
            [
                f"{PODS} | grep {POD}",
                "crictl stop 0123456789ab",
            ],
        ),
        (
            {"container": f"docker:{ID}", "named": Container("docker", ID, "shop-web-1")},
            ["docker stop shop-web-1"],
        ),
        (  # a name that a shell or the command would take for something else
            {"container": f"docker:{ID}", "named": Container("docker", ID, "--all; reboot")},
            ["docker stop 0123456789ab"],
        ),
        (
            {
                "container": f"containerd:{ID} pod:{POD}",
                "named": Container("containerd", ID, "nginx", pod="web-0", pod_namespace="shop"),
            },
            ["kubectl describe pod web-0 --namespace shop", "crictl stop 0123456789ab"],
        ),
        ({"container": "lxc:web", "unit": ""}, ["lxc-stop --name web"]),
        (
            {"container": "lxc:web"},
            ["lxc-attach --name web -- systemctl stop nginx.service", "lxc-stop --name web"],
        ),
        (
            {"container": "nspawn:my box"},
            [
                "systemctl --machine='my box' stop nginx.service",
                "machinectl poweroff 'my box'",
            ],
        ),
        ({"container": f"ecs:{ID}", "unit": ""}, ["kill 812"]),
        ({"container": f"container:{ID}", "unit": ""}, ["kill 812"]),
        ({"pid": None, "hidden": Hidden.PRIVILEGE}, ["sudo ss -tlnp 'sport = :443'"]),
        ({"pid": None, "hidden": Hidden.GONE}, ["sudo ss -tlnp 'sport = :443'"]),
        (
            {"pid": None, "hidden": None, "protocol": Protocol.UDP},
            ["sudo ss -ulnp 'sport = :443'"],
        ),
        ({"pid": None, "hidden": Hidden.KERNEL}, []),
        ({"closed_at": NOW, "closed_seen": Precision.POLL}, []),
    ],
)
def test_the_owner_decides_the_commands(changes: dict[str, object], commands: list[str]) -> None:
    found = actions(replace(NGINX, **changes))  # type: ignore[arg-type]
    assert [each.command for each in found] == commands


def test_on_windows_a_process_is_ended_by_its_own_command() -> None:
    assert [each.command for each in actions(NGINX, windows=True)] == ["taskkill /PID 812"]


HOME, AWAY = "http://localhost:8501", "https://porteye.example:8501/eye"


@pytest.mark.parametrize(
    ("changes", "page", "expected"),
    [
        ({}, HOME, "https://localhost"),
        ({}, AWAY, "https://porteye.example"),
        ({"port": 80}, AWAY, "http://porteye.example"),
        ({"port": 3000}, AWAY, "http://porteye.example:3000"),
        ({"port": 8443}, AWAY, "https://porteye.example:8443"),
        ({"port": 3000}, "http://[fd00::5]:8501", "http://[fd00::5]:3000"),
        ({"port": 3000}, "", "http://localhost:3000"),
        ({"port": 3000, "bound": Bound("::", v6only=True)}, AWAY, "http://porteye.example:3000"),
        ({"port": 3000, "bound": Bound("127.0.0.1")}, HOME, "http://localhost:3000"),
        ({"port": 3000, "bound": Bound("::1")}, HOME, "http://localhost:3000"),
        ({"port": 3000, "bound": Bound("127.0.0.53")}, HOME, "http://127.0.0.53:3000"),
        ({"port": 3000, "bound": Bound("127.0.0.1")}, "http://127.0.0.1", "http://localhost:3000"),
        ({"port": 3000, "bound": Bound("127.0.0.1")}, AWAY, ""),
        (
            {"port": 3000, "bound": Bound("0.0.0.0", "lo", InterfaceKind.MACHINE)},
            HOME,
            "http://localhost:3000",
        ),
        ({"port": 3000, "bound": Bound("192.168.1.20")}, AWAY, "http://192.168.1.20:3000"),
        ({"port": 3000, "bound": Bound("fd00::20")}, AWAY, "http://[fd00::20]:3000"),
        ({"port": 3000, "bound": Bound("0.0.0.0", "eth0", InterfaceKind.NETWORK)}, AWAY, ""),
        ({"port": 3000, "bound": Bound("0.0.0.0", namespace=Namespace.OTHER)}, HOME, ""),
        ({"port": 3000, "bound": Bound("fe80::1", "eth0")}, HOME, ""),
        ({"port": 3000, "protocol": Protocol.UDP}, HOME, ""),
    ],
)
def test_a_url_leads_where_the_browser_of_the_page_gets_an_answer(
    changes: dict[str, object], page: str, expected: str
) -> None:
    assert url(replace(NGINX, **changes), page) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "purpose"),
    [
        ({}, STOPS_UNIT),
        ({"unit": "", "parents": SHELL}, STOPS_PROCESS),
        ({"unit": "cron.service", "parents": (Ancestor(9, "sh"), INIT)}, STOPS_PROCESS),
        ({"container": f"docker:{ID}", "unit": ""}, ""),
        ({"container": f"ecs:{ID}", "unit": ""}, ""),
        ({"process": "docker-proxy", "unit": "docker.service"}, ""),
        ({"unit": "init.scope", "pid": 1, "parents": ()}, ""),
        ({"pid": None, "hidden": Hidden.PRIVILEGE}, ""),
        ({"closed_at": NOW}, ""),
    ],
)
def test_only_a_process_that_is_no_containers_can_be_stopped_by_the_page(
    changes: dict[str, object], purpose: str
) -> None:
    assert stops_by_process(replace(NGINX, **changes)) == purpose  # type: ignore[arg-type]
