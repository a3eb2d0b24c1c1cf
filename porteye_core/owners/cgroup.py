"""Systemd unit and container of a process, from its cgroup path.

The patterns follow the names that these programs give to cgroups: systemd (systemd.unit(5),
systemd-nspawn(1)), runc's two drivers (`slice:prefix:name` and `prefix-name.scope`), containerd's
CRI plugin, CRI-O, Podman, LXC (lxc.container.conf(5)), the kubelet and Amazon's ECS agent.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

_RUNTIMES = {
    "docker": "docker",
    "cri-containerd": "containerd",
    "containerd": "containerd",
    "nerdctl": "containerd",
    "libpod": "podman",
    "libpod-payload": "podman",
    "libpod_parent": "podman",
    "crio": "cri-o",
    "kubepods": "kubernetes",
    "ecs": "ecs",
    # containerd's namespaces, which its clients without systemd have as folders
    "default": "containerd",
    "k8s.io": "containerd",
}
# docker-ID.scope as systemd has it, crio-ID without it, libpod-payload-ID of Podman's split groups.
_NAMED = re.compile(
    r"(?P<runtime>docker|cri-containerd|containerd|nerdctl|libpod|libpod-payload|crio)-"
    r"(?P<id>[0-9a-f]{12,64})(?:\.scope)?"
)
# Name in the form of the systemd driver, used by a runtime without systemd: slice:prefix:id.
_COLONS = re.compile(r"[^:]*:(?P<runtime>[\w.-]+):(?P<id>[0-9a-f]{12,64})")
# Docker and similar runtimes name a container by 256 bits; no unit has such a name.
_BARE = re.compile(r"[0-9a-f]{64}")
_SHORT = re.compile(r"[0-9a-f]{12,63}")  # valid only in the folder of a runtime
_FARGATE = re.compile(r"[0-9a-f]{32}-\d+")
_POD = re.compile(r"(?:.*-)?pod([0-9a-f]{8}[0-9a-f_-]+)(?:\.slice)?(?::.*)?")
_LXC = re.compile(r"lxc\.payload\.(.+)")
_NSPAWN = re.compile(r"machine-(.+)\.scope|systemd-nspawn@(.+)\.service")
_LIBVIRT_LXC = re.compile(r"lxc-\d+-(.+)")
_ESCAPED = re.compile(r"\\x([0-9a-f]{2})")
_UNIT = re.compile(r".+\.(?:service|scope|socket|mount|swap)")
_USER = re.compile(r"^\d+:[^:]*:/user\.slice/user-(\d{1,10})\.slice/", re.MULTILINE)
_MANAGER = "init.scope"  # of the system's systemd, a user's or a container's


class Belonging(NamedTuple):
    """Name of a unit, and a container as `runtime:id` with its pod; empty if none."""

    unit: str
    container: str


@lru_cache(maxsize=256)  # processes of one unit share the text
def parse(text: str) -> Belonging:
    """Parse the unit and container of a /proc/PID/cgroup file (cgroups(7)).

    >>> parse("0::/system.slice/nginx.service")
    Belonging(unit='nginx.service', container='')
    """
    found = [_belonging(path) for path in _paths(text)]
    return Belonging(
        next((each.unit for each in found if each.unit), ""),
        next((each.container for each in found if each.container), ""),
    )


def user(text: str) -> int | None:
    """User in whose slice the process runs (user@.service(5)); None outside of such slices.

    >>> user("0::/user.slice/user-1000.slice/user@1000.service/app.slice/a.service")
    1000
    """
    found = _USER.findall(text)
    return int(found[0]) if found else None


def _paths(text: str) -> list[str]:
    """Distinct paths in the order of their weight.

    The unified hierarchy's comes first, then systemd's named one of version 1, then those of
    controllers.
    """
    lines = [line.split(":", 2) for line in text.splitlines() if line.count(":") >= 2]
    lines.sort(key=lambda line: (line[0] != "0", line[1] != "name=systemd"))
    return list(dict.fromkeys(path.removesuffix(" (deleted)") for _, _, path in lines))


def _belonging(path: str) -> Belonging:
    """Unit and container of the innermost segments of a path."""
    segments = path.split("/")
    for place in range(len(segments) - 1, -1, -1):
        if container := _container(segments, place):
            inside = _unit(segments[place + 1 :]) or _quadlet(segments, place)
            return Belonging(inside, container + _pod(segments[: place + 1]))
    return Belonging(_unit(segments), "")


def _container(segments: Sequence[str], place: int) -> str:
    """Container whose cgroup this segment is; empty if none."""
    name = segments[place]
    if match := _NAMED.fullmatch(name) or _COLONS.fullmatch(name):
        return f"{_RUNTIMES.get(match['runtime'], match['runtime'])}:{match['id']}"
    if match := _LXC.fullmatch(name):
        return f"lxc:{match[1]}"
    before = segments[place - 1] if place else ""
    if before in ("lxc", "lxc.payload"):
        return f"lxc:{name}"
    if _BARE.fullmatch(name) or (before in _RUNTIMES and _SHORT.fullmatch(name)):
        above = (_RUNTIMES.get(each.removesuffix(".slice")) for each in reversed(segments[:place]))
        return f"{next(filter(None, above), 'container')}:{name}"
    if "ecs" in segments[:place] and _FARGATE.fullmatch(name):
        return f"ecs:{name}"
    return _machine(name, segments[place + 1 : place + 2])


def _machine(name: str, below: Sequence[str]) -> str:
    """Container that systemd-nspawn or libvirt registered as a machine; empty if none.

    A virtual machine has such a scope as well. systemd-nspawn itself runs in a cgroup beside that
    of its payload.
    """
    match = _NSPAWN.fullmatch(name)
    if not match:
        return ""
    machine = _ESCAPED.sub(lambda found: chr(int(found[1], 16)), match[1] or match[2])
    if libvirt := _LIBVIRT_LXC.fullmatch(machine):
        return f"lxc:{libvirt[1]}"
    inside = bool(below) and (below[0] in ("payload", _MANAGER) or below[0].endswith(".slice"))
    return f"nspawn:{machine}" if inside else ""


def _unit(segments: Sequence[str]) -> str:
    """Innermost unit; a manager's own scope only if there is no other."""
    units = [each for each in segments if _UNIT.fullmatch(each)]
    return next((each for each in reversed(units) if each != _MANAGER), "".join(units[-1:]))


def _quadlet(segments: Sequence[str], place: int) -> str:
    """Service that runs a container: the parent of Podman's split cgroups; empty if none."""
    before = segments[place - 1] if place else ""
    named = segments[place].startswith("libpod-payload-")
    return before if named and _UNIT.fullmatch(before) else ""


def _pod(segments: Sequence[str]) -> str:
    pods = [match[1] for match in map(_POD.fullmatch, segments) if match]
    return f" pod:{pods[-1].replace('_', '-')}" if pods else ""
