"""A container of root beside a load: what it opens and closes, and what PortEye stored of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from benchmarks.load.worker import Worker, worker
from benchmarks.service import Service

_NAME = "root-container"
# No load uses it: a life at this address is the container's, whatever else is stored wrongly.
_ADDRESS = "127.99.99.99"
_FIRST_PORT = 20_000

# Microseconds: the records' clock is converted to the wall's, which is exact to less than this.
_CLOCKS_DIFFER = 1000
# "Within one interval" is said of what a scan found that came at most so late.
_LATEST_POLL = 3_000_000

_LIVES = """
SELECT l.opened_at, l.opened_seen, l.closed_at, l.closed_seen, l.netns, p.pid, g.name, g.user,
    (SELECT group_concat(kind) FROM
        (SELECT kind FROM event WHERE listener_id = l.id ORDER BY id))
FROM listener l
LEFT JOIN process p ON p.id = l.process_id LEFT JOIN program g ON g.id = l.program_id
WHERE l.address = ? AND l.protocol = ? AND l.port = ?
"""


@dataclass(frozen=True, slots=True)
class Moment:
    """The times immediately before and after a call; microseconds since the epoch."""

    before: int
    after: int

    def differs(self, at: int | None, seen: str | None, poll_us: int) -> str:
        """Say how a stored time contradicts this one, given what its mark promises; else empty."""
        if at is None or seen is None:
            return "not stored"
        latest = {"kernel": _CLOCKS_DIFFER, "poll": poll_us}
        if at < self.before - _CLOCKS_DIFFER:
            return f"{(self.before - at) / 1e6:.3f} s too early, {seen}"
        if seen in latest and at > self.after + latest[seen]:
            return f"{(at - self.after) / 1e6:.3f} s too late, {seen}"
        return ""


@dataclass(slots=True)
class Life:
    """One socket of the container."""

    protocol: str
    port: int
    opened: Moment
    closed: Moment | None = None


@dataclass(frozen=True, slots=True)
class Stored:
    """A row of the database about one of the container's sockets."""

    opened_at: int
    opened_seen: str
    closed_at: int | None
    closed_seen: str | None
    netns: int | None
    pid: int | None
    name: str | None
    user: str | None
    events: str | None


class Container:
    """A process of root, alone in its network namespace."""

    def __init__(self, running: Worker) -> None:
        self._worker = running
        self._netns = running.answer()["netns"]
        self._ports = iter(range(_FIRST_PORT, 1 << 16))
        self.lives: list[Life] = []

    def open(self, protocol: str) -> Life:
        """Open a socket at a port that it never had."""
        port = next(self._ports)
        life = Life(protocol, port, self._do("open", protocol, port))
        self.lives.append(life)
        return life

    def close(self, life: Life) -> None:
        """Close it."""
        life.closed = self._do("close", life.protocol, life.port)

    def _do(self, what: str, protocol: str, port: int) -> Moment:
        self._worker.tell(f"{what} {protocol} {port}")
        return Moment(**self._worker.answer())

    def is_stored(self, service: Service, life: Life) -> bool:
        """Tell that its opening is stored, and its closing if it has closed."""
        stored = _stored(service, life)
        return bool(stored) and (not life.closed or all(each.closed_at for each in stored))

    def marks(self, service: Service) -> str:
        """The exactness with which the openings and closings are stored."""
        stored = [each for life in self.lives for each in _stored(service, life)]
        marks = [each.opened_seen for each in stored]
        marks += [each.closed_seen for each in stored if each.closed_seen]
        return ", ".join(f"{marks.count(mark)} {mark}" for mark in sorted(set(marks)))

    def faults(self, service: Service) -> list[str]:
        """One line for each difference between what is stored and what is true."""
        return [
            f"{life.protocol} port {life.port}: {fault}"
            for life in self.lives
            for fault in self._faults(_stored(service, life), life)
        ]

    def _faults(self, stored: list[Stored], life: Life) -> Iterator[str]:
        if len(stored) != 1:
            yield f"{len(stored)} lives are stored, right: 1"
            return
        (found,) = stored
        right = (self._worker.pid, _NAME, "root", self._netns)
        if (owner := (found.pid, found.name, found.user, found.netns)) != right:
            yield f"pid, name, user and namespace are {owner}, right: {right}"
        if differs := life.opened.differs(found.opened_at, found.opened_seen, _LATEST_POLL):
            yield f"its opening is {differs}"
        if life.closed:
            if differs := life.closed.differs(found.closed_at, found.closed_seen, _LATEST_POLL):
                yield f"its closing is {differs}"
            if found.events != "opened,closed":
                yield f"its events are {found.events}"


def _stored(service: Service, life: Life) -> list[Stored]:
    rows = service.rows(_LIVES, _ADDRESS, life.protocol, life.port)
    return [Stored(*row) for row in rows]


@contextmanager
def container() -> Iterator[Container]:
    """A container that has ended when the block ends."""
    with worker("load.container_process", _NAME, _ADDRESS) as running:
        yield Container(running)
