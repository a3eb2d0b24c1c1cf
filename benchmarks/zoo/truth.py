"""Open listeners as ss and ps print them."""

import re
import subprocess
from collections.abc import Collection, Mapping
from typing import NamedTuple

import psutil

from benchmarks.zoo.sockets import Endpoint, Holder, Open

SS = ("ss", "-tulnpeH")
_LONGEST = 300.0  # seconds: ss reads every descriptor of the machine, which may have millions
_HOLDER = re.compile(r'\("(?P<name>[^"]*)",pid=(?P<pid>\d+),fd=\d+\)')


class Row(NamedTuple):
    """One line of ss; holders: names by pid."""

    endpoint: Endpoint
    inode: int
    uid: int
    holders: Mapping[int, str]


class Described(NamedTuple):
    """A process as ps prints it."""

    user: str
    args: str


def open_listeners() -> list[Open]:
    """Every open listener of this network namespace."""
    rows = [row_of(line) for line in _output(*SS).splitlines()]
    described = processes({pid for row in rows for pid in row.holders})
    return [_listener(row, described) for row in rows]


def row_of(line: str) -> Row:
    """One line of `ss -tulnpeH`, whose fields after the first six have names."""
    protocol, _, _, _, local, _, rest = line.split(maxsplit=6)
    address, _, port = local.rpartition(":")
    address = re.sub(r"%[^\]]*", "", address).strip("[]").replace("*", "::")
    holders = {int(found["pid"]): found["name"] for found in _HOLDER.finditer(rest)}
    uid = re.search(r"\buid:(\d+)", rest)  # left out for root
    inode = re.search(r"\bino:(\d+)", rest)
    assert inode, line
    endpoint = Endpoint(protocol, address, int(port))
    return Row(endpoint, int(inode[1]), int(uid[1]) if uid else 0, holders)


def processes(pids: Collection[int]) -> dict[int, Described]:
    """The processes of these pids that live; a zombie, which has nothing open, does not."""
    if not pids:
        return {}
    columns = ("-o", "pid=", "-o", "stat=", "-o", "euser:32=", "-o", "args=")
    output = _output("ps", "-ww", *columns, "-p", ",".join(map(str, sorted(pids))))
    found = {}
    for line in output.splitlines():
        pid, state, user, args = [*line.split(maxsplit=3), ""][:4]
        if not state.startswith("Z"):
            found[int(pid)] = Described(user, " ".join(args.split()))
    return found


def _listener(row: Row, described: Mapping[int, Described]) -> Open:
    holders = {
        pid: Holder(pid, name, *described[pid])
        for pid, name in row.holders.items()
        if pid in described
    }
    oldest = min(holders, key=_age, default=None)
    owner = None if oldest is None else holders[oldest]
    return Open(row.endpoint, row.inode, row.uid, owner, frozenset(holders.values()))


def _age(pid: int) -> tuple[float, int]:
    try:
        return psutil.Process(pid).create_time(), pid
    except psutil.NoSuchProcess:
        return float("inf"), pid


def _output(*command: str) -> str:
    # ps ends with 1 where none of the processes is left.
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_LONGEST)
    if done.stderr:
        raise RuntimeError(f"{command[0]} failed: {done.stderr.strip()}")
    return done.stdout
