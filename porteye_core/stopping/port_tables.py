"""The sockets that listen on a port in the network namespace of one process.

The tables are opened while the process lives, and can be read when it has ended: each keeps its
namespace. Format: Documentation/networking/proc_net_tcp.rst in the Linux sources.
"""

import re
from collections.abc import Iterable
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from porteye_core.model import Protocol
from porteye_core.owners.fd_holders import Deadline, Walk
from porteye_core.owners.linux_processes import stat
from porteye_core.system.plain_text import clean

_STATES = {Protocol.TCP: b"0A", Protocol.UDP: b"07"}
_SEARCH = 1.0  # seconds for the holders of a socket among all processes
_MAX_HOLDERS = 3  # that are named


class PortTables:
    """Context manager of the tables for one protocol and port, of IPv4 and IPv6."""

    def __init__(self, pid: int, protocol: Protocol, port: int) -> None:
        self._stack = ExitStack()
        self._tables: list[BinaryIO] = []
        for name in (protocol.value, f"{protocol.value}6"):
            with suppress(OSError):  # a kernel without IPv6, or a process that has ended
                table = Path(f"/proc/{pid}/net/{name}").open("rb")  # noqa: SIM115 - closed by the stack
                self._tables.append(self._stack.enter_context(table))
        state = _STATES[protocol].decode()
        line = rf"^ *\d+: [0-9A-F]+:{port:04X} [0-9A-F]+:0000 {state} \S+ \S+ \S+ +\d+ +\d+ (\d+)"
        self._line = re.compile(line.encode(), re.MULTILINE)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def inodes(self) -> frozenset[int]:
        """The sockets that listen there now, by inode."""
        found: set[int] = set()
        for table in self._tables:
            table.seek(0)
            found |= {int(inode) for inode in self._line.findall(table.read())}
        return frozenset(found)


def holds(pid: int, inode: int) -> bool | None:
    """Tell that a process has a socket open; None if that cannot be read."""
    try:
        next(Path(f"/proc/{pid}/fd").iterdir(), None)
    except FileNotFoundError:
        return False
    except OSError:
        return None
    walk = Walk({inode: None}, among=[pid])
    walk.advance(Deadline(_SEARCH))
    if inode in walk.found:
        return True
    return False if walk.is_done else None


def holders(inodes: Iterable[int]) -> tuple[str, ...]:
    """The processes that hold sockets, in short; those that this user may see."""
    walk = Walk(dict.fromkeys(inodes))
    walk.advance(Deadline(_SEARCH))
    pids = dict.fromkeys(each.pid for inode in walk.found for each in walk.holders(inode))
    named = [(pid, found) for pid in pids if (found := stat(pid))]
    return tuple(f"{clean(found.name)} (pid {pid})" for pid, found in named[:_MAX_HOLDERS])
