"""cgroup files as systems write them: of each what the process in it belongs to."""

import pytest

from porteye_core.owners.cgroup import Belonging, parse

ID = "f659de946112140fd722cddfd24015a8c9fce51b7ab7f007ac30612b6f9acfc9"
OUTER = "0123456789abcdef" * 4
POD = "b4f3dfaf_f987_499d_a04c_2c60eb01958c"
POD_UID = POD.replace("_", "-")
STATIC_POD = "2b0e4ba5f8a5a9a9d8e0d4b3d7a0b1c2"  # of a manifest on the node: a digest
TASK = "0f9a6e57c5d44ef7b9ad1ed27b4d0ab5"
USER = "/user.slice/user-1000.slice/user@1000.service"
KUBEPODS = "/kubepods.slice/kubepods-burstable.slice"
KIND = "/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-burstable.slice"

UNITS = {
    "/": "",
    "/init.scope": "init.scope",
    "/system.slice/nginx.service": "nginx.service",
    "/system.slice/nginx.service (deleted)": "nginx.service",
    "/../../system.slice/nginx.service": "nginx.service",
    "/system.slice/system-postgresql.slice/postgresql@15-main.service": (
        "postgresql@15-main.service"
    ),
    "/system.slice/docker.service/main": "docker.service",
    "/system.slice/snap.lxd.daemon.service": "snap.lxd.daemon.service",
    "/system.slice/run-u12.service": "run-u12.service",
    "/system.slice/srv-data.mount": "srv-data.mount",
    "/user.slice/user-1000.slice/session-3.scope": "session-3.scope",
    # A user's services, what a desktop starts as scopes, and the user's own systemd
    f"{USER}/init.scope": "user@1000.service",
    f"{USER}/app.slice/syncthing.service": "syncthing.service",
    f"{USER}/session.slice/pipewire.service": "pipewire.service",
    f"{USER}/app.slice/app-gnome-code-4711.scope": "app-gnome-code-4711.scope",
    f"{USER}/app.slice/app-org.gnome.Terminal.slice/vte-spawn-8a6b.scope": "vte-spawn-8a6b.scope",
    f"{USER}/app.slice/snap.firefox.firefox-0f9a6e57.scope": "snap.firefox.firefox-0f9a6e57.scope",
    f"{USER}/app.slice/app-flatpak-org.gimp.GIMP-99.scope": "app-flatpak-org.gimp.GIMP-99.scope",
    f"{USER}/app.slice/dbus-:1.2-org.gnome.Maps@0.service": "dbus-:1.2-org.gnome.Maps@0.service",
    # Beside a container and not in it: what watches it, and virtual machines
    f"/machine.slice/libpod-conmon-{ID}.scope": f"libpod-conmon-{ID}.scope",
    f"{KUBEPODS}/kubepods-burstable-pod{POD}.slice/crio-conmon-{ID}.scope": (
        f"crio-conmon-{ID}.scope"
    ),
    "/lxc.monitor.web": "",
    "/lxc.monitor/101": "",
    "/machine.slice/systemd-nspawn@web.service/supervisor": "systemd-nspawn@web.service",
    r"/machine.slice/machine-qemu\x2d1\x2dweb.scope/libvirt/emulator": (
        r"machine-qemu\x2d1\x2dweb.scope"
    ),
}

