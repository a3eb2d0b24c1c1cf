"""Values for tests of the pure rooms and the store."""

from collections.abc import Iterable

from porteye_core.model import (
    AttributedSocket,
    Endpoint,
    Family,
    Listener,
    Process,
    ProcessKey,
    Program,
    Protocol,
    Socket,
)
from porteye_core.store.tables.host_row import Host, machine_id

HOST = Host("here", machine_id(), "Linux", 8_000_000_000)
SECOND = 1_000_000


def endpoint(port: int = 80, protocol: str = "tcp", address: str = "127.0.0.1") -> Endpoint:
    family = Family.IPV6 if ":" in address else Family.IPV4
    return Endpoint(Protocol(protocol), family, address, port)


def process(pid: int = 10, started_at: int = 5, name: str = "nginx", cmdline: str = "") -> Process:
    return Process(
        ProcessKey(pid, started_at),
        Program(name, f"/usr/bin/{name}", "www", cmdline or f"{name} -g daemon"),
    )


def owned(
    at: Endpoint | None = None,
    owner: Process | None = None,
    *,
    inode: int | None = None,
    fd: int | None = None,
    holders: tuple[Process, ...] = (),
) -> AttributedSocket:
    where = at or endpoint()
    socket = Socket(where, inode, owner.key.pid if owner else None, fd)
    return AttributedSocket(socket, owner, holders or ((owner,) if owner else ()))


def listener(number: int, seen: AttributedSocket, opened_at: int = 0) -> Listener:
    return Listener(
        number,
        seen.socket.endpoint,
        opened_at,
        seen.socket.inode,
        seen.socket.fd,
        seen.key,
        frozenset(holder.key for holder in seen.holders),
    )


def by_id(listeners: Iterable[Listener]) -> dict[int, Listener]:
    return {each.id: each for each in listeners}
