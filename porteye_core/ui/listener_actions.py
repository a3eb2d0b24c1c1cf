"""Next steps from a listener, which PortEye names and leaves to the reader: commands and a URL."""

import ipaddress
import re
import shlex
from typing import NamedTuple
from urllib.parse import urlsplit

from porteye_core.containers import parts, short_container
from porteye_core.exposure import Exposure, exposure
from porteye_core.model import Hidden, Protocol
from porteye_core.port_names import service
from porteye_core.store.reading import Life

STOPS_UNIT, STOPS_PROCESS = "Stop its unit", "Stop it"
_INIT = 1
_SYSTEMD = "systemd"
_PROXY = "docker-proxy"  # listens for a published port of a container
# Ports that are customary for TLS beside those whose service is called https.
_TLS = (443, 8443, 9443)
_CONTAINERS = {
    "docker": "docker stop {}",
    "podman": "podman stop {}",
    "containerd": "nerdctl stop {}",
    "cri-o": "crictl stop {}",
    "kubernetes": "crictl stop {}",
    "lxc": "lxc-stop --name {}",
    "nspawn": "machinectl poweroff {}",
}
# Of runtimes whose containers are whole systems: a unit in it can be stopped alone.
_INSIDE = {
    "lxc": "lxc-attach --name {} -- systemctl stop {}",
    "nspawn": "systemctl --machine={} stop {}",
}


# Of runtimes whose commands take the name that lists show, and what may be one (Docker's
# daemon/names).
_NAMED = ("docker", "podman", "containerd")
_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+")


class Action(NamedTuple):
    """A command with its purpose."""

    purpose: str
    command: str


def actions(life: Life, *, windows: bool = False) -> list[Action]:
    """The commands for an open listener, the one that fits best first; none if it has closed."""
    if life.closed_at is not None:
        return []
    if life.pid is None:
        return _search(life)
    if windows:
        return [Action(STOPS_PROCESS, f"taskkill /PID {life.pid}")]
    return _of_container(life) if life.container else _of_process(life)


def stops_by_process(life: Life) -> str:
    """The purpose of the first command, if it stops the owner or its unit; else empty: a container
    is stopped by its runtime."""
    first = next((each.purpose for each in actions(life)), "")
    is_inside = bool(life.container)
    return first if first in (STOPS_UNIT, STOPS_PROCESS) and not is_inside else ""


def url(life: Life, page_url: str) -> str:
    """The URL at which a browser that shows the page of this URL reaches a TCP listener; empty if
    it does not, as far as is known."""
    if life.protocol is not Protocol.TCP:
        return ""
    return url_of(exposure(life.bound), life.bound.shown, life.port, page_url)


def url_of(found: Exposure, shown: str, port: int, page_url: str) -> str:
    """The same of a TCP socket; shown: its address as ss(8) writes it."""
    address, _, interface = shown.replace("*", "::").partition("%")
    viewer = urlsplit(page_url).hostname or "localhost"
    if found in (Exposure.EVERYWHERE, Exposure.IPV6):
        host = viewer
    elif found is Exposure.MACHINE:
        host = _loopback(address, viewer)
    elif found is Exposure.NETWORK and not interface:
        host = address
    else:
        return ""
    if not host:
        return ""
    named = service(port, Protocol.TCP).startswith("https")
    scheme = "https" if named or port in _TLS else "http"
    at = f"[{host}]" if ":" in host else host
    default = {"http": 80, "https": 443}[scheme]
    return f"{scheme}://{at}" + ("" if port == default else f":{port}")


def _loopback(address: str, viewer: str) -> str:
    """The host by which a browser on this machine reaches an address of it; empty for a browser
    elsewhere."""
    if not _is_local(viewer):
        return ""
    at = ipaddress.ip_address(address)
    return "localhost" if at.is_unspecified or str(at) in ("127.0.0.1", "::1") else str(at)


def _is_local(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _search(life: Life) -> list[Action]:
    """The command that names an owner which only rights hide."""
    if life.hidden is Hidden.KERNEL:
        return []
    kind = "u" if life.protocol is Protocol.UDP else "t"
    return [Action("Find its process", f"sudo ss -{kind}lnp 'sport = :{life.port}'")]


def _of_container(life: Life) -> list[Action]:
    runtime, name, pod = parts(life.container)
    shown = shlex.quote(short_container(f"{runtime}:{name}").removeprefix(f"{runtime}:"))
    known = life.named.container_name if life.named else ""
    if not pod and runtime in _NAMED and _NAME.fullmatch(known):
        shown = known
    found = []
    if runtime in _INSIDE and life.unit.endswith(".service"):
        command = _INSIDE[runtime].format(shlex.quote(name), shlex.quote(life.unit))
        found.append(Action(STOPS_UNIT, command))
    if pod:
        found.append(_pod(life, pod))
        runtime = "kubernetes"
    if runtime in _CONTAINERS:
        found.append(Action("Stop its container", _CONTAINERS[runtime].format(shown)))
    return found or [_kill(life)]


def _pod(life: Life, uid: str) -> Action:
    """The command that shows the pod of a container, or that finds it by its id."""
    of = life.named
    if of is not None and _NAME.fullmatch(of.pod) and _NAME.fullmatch(of.pod_namespace):
        named = f"kubectl describe pod {of.pod} --namespace {of.pod_namespace}"
        return Action("Show its pod", named)
    columns = "NAMESPACE:.metadata.namespace,POD:.metadata.name,UID:.metadata.uid"
    listed = f"kubectl get pods --all-namespaces --output custom-columns={columns}"
    return Action("Find its pod", f"{listed} | grep {shlex.quote(uid)}")


def _of_process(life: Life) -> list[Action]:
    """A service is stopped as such, for systemd starts it again; a process that something in the
    service has started is stopped alone first."""
    if life.pid == _INIT:
        # A socket unit: systemd itself listens until the first client comes.
        return [Action("Find its socket unit", "systemctl list-sockets --all")]
    if life.process == _PROXY:
        published = f"docker ps --quiet --filter publish={life.port}/{life.protocol}"
        return [Action("Stop its container", f"docker stop $({published})")]
    if not life.unit.endswith(".service"):
        return [_kill(life)]
    managers = [each for each in life.parents if each.name == _SYSTEMD]
    of_user = bool(managers) and managers[0].pid != _INIT
    stop = f"systemctl {'--user ' if of_user else ''}stop {shlex.quote(life.unit)}"
    between = life.parents[: life.parents.index(managers[0])] if managers else ()
    if all(each.name == life.process for each in between):
        return [Action(STOPS_UNIT, stop)]
    return [_kill(life), Action(f"Stop all of {life.unit}", stop)]


def _kill(life: Life) -> Action:
    return Action(STOPS_PROCESS, f"kill {life.pid}")
