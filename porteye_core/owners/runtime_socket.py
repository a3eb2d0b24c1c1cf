"""Names of containers from the API of their runtime on a Unix socket: one GET, with limits of time
and size. The API is Docker's, which Podman has as well."""

import json
import os
import socket
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from porteye_core.containers import Container
from porteye_core.owners.container_files import (
    addresses_of,
    labelled,
    parsed,
    places,
    published_port,
)
from porteye_core.owners.container_names import NoAnswerError
from porteye_core.owners.processes import field

_SECONDS = 5.0
_MAX_ANSWER = 512 * 1024  # bytes; a container takes 2 to 5 KB
_OK = 200


class RuntimeSocket:
    """The API at a Unix socket; seconds: for a whole answer."""

    most_asked = 16

    def __init__(self, path: str, seconds: float = _SECONDS) -> None:
        self._path, self._seconds = path, seconds

    def is_of(self, uid: int) -> bool:
        """See Runtime.is_of."""
        try:
            return os.stat(self._path).st_uid == uid  # noqa: PTH116 - beside the socket's calls
        except OSError:
            return False

    def names(self, containers: Sequence[Container]) -> list[Container]:
        """See Runtime.names."""
        asked = {each.runtime_id: each for each in containers}
        try:
            listed = parsed(self._answer(list(asked)))
        except ValueError as err:
            raise self._refused("its answer is no JSON") from err
        if not isinstance(listed, list):
            raise self._refused("its answer is no list")
        known = (each for each in listed if isinstance(each, dict) and each.get("Id") in asked)
        return [_named(asked[each["Id"]], each) for each in known]

    def _answer(self, ids: Sequence[str]) -> bytes:
        # Its parts take 3 MiB, which a monitor without a socket does without.
        import http.client  # noqa: PLC0415

        filters = quote(json.dumps({"id": ids}))
        connection = http.client.HTTPConnection("localhost")
        connection.sock = _Limited(self._path, self._seconds)
        try:
            connection.sock.dial()
            connection.request("GET", f"/containers/json?filters={filters}")
            answer = connection.getresponse()
            text = answer.read(_MAX_ANSWER + 1)
        except TimeoutError as err:
            raise self._refused(f"no whole answer came within {self._seconds:g} s") from err
        except OSError as err:
            raise self._refused(err.strerror or str(err)) from err
        except http.client.HTTPException as err:
            raise self._refused("its answer is no HTTP") from err
        finally:
            connection.close()
        if answer.status != _OK:
            raise self._refused(f"it answered with the status {answer.status}")
        if len(text) > _MAX_ANSWER:
            raise self._refused("its answer is larger than 512 KiB")
        return text

    def _refused(self, why: str) -> NoAnswerError:
        return NoAnswerError(f"The container runtime at {self._path} cannot be asked: {why}.")


class _Limited(socket.socket):
    """A Unix socket that has so many seconds in all: a byte now and then gives it no more."""

    def __init__(self, path: str, seconds: float) -> None:
        super().__init__(socket.AF_UNIX, socket.SOCK_STREAM)
        self._peer = path
        self._until = time.monotonic() + seconds

    def dial(self) -> None:
        """Connect; raises OSError."""
        self._limit()
        self.connect(self._peer)

    def recv_into(self, *args: Any, **named: Any) -> int:
        """Receive within the time that is left."""
        self._limit()
        return super().recv_into(*args, **named)

    def sendall(self, *args: Any, **named: Any) -> None:
        """Send within the time that is left."""
        self._limit()
        super().sendall(*args, **named)

    def _limit(self) -> None:
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self.settimeout(left)


def _named(container: Container, told: dict[str, Any]) -> Container:
    """The container with what the API tells."""
    names, image = told.get("Names"), told.get("Image")
    name = names[0] if isinstance(names, list) and names and isinstance(names[0], str) else ""
    labels, networks = told.get("Labels"), told.get("NetworkSettings")
    networks = networks.get("Networks") if isinstance(networks, dict) else None
    ports = told.get("Ports")
    published = [
        published_port(*(each.get(part) for part in ("IP", "PublicPort", "PrivatePort", "Type")))
        for each in (ports if isinstance(ports, list) else ())
        if isinstance(each, dict)
    ]
    return labelled(
        replace(
            container,
            container_name=field(name).removeprefix("/"),
            image=field(image) if isinstance(image, str) else "",
            published=places(published),
            addresses=addresses_of(networks) if isinstance(networks, dict) else "",
        ),
        labels if isinstance(labels, dict) else {},
    )
