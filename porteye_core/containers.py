"""Containers: their names as the runtime tells them, and as lists show them; pure."""

import re
from dataclasses import dataclass

_HEX_ID = re.compile(r"[0-9a-f]{13,}")
_NAMED_BY_ID = ("lxc", "nspawn")
_POD = " pod:"  # stands before the pod's id in the container of a process


@dataclass(frozen=True, slots=True)
class Container:
    """Container by its runtime and the runtime's id of it; text that is not known is empty.

    published: host ends of its ports, like `0.0.0.0:8080->80/tcp`. addresses: its own in its
    networks. Spaces separate them.
    """

    runtime: str
    runtime_id: str
    container_name: str = ""
    image: str = ""
    compose_project: str = ""
    compose_service: str = ""
    pod: str = ""
    pod_namespace: str = ""
    published: str = ""
    addresses: str = ""

    @classmethod
    def of(cls, text: str) -> "Container":
        """The container that a process names, like `docker:ID pod:UID`; a runtime whose id is a
        name tells that name.

        >>> Container.of("lxc:web").container_name
        'web'
        """
        runtime, runtime_id, _ = parts(text)
        return cls(runtime, runtime_id, runtime_id if runtime in _NAMED_BY_ID else "")

    @property
    def shown(self) -> str:
        """The name in lists, after its pod's if it has one; the short id until it is known.

        >>> Container("docker", "0" * 64, "shop-web-1").shown
        'shop-web-1'
        >>> Container("containerd", "0" * 64, "nginx", pod="web-6f5c").shown
        'web-6f5c/nginx'
        """
        return shown_container(f"{self.runtime}:{self.runtime_id}", self.container_name, self.pod)


def parts(container: str) -> tuple[str, str, str]:
    """Runtime, the runtime's id and the id of the pod, which is empty for none.

    >>> parts("containerd:0123 pod:4567")
    ('containerd', '0123', '4567')
    """
    runtime, _, rest = container.partition(":")
    runtime_id, _, pod = rest.partition(_POD)
    return runtime, runtime_id, pod


def shown_container(container: str, name: str, pod: str) -> str:
    """A container by the name that is known of it, else as `short_container` does; empty for none.

    >>> shown_container("docker:" + "0" * 64, "", "")
    'docker:000000000000'
    """
    if not container:
        return ""
    return "/".join(filter(None, (pod, name))) or short_container(container)


def lasting_container(container: str, image: str = "", project: str = "", service: str = "") -> str:
    """A container without what its next start changes: project and service of compose, else its
    image without tag and digest, else the runtime and, where it is no id, the name.

    >>> lasting_container("docker:" + "0123456789abcdef" * 4), lasting_container("lxc:web")
    ('docker', 'lxc:web')
    >>> lasting_container("docker:x", "ghcr.io:443/shop/web:1.2@sha256:00")
    'ghcr.io:443/shop/web'
    """
    if project and service:
        return f"{project}/{service}"
    if image:
        folder, slash, name = image.partition("@")[0].rpartition("/")
        return f"{folder}{slash}{name.partition(':')[0]}"
    runtime, _, rest = container.partition(":")
    return runtime if _is_id(rest.partition(" ")[0]) else container


def short_container(container: str) -> str:
    """A container as its runtime's own lists show it: an id with its first twelve digits.

    >>> short_container("docker:" + "0123456789abcdef" * 4)
    'docker:0123456789ab'
    """
    runtime, colon, rest = container.partition(":")
    number, space, pod = rest.partition(" ")
    return f"{runtime}{colon}{number[:12] if _is_id(number) else number}{space}{pod}"


def _is_id(text: str) -> bool:
    return _HEX_ID.fullmatch(text) is not None
