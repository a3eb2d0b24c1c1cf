"""Published ports: one service with two ends, a socket of the host's and one of a container's.

A helper of the runtime has the host's end (see HELPERS). The container's end is the program's own
socket in another network namespace. Two ends are one service only where exactly one container can
be meant.
"""

import re
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from porteye_core.exposure import Namespace
from porteye_core.store import engine
from porteye_core.store.reading.listener_rows import Question, from_tables, select_columns

HELPERS = (
    *("docker-proxy", "dockerd", "rootlesskit", "conmon", "rootlessport", "rootlessport-child"),
    *("slirp4netns", "pasta", "pasta.avx2"),
)
"""Names of programs that hold the host's end of a published port."""
_PROXY_WORD = re.compile(r"-(proto|container-ip|container-port) (\S+)")
_CONMON_ID = re.compile(r" (?:-c|--cid)[ =]([0-9a-f]{64})\b")
_PUBLISHED = re.compile(r"(?:\[[^]]*\]|[^\s:]*):(\d+)->(\d+)/(tcp|udp)")
_COLUMNS = (
    *("id", "protocol", "port", "address", "netns", "namespace", "closed_at", "process", "cmdline"),
    *("container", "published", "addresses"),
)

Row = Mapping[Any, Any]

# The plus keeps SQLite off the rowid: it would read every listener that ever was.
OPEN_ENDS = Question(
    f"SELECT {select_columns(*_COLUMNS)} FROM {from_tables()} WHERE l.closed_at IS NULL AND"
    f" (g.name IN ({', '.join('?' * len(HELPERS))})"
    " OR (p.container != '' AND l.netns != h.netns)) ORDER BY +l.id",
    HELPERS,
)


class Port(NamedTuple):
    """A protocol and a port."""

    protocol: str
    number: int


@dataclass(frozen=True, slots=True)
class Published:
    """The ends of published ports, by the ids of listeners: of each host's end the container's, and
    of each container's end all of the host's."""

    leads_to: Mapping[int, int]
    published_by: Mapping[int, Sequence[int]]


def published(connection: engine.Connection) -> Published:
    """The ends of the published ports that are open."""
    return published_of(connection.execute(*OPEN_ENDS).fetchall())


def published_of(rows: Sequence[Row]) -> Published:
    """The ends of published ports among the sockets of one host, which have these columns."""
    leads_to, published_by = dict[int, int](), dict[int, list[int]]()
    for host, inside in ends(rows).items():
        leads_to[rows[host]["id"]] = rows[inside[0]]["id"]
        for each in inside:
            published_by.setdefault(rows[each]["id"], []).append(rows[host]["id"])
    return Published(leads_to, published_by)


def ends(rows: Sequence[Row]) -> dict[int, list[int]]:
    """By the place of a host's end in these rows, the places of the container's."""
    helpers = [at for at, row in enumerate(rows) if _is_host_end(row)]
    if not helpers:
        return {}
    inside = _Inside(rows)
    proxied = dict[Port, set[str]]()  # the addresses that proxies lead to on a port
    for at in helpers:
        if to := _of_proxy(rows[at]):
            proxied.setdefault(to[0], set()).add(to[1])
    found = dict[int, list[int]]()
    for at in helpers:
        places = _container_end(rows[at], inside, proxied)
        if places:
            found[at] = places
    return found


class _Inside:
    """The sockets of containers in network namespaces of their own."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self._rows = rows
        self._places = dict[Port, dict[Hashable, list[int]]]()
        self._of_container = dict[str, set[tuple[Port, Hashable]]]()
        self._published = dict[Port, set[tuple[Port, Hashable]]]()
        for at, row in enumerate(rows):
            if not _is_inside(row):
                continue
            port, netns = _port(row), row["netns"]
            self._places.setdefault(port, {}).setdefault(netns, []).append(at)
            number = _number(row["container"])
            self._of_container.setdefault(number, set()).add((port, netns))
            for host, inner in _published(row):
                self._published.setdefault(host, set()).add((inner, netns))

    def at(self, port: Port, netns: Hashable) -> list[int]:
        """The sockets on a port of a namespace."""
        return self._places.get(port, {}).get(netns, [])

    def having(self, port: Port, address: str) -> list[Hashable]:
        """The namespaces with a socket on a port: those of this address, else all."""
        found = self._places.get(port, {})
        known = [
            netns
            for netns, places in found.items()
            if any(address in _words(self._rows[at]["addresses"]) for at in places)
        ]
        return known or list(found)

    def knows(self, address: str, port: Port) -> bool:
        """Tell that a container with this address has a socket on a port."""
        return any(
            address in _words(self._rows[at]["addresses"])
            for places in self._places.get(port, {}).values()
            for at in places
        )

    def behind(self, host: Port) -> list[list[int]]:
        """The sockets of each container that published them on a port of the host's."""
        found = (self.at(*end) for end in self._published.get(host, ()))
        return [each for each in found if each]

    def of_container(self, number: str) -> list[list[int]]:
        """The sockets of a container on each of its ports."""
        return [self.at(*end) for end in self._of_container.get(number, ())]


def _container_end(row: Row, inside: _Inside, proxied: Mapping[Port, Iterable[str]]) -> list[int]:
    """The places of the only container's sockets that a host's end can lead to; else none."""
    if to := _of_proxy(row):
        port, address = to
        namespaces = inside.having(port, address)
        is_sure = inside.knows(address, port) or len(set(proxied[port])) == 1
        return inside.at(port, namespaces[0]) if is_sure and len(namespaces) == 1 else []
    found = inside.behind(_port(row))
    if not found and (number := _CONMON_ID.search(_text(row["cmdline"]))):
        found = inside.of_container(number[1])
    return found[0] if len(found) == 1 else []


def _is_host_end(row: Row) -> bool:
    return (
        row["namespace"] == Namespace.OWN
        and not _text(row["container"])
        and _text(row["process"]) in HELPERS
        and not _is_closed(row)
    )


def _is_inside(row: Row) -> bool:
    is_container = bool(_text(row["container"]))
    return is_container and row["namespace"] == Namespace.OTHER and not _is_closed(row)


def _is_closed(row: Row) -> bool:
    return row["closed_at"] is not None and row["closed_at"] == row["closed_at"]  # no NaT


def _port(row: Row) -> Port:
    return Port(str(row["protocol"]), int(row["port"]))


def _of_proxy(row: Row) -> tuple[Port, str] | None:
    """The port and address of a container that a docker-proxy leads to."""
    words = dict(_PROXY_WORD.findall(_text(row["cmdline"])))
    port = words.get("container-port", "")
    if len(words) < 3 or not port.isdecimal():
        return None
    return Port(words["proto"], int(port)), words["container-ip"]


def _published(row: Row) -> Iterator[tuple[Port, Port]]:
    for host, inner, protocol in _PUBLISHED.findall(_text(row["published"])):
        yield Port(protocol, int(host)), Port(protocol, int(inner))


def _number(container: Any) -> str:
    return _text(container).partition(":")[2].partition(" ")[0]


def _words(text: Any) -> list[str]:
    return _text(text).split()


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
