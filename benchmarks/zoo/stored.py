"""Open listeners and lives as PortEye has stored them."""

import shlex
from pathlib import Path
from typing import NamedTuple

from benchmarks.zoo.sockets import Endpoint, Holder, Open, kernel_name
from porteye_core.store.file.connection import open_connection

# A listener whose namespace is not known belongs here by its port.
_HERE = "(netns = :netns OR netns IS NULL AND port BETWEEN :first AND :last)"
_PROGRAM = "p.pid, g.name, g.user, g.cmdline"
_OPEN = f"""
SELECT l.id, protocol, address, port, inode, uid, {_PROGRAM}
FROM listener l
LEFT JOIN process p ON p.id = l.process_id LEFT JOIN program g ON g.id = l.program_id
WHERE closed_at IS NULL AND {_HERE}
"""
_HELD = f"""
SELECT {_PROGRAM}
FROM holder h JOIN process p ON p.id = h.process_id JOIN program g ON g.id = p.program_id
WHERE h.listener_id = ?
"""
_LIVES = f"""
SELECT id, protocol, address, port, inode, closed_at IS NOT NULL,
    (SELECT group_concat(kind) FROM
        (SELECT kind FROM event WHERE listener_id = listener.id ORDER BY id))
FROM listener WHERE id > :after AND {_HERE} ORDER BY id
"""


class Life(NamedTuple):
    """One stored life; events: their kinds in the order in which they were stored."""

    endpoint: Endpoint
    inode: int | None
    closed: bool
    events: str


class Stored:
    """The database of a monitor, as far as it is about one network namespace."""

    def __init__(self, db: Path, netns: int, ports: range) -> None:
        self._db = db
        self._here = {"netns": netns, "first": ports[0], "last": ports[-1]}

    def open_listeners(self) -> list[Open]:
        """The open listeners, with their holders."""
        with open_connection(self._db) as reader:
            rows = [tuple(row) for row in reader.execute(_OPEN, self._here)]
            held = {row[0]: reader.execute(_HELD, (row[0],)).fetchall() for row in rows}
        return [
            Open(
                Endpoint(protocol, address, port),
                inode,
                uid,
                None if owner[0] is None else _holder(*owner),
                frozenset(_holder(*each) for each in held[number]),
            )
            for number, protocol, address, port, inode, uid, *owner in rows
        ]

    def lives(self, after: int) -> list[Life]:
        """The lives that were stored after the one of this number."""
        with open_connection(self._db) as reader:
            rows = reader.execute(_LIVES, {**self._here, "after": after})
            return [
                Life(Endpoint(protocol, address, port), inode, bool(closed), events or "none")
                for _, protocol, address, port, inode, closed, events in rows
            ]

    def newest(self) -> int:
        """The number of the newest life."""
        with open_connection(self._db) as reader:
            ((number,),) = reader.execute("SELECT coalesce(max(id), 0) FROM listener")
        return int(number)


def _holder(pid: int, name: str, user: str, cmdline: str) -> Holder:
    return Holder(pid, kernel_name(name), user, _args(cmdline))


def _args(cmdline: str) -> str:
    """A command line as ps prints it, without the quotes of a shell."""
    return " ".join(" ".join(shlex.split(cmdline)).split())
