"""Open listeners and lives as PortEye's readers show them."""

import shlex
from pathlib import Path
from typing import NamedTuple

from benchmarks.zoo import truth
from benchmarks.zoo.sockets import Endpoint, Holder, Open, kernel_name
from porteye_core.store import story
from porteye_core.store.reader import open_reader

# A listener whose namespace is not known belongs here by its port.
_HERE = "(netns = :netns OR netns IS NULL AND port BETWEEN :first AND :last)"
_OPEN = f"""
SELECT id, protocol, address, port, inode, uid FROM listener WHERE closed_at IS NULL AND {_HERE}
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
        """What is open, each with those holders that still live."""
        with open_reader(self._db) as reader:
            rows = [tuple(row) for row in reader.execute(_OPEN, self._here)]
            lives = {row[0]: story.life(reader, row[0]) for row in rows}
            held = {row[0]: story.holders(reader, row[0]) for row in rows}
        living = truth.processes({each.pid for holders in held.values() for each in holders})
        return [
            Open(
                Endpoint(protocol, address, port),
                inode,
                uid,
                _owner(lives[number]),
                frozenset(_holder(each) for each in held[number] if each.pid in living),
            )
            for number, protocol, address, port, inode, uid in rows
        ]

    def lives(self, after: int) -> list[Life]:
        """The lives that were stored after the one of this number."""
        with open_reader(self._db) as reader:
            rows = reader.execute(_LIVES, {**self._here, "after": after})
            return [
                Life(Endpoint(protocol, address, port), inode, bool(closed), events or "none")
                for _, protocol, address, port, inode, closed, events in rows
            ]

    def newest(self) -> int:
        """The number of the newest life."""
        with open_reader(self._db) as reader:
            ((number,),) = reader.execute("SELECT coalesce(max(id), 0) FROM listener")
        return int(number)


def _owner(life: story.Life | None) -> Holder | None:
    if life is None or life.pid is None:
        return None
    return Holder(life.pid, kernel_name(life.process), life.user, _args(life.cmdline))


def _holder(held: story.Held) -> Holder:
    return Holder(held.pid, kernel_name(held.process), held.user, _args(held.cmdline))


def _args(cmdline: str) -> str:
    """A command line as ps prints it, without the quotes of a shell."""
    return " ".join(" ".join(shlex.split(cmdline)).split())
