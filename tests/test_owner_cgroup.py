"""cgroup files as systems write them."""

from pathlib import Path

import pytest

from porteye_core.owner.cgroup import Belonging, belonging, parse

ID = "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("text", "unit", "container"),
    [
        ("0::/", "", ""),
        ("0::/system.slice/nginx.service", "nginx.service", ""),
        (
            "0::/user.slice/user-1000.slice/user@1000.service/app.slice/code.service",
            "code.service",
            "",
        ),
        ("0::/user.slice/user-1000.slice/session-3.scope", "session-3.scope", ""),
        (f"0::/system.slice/docker-{ID}.scope", "", f"docker:{ID}"),
        (f"12:pids:/docker/{ID}\n0::/docker/{ID}", "", f"docker:{ID}"),
        (f"0::/machine.slice/libpod-{ID}.scope", "", f"podman:{ID}"),
        (
            f"0::/kubepods.slice/kubepods-burstable-pod12ab34cd_ef01.slice/cri-containerd-{ID}.scope",
            "",
            f"containerd:{ID} pod:12ab34cd-ef01",
        ),
        (f"0::/kubepods.slice/kubepods-pod1.slice/crio-{ID}.scope", "", f"cri-o:{ID}"),
        (
            f"0::/kubepods/besteffort/pod12ab34cd-ef01/{ID}",
            "",
            f"kubernetes:{ID} pod:12ab34cd-ef01",
        ),
        ("0::/lxc.payload.web/system.slice/cron.service", "cron.service", "lxc:web"),
        ("9:name=systemd:/system.slice/a.service\n8:pids:/system.slice/a.service", "a.service", ""),
        ("nonsense", "", ""),
    ],
)
def test_unit_and_container_are_found(text: str, unit: str, container: str) -> None:
    assert parse(text) == Belonging(unit, container)


def test_a_process_that_has_ended_belongs_to_nothing(tmp_path: Path) -> None:
    assert belonging(1, tmp_path) == Belonging("", "")
