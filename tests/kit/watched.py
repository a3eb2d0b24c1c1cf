"""A real monitor that stays while many shapes of processes come and go, and what it has stored."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.kit.opener import Opener
from tests.kit.rights import root
from tests.kit.service import monitor, rows
from tests.kit.tracing import needs_tracing
from tests.kit.waiting import until

KERNEL_SOURCES = [
    pytest.param("tracepoint", marks=needs_tracing),
    pytest.param("sock_diag", marks=root),
]
ROOTS_SOURCES = [*KERNEL_SOURCES, pytest.param("portable", marks=root)]

_LIVES = """SELECT l.id, p.pid, l.closed_at IS NULL, g.name, g.user, g.cmdline, p.cwd, l.netns,
    l.user, l.hidden, l.holders_gone FROM listener l LEFT JOIN process p ON p.id = l.process_id
    LEFT JOIN program g ON g.id = l.program_id WHERE address = ? AND port = ? AND protocol = ?
    ORDER BY l.id"""
_FORMER = """SELECT f.until, p.pid, g.name, g.user, g.cmdline, f.cwd FROM former f
    LEFT JOIN process p ON p.id = f.process_id LEFT JOIN program g ON g.id = f.program_id
    WHERE f.listener_id = ? ORDER BY f.until"""


class Life(NamedTuple):
    """A listener as it is stored: `socket_user` is the socket's own, `user` the program's."""

    id: int
    pid: int | None
    is_open: int
    name: str | None
    user: str | None
    cmdline: str | None
    cwd: str | None
    netns: int | None
    socket_user: str
    hidden: str | None
    holders_gone: int


class Former(NamedTuple):
    """A description of an owner that held until a time."""

    until: int
    pid: int | None
    name: str | None
    user: str | None
    cmdline: str | None
    cwd: str


@dataclass(frozen=True)
class Watched:
    """The database of a monitor that runs."""

    db: Path
    source: str

    def lives(self, opener: Opener, port: int, protocol: str = "tcp") -> list[Life]:
        """Every life at this port of an opener's own address, the oldest first."""
        stored = rows(self.db, _LIVES, opener.address, port, protocol)
        return [Life(*row) for row in stored]  # type: ignore[arg-type]

    def once(
        self,
        opener: Opener,
        port: int,
        wanted: Callable[[Life], bool] = lambda _: True,
        protocol: str = "tcp",
    ) -> Life:
        """The latest life, once it is as it is wanted."""

        def latest() -> list[Life]:
            return [each for each in self.lives(opener, port, protocol)[-1:] if wanted(each)]

        return until(latest, f"{protocol} {port} is stored as it shall be")[0]

    def former(self, life: Life) -> list[Former]:
        return [Former(*row) for row in rows(self.db, _FORMER, life.id)]  # type: ignore[arg-type]

    def holders(self, life: Life) -> set[int]:
        """The pids of the processes that hold it."""
        statement = """SELECT pid FROM holder h JOIN process p ON p.id = h.process_id
            WHERE listener_id = ?"""
        return {int(str(pid)) for (pid,) in rows(self.db, statement, life.id)}

    def events(self, opener: Opener, port: int, protocol: str = "tcp") -> list[tuple[str, str]]:
        """The kinds of the events, and how exact each is, in the order of time."""
        statement = """SELECT kind, seen FROM event e JOIN listener l ON l.id = e.listener_id
            WHERE l.address = ? AND l.port = ? AND protocol = ? ORDER BY at, e.id"""
        stored = rows(self.db, statement, opener.address, port, protocol)
        return [(str(kind), str(seen)) for kind, seen in stored]

    def kinds(self, opener: Opener, port: int, protocol: str = "tcp") -> list[str]:
        """The kinds of the events, in the order of time."""
        return [kind for kind, _ in self.events(opener, port, protocol)]

    def ticks(self, since: int = 0, before: int = 1 << 62) -> int:
        """The number of ticks after one moment and before another."""
        statement = "SELECT count(*) FROM tick WHERE at > ? AND at < ? AND size IS NOT NULL"
        ((count,),) = rows(self.db, statement, since, before)
        assert isinstance(count, int)
        return count

    def pass_two_ticks(self) -> None:
        """Wait until the monitor has scanned every namespace twice, and searched for owners."""
        begun = self.ticks()
        # The tick under way may have begun before whatever shall be seen.
        until(lambda: self.ticks() > begun + 2, "two whole ticks pass")


@contextmanager
def watching(folder: Path, source: str, *, tick: float = 0.3) -> Iterator[Watched]:
    """A monitor that scans five times a second; `tick`: seconds between samples, at which it
    searches the other namespaces, too, and for holders and descriptions that have changed."""
    db = folder / "porteye.db"
    flags = ("--source", source, "--sample-interval", f"{tick}", "--log-level", "warning")
    with monitor(db, *flags):
        yield Watched(db, source)
