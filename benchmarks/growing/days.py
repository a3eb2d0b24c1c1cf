"""What a monitor would see in simulated days: 200 listeners that stay, and others that pass."""

import random
from collections.abc import Iterator
from dataclasses import dataclass

from porteye_core.model import (
    Endpoint,
    Family,
    Owned,
    Process,
    ProcessKey,
    Program,
    Protocol,
    Sample,
    Socket,
)

SECOND, DAY = 1_000_000, 86_400_000_000
BEAT = 10 * SECOND
BEGUN = 1_700_000_000 * SECOND
# How many of the listeners change at what share of the beats: idle, now and then, busy.
MIX = ((0.65, 0.0), (0.25, 0.1), (0.1, 0.6))
_PROGRAMS = 40  # of what passes: the same test runs and servers come again
_EPHEMERAL = 32_768, 60_999


@dataclass(slots=True)
class Use:
    """A listener's use, which moves at a share of the beats."""

    changes: float
    cpu: int = 0
    rss: int = 64 << 20
    clients: int = 0

    def beat(self, draws: random.Random) -> None:
        """Move, or do not."""
        if draws.random() < self.changes:
            self.cpu = draws.randrange(0, 4000)
            self.rss = round(self.rss * draws.uniform(0.95, 1.05))
            self.clients = draws.randrange(0, 30)

    def sample(self, listener: int) -> Sample:
        """As the monitor measures it."""
        return Sample(listener, self.cpu, self.rss, self.clients, 0, 128)


def uses(listeners: int) -> list[Use]:
    """So many listeners of the mix."""
    found = [Use(changes) for share, changes in MIX for _ in range(round(share * listeners))]
    return (found + [Use(0.0)] * listeners)[:listeners]


def standing(number: int) -> Owned:
    """One of those that stay."""
    line = f"/srv/service-{number}/bin/server --config /etc/service-{number}.toml"
    return _owned(number, 7000 + number, Program("server", line.split(maxsplit=1)[0], "svc", line))


def passing(number: int, draws: random.Random) -> Owned:
    """One of those that open and close, each by a process of its own."""
    which = draws.randrange(_PROGRAMS)
    line = f"python3 -m pytest tests/test_case_{which}.py -q"
    return _owned(
        10_000 + number,
        draws.randint(*_EPHEMERAL),
        Program("python3", "/usr/bin/python3", "dev", line),
    )


def _owned(number: int, port: int, program: Program) -> Owned:
    endpoint = Endpoint(Protocol.TCP, Family.IPV4, "127.0.0.1", port, 1)
    owner = Process(ProcessKey(number, BEGUN + number), program)
    return Owned(Socket(endpoint, inode=number, pid=number, fd=3), owner, (owner,))


def beats(days: float) -> Iterator[int]:
    """The times of the sampling beats."""
    return iter(range(BEGUN + BEAT, BEGUN + round(days * DAY) + 1, BEAT))