CONTAINERS = {
    # Docker with both drivers, with a parent of its own, with the rights of a user
    f"/docker/{ID}": f"docker:{ID}",
    f"/system.slice/docker-{ID}.scope": f"docker:{ID}",
    f"/actions_job/{ID}": f"container:{ID}",
    f"{USER}/user.slice/docker-{ID}.scope": f"docker:{ID}",
    # A container in another one: the inner one
    f"/docker/{OUTER}/docker/{ID}": f"docker:{ID}",
    f"/system.slice/docker-{OUTER}.scope/docker/{ID}": f"docker:{ID}",
    f"/system.slice/docker-{OUTER}.scope/system.slice/docker-{ID}.scope": f"docker:{ID}",
    # containerd and nerdctl
    f"/system.slice/nerdctl-{ID}.scope": f"containerd:{ID}",
    f"{USER}/user.slice/nerdctl-{ID}.scope": f"containerd:{ID}",
    f"/default/{ID}": f"containerd:{ID}",
    # Podman, as root and as a user, in pods, and in Docker's place
    f"/machine.slice/libpod-{ID}.scope": f"podman:{ID}",
    f"/machine.slice/libpod-{ID}.scope/container": f"podman:{ID}",
    f"{USER}/user.slice/libpod-{ID}.scope/container": f"podman:{ID}",
    f"{USER}/user.slice/user-libpod_pod_{OUTER}.slice/libpod-{ID}.scope/container": f"podman:{ID}",
    f"/libpod_parent/libpod-{ID}": f"podman:{ID}",
    # Kubernetes: the kubelet with both drivers, CRI-O, containerd without SystemdCgroup, kind
    f"/kubepods/besteffort/pod{POD_UID}/{ID}": f"kubernetes:{ID} pod:{POD_UID}",
    f"/kubepods/pod{STATIC_POD}/{ID}": f"kubernetes:{ID} pod:{STATIC_POD}",
    f"{KUBEPODS}/kubepods-burstable-pod{POD}.slice/cri-containerd-{ID}.scope": (
        f"containerd:{ID} pod:{POD_UID}"
    ),
    f"{KUBEPODS}/kubepods-burstable-pod{POD}.slice/docker-{ID}.scope": (
        f"docker:{ID} pod:{POD_UID}"
    ),
    f"{KUBEPODS}/kubepods-burstable-pod{POD}.slice/crio-{ID}.scope/container": (
        f"cri-o:{ID} pod:{POD_UID}"
    ),
    f"/kubepods/burstable/pod{POD_UID}/crio-{ID}": f"cri-o:{ID} pod:{POD_UID}",
    f"/kubepods.slice/kubepods-pod1.slice/crio-{ID}.scope": f"cri-o:{ID}",
    f"/system.slice/containerd.service/kubepods-burstable-pod{POD}.slice:cri-containerd:{ID}": (
        f"containerd:{ID} pod:{POD_UID}"
    ),
    f"/kubepods-besteffort-pod{POD}.slice:cri-containerd:{ID}": f"containerd:{ID} pod:{POD_UID}",
    f"/system.slice/k0scontroller.service/kubepods/besteffort/pod{POD_UID}/{ID}": (
        f"kubernetes:{ID} pod:{POD_UID}"
    ),
    f"{KIND}/kubelet-kubepods-burstable-pod{POD}.slice/cri-containerd-{ID}.scope": (
        f"containerd:{ID} pod:{POD_UID}"
    ),
    f"/system.slice/docker-{OUTER}.scope{KIND}/kubelet-kubepods-burstable-pod{POD}.slice"
    f"/cri-containerd-{ID}.scope": f"containerd:{ID} pod:{POD_UID}",
    f"/docker/{OUTER}/kubelet/kubepods/besteffort/pod{POD_UID}/{ID}": (
        f"kubernetes:{ID} pod:{POD_UID}"
    ),
    # Amazon's ECS: on EC2 with both drivers, and Fargate
    f"/ecs/{TASK}/{ID}": f"ecs:{ID}",
    f"/ecs/production/{TASK}/{ID}": f"ecs:{ID}",
    f"/ecs/{TASK}/{TASK}-2531612879": f"ecs:{TASK}-2531612879",
    f"/ecstasks.slice/ecstasks-{TASK}.slice/docker-{ID}.scope": f"docker:{ID}",
    # LXC, LXD and Incus, Proxmox, libvirt
    "/lxc/web": "lxc:web",
    "/lxc.payload/web": "lxc:web",
    "/lxc.payload.web": "lxc:web",
    "/lxc.payload.shop_web/init.scope": "lxc:shop_web",
    "/lxc/101/ns/init.scope": "lxc:101",
    r"/machine.slice/machine-lxc\x2d4711\x2dweb.scope": "lxc:web",
    # systemd-nspawn by machinectl and by hand
    "/machine.slice/systemd-nspawn@web.service/payload": "nspawn:web",
    r"/machine.slice/machine-my\x2dweb.scope/payload": "nspawn:my-web",
}

BOTH = {
    f"/machine.slice/libpod-{ID}.scope/container/system.slice/httpd.service": Belonging(
        "httpd.service", f"podman:{ID}"
    ),
    f"/system.slice/web.service/libpod-payload-{ID}": Belonging("web.service", f"podman:{ID}"),
    f"{USER}/app.slice/web.service/libpod-payload-{ID}": Belonging("web.service", f"podman:{ID}"),
    f"/system.slice/docker-{OUTER}.scope/kubelet.slice/kubelet.service": Belonging(
        "kubelet.service", f"docker:{OUTER}"
    ),
    "/lxc.payload.web/system.slice/cron.service": Belonging("cron.service", "lxc:web"),
    "/lxc/101/ns/system.slice/nginx.service": Belonging("nginx.service", "lxc:101"),
    "/user.slice/user-1000.slice/session-2.scope/lxc/web/system.slice/a.service": Belonging(
        "a.service", "lxc:web"
    ),
    r"/machine.slice/machine-my\x2dweb.scope/payload/system.slice/nginx.service": Belonging(
        "nginx.service", "nspawn:my-web"
    ),
    "/machine.slice/systemd-nspawn@web.service/system.slice/nginx.service": Belonging(
        "nginx.service", "nspawn:web"
    ),
    f"/machine.slice/systemd-nspawn@web.service/payload/system.slice/docker-{ID}.scope": Belonging(
        "", f"docker:{ID}"
    ),
}


@pytest.mark.parametrize(("path", "unit"), UNITS.items())
def test_the_innermost_unit_is_found(path: str, unit: str) -> None:
    assert parse(f"0::{path}") == Belonging(unit, "")


@pytest.mark.parametrize(("path", "container"), CONTAINERS.items())
def test_the_innermost_container_is_found(path: str, container: str) -> None:
    told = parse(f"0::{path}")
    assert told.container == container
    assert told.unit in ("", "init.scope")


@pytest.mark.parametrize(("path", "both"), BOTH.items())
def test_a_unit_within_a_container_is_found_with_it(path: str, both: Belonging) -> None:
    assert parse(f"0::{path}") == both


@pytest.mark.parametrize(
    ("text", "unit", "container"),
    [
        ("9:name=systemd:/system.slice/a.service\n8:pids:/system.slice/a.service", "a.service", ""),
        ("8:pids:/system.slice\n1:name=systemd:/system.slice/a.service\n0::/", "a.service", ""),
        (f"12:pids:/docker/{ID}\n0::/docker/{ID}", "", f"docker:{ID}"),
        (f"12:cpu,cpuacct:/docker/{ID}\n1:name=systemd:/docker/{ID}", "", f"docker:{ID}"),
        ("", "", ""),
        ("nonsense", "", ""),
    ],
)
def test_every_hierarchy_is_read(text: str, unit: str, container: str) -> None:
    assert parse(text) == Belonging(unit, container)
