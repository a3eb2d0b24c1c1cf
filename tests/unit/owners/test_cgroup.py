"""cgroup files as systems write them: of each what the process in it belongs to."""

import pytest

from porteye_core.owners import cgroup
from porteye_core.owners.cgroup import Belonging, parse
from tests.kit.service import PROJECT

ID = "f659de946112140fd722cddfd24015a8c9fce51b7ab7f007ac30612b6f9acfc9"
_LINES = (PROJECT / "tests" / "data" / "cgroups.tsv").read_text().splitlines()
PATHS = [line.split("\t") for line in _LINES if not line.startswith("#")]
# Podman 4.3.1 with the driver cgroupfs, on a system with both versions of cgroups.
HYBRID = "".join(
    f"{number}:{controller}:/libpod_parent/libpod-{ID}\n"
    for number, controller in ((9, "name=systemd"), (8, "pids"), (4, "memory"), (0, ""))
)


@pytest.mark.parametrize(("path", "unit", "container"), PATHS)
def test_the_innermost_unit_and_container_are_found(path: str, unit: str, container: str) -> None:
    assert parse(f"0::{path}") == Belonging(unit, container)


def test_the_table_has_every_runtime() -> None:
    runtimes = {container.partition(":")[0] for _, _, container in PATHS}
    named = {*cgroup._RUNTIMES.values(), "lxc", "nspawn", "container", ""}
    assert runtimes == named


@pytest.mark.parametrize(
    ("text", "unit", "container"),
    [
        ("9:name=systemd:/system.slice/a.service\n8:pids:/system.slice/a.service", "a.service", ""),
        ("8:pids:/system.slice\n1:name=systemd:/system.slice/a.service\n0::/", "a.service", ""),
        (f"12:pids:/docker/{ID}\n0::/docker/{ID}", "", f"docker:{ID}"),
        (f"12:cpu,cpuacct:/docker/{ID}\n1:name=systemd:/docker/{ID}", "", f"docker:{ID}"),
        (HYBRID, "", f"podman:{ID}"),
        ("", "", ""),
        ("nonsense", "", ""),
    ],
)
def test_every_hierarchy_is_read(text: str, unit: str, container: str) -> None:
    assert parse(text) == Belonging(unit, container)


@pytest.mark.parametrize(
    ("path", "user"),
    [
        (f"/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-{ID}.scope", 1000),
        (f"/user.slice/user-1001.slice/session-3.scope/libpod_parent/libpod-{ID}", 1001),
        (f"/machine.slice/libpod-{ID}.scope", None),
        (f"/docker/{ID}/user.slice/user-1000.slice/session-1.scope", None),  # in the container
        ("/user.slice/user-99999999999.slice/session-3.scope", None),
    ],
)
def test_the_user_is_the_one_of_the_slice(path: str, user: int | None) -> None:
    assert cgroup.user(f"0::{path}") == user
