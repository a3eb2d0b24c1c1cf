"""Names of containers from the files of their runtimes, which are read and never written.

Docker keeps config.v2.json. containerd, CRI-O and Podman keep the config.json of the OCI's runtime
specification, and Podman and CRI-O a list of containers beside it. No runtime promises its format,
and a user's files are a stranger's input: a container whose file cannot be used has no name.
"""

import json
import logging
import os
import pwd
import re
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from porteye_core.containers import Container
from porteye_core.owners.processes import field

log = logging.getLogger("porteye")

# Bytes. Docker's files have 3 to 10 KB, bundles 10 to 40 KB, a list half a KB for each container;
# what is parsed can take ten times as much memory.
_MAX_SIZE = 512 * 1024
_MAX_PLACES = 32  # published ports and addresses of a container
_ID = re.compile(r"[0-9a-f]{12,64}")
_DRIVERS = ("overlay", "vfs", "btrfs", "zfs")
_PROJECT, _SERVICE = "com.docker.compose.project", "com.docker.compose.service"


class Place(NamedTuple):
    """A folder below a base, of which no part may be a link."""

    base: Path
    parts: tuple[str, ...] = ()

    def below(self, *parts: str) -> "Place":
        """The folder or file of this name in it."""
        return Place(self.base, (*self.parts, *parts))


@dataclass(frozen=True, slots=True)
class Places:
    """Folders in which runtimes keep their files.

    docker: has a folder for each container; containerd: one for each namespace, which has one for
    each container; storage: those of containers/storage, for Podman and CRI-O.
    """

    docker: tuple[Place, ...] = ()
    containerd: tuple[Place, ...] = ()
    storage: tuple[Place, ...] = ()


SYSTEM = Places(
    (
        Place(Path("/var/lib/docker/containers")),
        Place(Path("/var/snap/docker/common/var-lib-docker/containers")),
    ),
    (
        Place(Path("/run/containerd/io.containerd.runtime.v2.task")),
        Place(Path("/run/k3s/containerd/io.containerd.runtime.v2.task")),
    ),
    (Place(Path("/var/lib/containers/storage")), Place(Path("/run/containers/storage"))),
)


def of_home(home: Path) -> Places:
    """The places of a user who runs containers without root's rights."""
    data = Place(home, (".local", "share"))
    return Places(
        docker=(data.below("docker", "containers"),),
        storage=(data.below("containers", "storage"),),
    )


def of_user(uid: int) -> "ContainerFiles | None":
    """The reader of the files of a user; None if the system does not know the user."""
    try:
        home = pwd.getpwuid(uid).pw_dir
    except KeyError:
        return None
    return ContainerFiles(of_home(Path(home)))


class _UnusableError(Exception):
    """A file that is there and cannot be used."""


class ContainerFiles:
    """Reader of the files in some places, which logs each kind of trouble once."""

    def __init__(self, places: Places = SYSTEM) -> None:
        self._places = places
        self._said: set[str] = set()

    def read(self, container: Container) -> Container | None:
        """The container with its names; None if no file has any."""
        if not _ID.fullmatch(container.runtime_id):
            return None
        for found in self._found(container):
            if found.container_name or found.pod:
                return found
        return None

    def _found(self, container: Container) -> Iterator[Container]:
        number = container.runtime_id
        for place in self._places.docker:
            yield of_docker(container, self._mapping(place.below(number, "config.v2.json")))
        for place in self._places.containerd:
            for namespace in _names(place):
                bundle = place.below(namespace, number, "config.json")
                yield of_bundle(container, self._mapping(bundle))
        for place in self._places.storage:
            for driver in _DRIVERS:
                folder = place.below(f"{driver}-containers")
                bundle = folder.below(number, "userdata", "config.json")
                found = of_bundle(container, self._mapping(bundle))
                yield of_list(found, self._json(folder.below("containers.json")))

    def _mapping(self, place: Place) -> Mapping[str, Any]:
        found = self._json(place)
        return found if isinstance(found, dict) else {}

    def _json(self, place: Place) -> Any:
        try:
            text = _content(place)
            return None if text is None else parsed(text)
        except _UnusableError as err:
            self._say(place, str(err))
        except ValueError:
            self._say(place, "is no JSON")
        return None

    def _say(self, place: Place, trouble: str) -> None:
        if trouble not in self._said:
            self._said.add(trouble)
            path = field(str(place.base.joinpath(*place.parts)))
            log.warning(
                "%s %s: its container keeps its id. Others like it are not named here.",
                *(path, trouble),
            )


def parsed(text: bytes) -> Any:
    """The value of a JSON text; raises ValueError for one that is none, or too deep."""
    try:
        return json.loads(text)
    except RecursionError as err:
        raise ValueError("too deep") from err


def of_docker(container: Container, state: Mapping[str, Any]) -> Container:
    """The container with what Docker's file of its state tells."""
    if state.get("ID") != container.runtime_id:
        return container
    config, network = _dict(state, "Config"), _dict(state, "NetworkSettings")
    return labelled(
        replace(
            container,
            container_name=_field(state.get("Name")).removeprefix("/"),
            image=_field(config.get("Image")),
            published=places(_published(_dict(network, "Ports"))),
            addresses=addresses_of(_dict(network, "Networks")),
        ),
        _dict(config, "Labels"),
    )


