"""Which systemd unit and which container a process belongs to, from its cgroup path."""

import re
from pathlib import Path
from typing import NamedTuple

_RUNTIMES = {
    "docker": "docker",
    "cri-containerd": "containerd",
    "containerd": "containerd",
    "libpod": "podman",
    "crio": "cri-o",
}
_SCOPE = re.compile(
    r"/(?P<runtime>docker|cri-containerd|containerd|libpod|crio)[-/](?P<id>[0-9a-f]{12,64})(?:\.scope)?"
)
# Kubernetes with the cgroupfs driver: /kubepods/<class>/pod<uid>/<container id>
_POD = re.compile(
    r"/kubepods[^ ]*?/(?:kubepods-)?[^/]*pod[0-9a-f_-]+[^/]*/(?P<id>[0-9a-f]{64})(?:/|$)"
)
_POD_UID = re.compile(r"/(?:kubepods-)?(?:[a-z]+-)?pod([0-9a-f]{8}[0-9a-f_-]+)(?:\.slice)?/")
_LXC = re.compile(r"/lxc(?:\.payload[./]|/)(?P<id>[^/]+)")
_UNIT = re.compile(r"/([^/]+\.(?:service|scope))(?=/|$)")


class Belonging(NamedTuple):
    """A unit's name, and a container as `runtime:id` with its pod; empty where there is none."""

    unit: str
    container: str


def belonging(pid: int, proc: Path = Path("/proc")) -> Belonging:
    """What this process belongs to; nothing where the system has no cgroups, or it has ended."""
    try:
        text = (proc / str(pid) / "cgroup").read_text(errors="replace")
    except OSError:
        return Belonging("", "")
    return parse(text)


def parse(text: str) -> Belonging:
    """The unit and container of a /proc/<pid>/cgroup file (cgroups(7): id:controllers:path).

    >>> parse("0::/system.slice/nginx.service")
    Belonging(unit='nginx.service', container='')
    """
    paths = [line.split(":", 2)[2] for line in text.splitlines() if line.count(":") >= 2]
    container = next(filter(None, map(_container, paths)), "")
    if container and (pod := next(filter(None, map(_POD_UID.search, paths)), None)):
        container += f" pod:{pod[1].replace('_', '-')}"
    units = [
        unit for path in paths for unit in _UNIT.findall(path) if not _SCOPE.search("/" + unit)
    ]
    services = [unit for unit in units if unit.endswith(".service")]
    return Belonging((services or units or [""])[-1], container)


def _container(path: str) -> str:
    if match := _SCOPE.search(path):
        return f"{_RUNTIMES[match['runtime']]}:{match['id']}"
    if match := _POD.search(path):
        return f"kubernetes:{match['id']}"
    if match := _LXC.search(path):
        return f"lxc:{match['id']}"
    return ""