def of_bundle(container: Container, bundle: Mapping[str, Any]) -> Container:
    """The container with what the annotations of an OCI bundle tell."""
    notes = _dict(bundle, "annotations")

    def first(*keys: str) -> str:
        return next(filter(None, (_field(notes.get(key)) for key in keys)), "")

    name = first("io.kubernetes.cri.container-name", "io.kubernetes.container.name", "nerdctl/name")
    if first("io.kubernetes.cri.container-type", "io.kubernetes.cri-o.ContainerType") == "sandbox":
        name = ""  # it holds the pod's namespaces, and has the pod's name alone
    told = replace(
        container,
        container_name=name,
        image=first("io.kubernetes.cri.image-name", "io.kubernetes.cri-o.ImageName"),
        pod=first("io.kubernetes.cri.sandbox-name", "io.kubernetes.pod.name"),
        pod_namespace=first("io.kubernetes.cri.sandbox-namespace", "io.kubernetes.pod.namespace"),
        published=places(_published_by_nerdctl(notes.get("nerdctl/ports"))),
    )
    return labelled(told, notes)


def of_list(container: Container, listed: Any) -> Container:
    """The container with what the list of containers/storage tells, where its bundle does not."""
    for each in listed if isinstance(listed, list) else ():
        if isinstance(each, dict) and each.get("id") == container.runtime_id:
            names = each.get("names")
            name = names[0] if isinstance(names, list) and names else ""
            details = each.get("metadata")
            more: Any = {}
            with suppress(ValueError):
                more = parsed(details.encode()) if isinstance(details, str) else {}
            image = more.get("image-name") if isinstance(more, dict) else ""
            return replace(
                container,
                container_name=container.container_name or ("" if container.pod else _field(name)),
                image=container.image or _field(image),
            )
    return container


def labelled(container: Container, labels: Mapping[str, Any]) -> Container:
    """The container with the project, service and pod that its labels tell."""
    return replace(
        container,
        container_name=_field(labels.get("io.kubernetes.container.name"))
        or container.container_name,
        compose_project=_field(labels.get(_PROJECT)),
        compose_service=_field(labels.get(_SERVICE)),
        pod=container.pod or _field(labels.get("io.kubernetes.pod.name")),
        pod_namespace=container.pod_namespace or _field(labels.get("io.kubernetes.pod.namespace")),
    )


def published_port(host: Any, host_port: Any, port: Any, protocol: Any) -> str:
    """A published port as `docker ps` shows it; empty if a part is none.

    >>> published_port("::", 8080, "80", "tcp")
    '[::]:8080->80/tcp'
    """
    numbers = str(host_port), str(port)
    if not all(each.isascii() and each.isdecimal() and len(each) < 6 for each in numbers):
        return ""
    if protocol not in ("tcp", "udp") or "0" in numbers:
        return ""
    at = _field(host).strip("[]") or "0.0.0.0"  # noqa: S104 - what is published, not bound
    at = f"[{at}]" if ":" in at else at
    return "" if " " in at else f"{at}:{numbers[0]}->{numbers[1]}/{protocol}"


def addresses_of(networks: Mapping[str, Any]) -> str:
    """The addresses of a container in Docker's networks."""
    found = (
        _field(each.get(name))
        for each in networks.values()
        if isinstance(each, dict)
        for name in ("IPAddress", "GlobalIPv6Address")
    )
    return places(each for each in found if " " not in each)


def _published(ports: Mapping[str, Any]) -> Iterator[str]:
    for name, hosts in ports.items():
        port, _, protocol = name.partition("/")
        for each in hosts if isinstance(hosts, list) else ():
            if isinstance(each, dict):
                yield published_port(each.get("HostIp"), each.get("HostPort"), port, protocol)


def _published_by_nerdctl(text: Any) -> Iterator[str]:
    ports: Any = None
    with suppress(ValueError):
        ports = parsed(text.encode()) if isinstance(text, str) else None
    for each in ports if isinstance(ports, list) else ():
        if isinstance(each, dict):
            inner = each.get("ContainerPort"), each.get("Protocol")
            yield published_port(each.get("HostIP"), each.get("HostPort"), *inner)


def places(words: Iterable[str]) -> str:
    """The first of these words, each once, separated by spaces."""
    return " ".join(list(dict.fromkeys(filter(None, words)))[:_MAX_PLACES])


def _dict(of: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = of.get(name)
    return found if isinstance(found, dict) else {}


def _field(value: Any) -> str:
    return field(value) if isinstance(value, str) else ""


def _names(place: Place) -> Sequence[str]:
    """The names in a folder; none if it cannot be read."""
    try:
        fd = _opened(place)
    except (OSError, ValueError):
        return ()
    try:
        return sorted(os.listdir(f"/proc/self/fd/{fd}"))[:_MAX_PLACES]  # noqa: PTH208 - a descriptor
    except OSError:
        return ()
    finally:
        os.close(fd)


def _content(place: Place) -> bytes | None:
    """The bytes of a file, None if there is none or this user may not read it."""
    try:
        fd = _opened(place)
    except (OSError, ValueError):
        return None
    try:
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode):  # a link or FIFO: to open it could hang
            raise _UnusableError("is no plain file")
        # A descriptor of a path alone, opened anew: what it names cannot be exchanged meanwhile.
        with open(f"/proc/self/fd/{fd}", "rb") as file:  # noqa: PTH123 - a descriptor
            text = file.read(_MAX_SIZE + 1)
    except OSError:
        return None
    finally:
        os.close(fd)
    if len(text) > _MAX_SIZE:
        raise _UnusableError("is larger than 512 KiB")
    return text


def _opened(place: Place) -> int:
    """Descriptor of the path of a file or folder; no part below the base is followed as a link."""
    fd = os.open(place.base, os.O_PATH | os.O_CLOEXEC)
    for part in place.parts:
        above = fd
        try:
            fd = os.open(part, os.O_PATH | os.O_CLOEXEC | os.O_NOFOLLOW, dir_fd=above)
        finally:
            os.close(above)
    return fd
