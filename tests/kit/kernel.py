"""A model of a kernel: tasks, listening sockets, records of openings and closings, dumps.

It never waits, and its clock goes on only when something happens, so that a scenario of it is the
same every time.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace

from porteye_core.model import (
    AttributedSocket,
    Endpoint,
    Hidden,
    KernelEvent,
    Kind,
    Process,
    Protocol,
    Socket,
)
from tests.kit.values import process

OWN, CONTAINER, POD = 1, 2, 3  # network namespaces; the monitor lives in the first
_STEP = 10_000  # microseconds between two things that happen
_EPHEMERAL = range(40_000, 40_100)


@dataclass(frozen=True)
class Task:
    """A process; two with one pid differ in their start."""

    number: int  # the order of starts
    described: Process


@dataclass(eq=False)
class KernelSocket:
    """One listening socket, from its opening to its closing."""

    endpoint: Endpoint
    inode: int
    skaddr: int
    opened_at: int
    holders: set[Task]
    closed_at: int | None = None
    was_handed_on: bool = False

    @property
    def is_open(self) -> bool:
        return self.closed_at is None

    @property
    def is_bound(self) -> bool:
        """Tell that a program chose the port."""
        return self.endpoint.port not in _EPHEMERAL

    @property
    def row(self) -> Socket:
        """The socket in a dump."""
        return Socket(self.endpoint, self.inode, cookie=self.inode)


@dataclass
class Kernel:
    """The state of the machine, and what it has announced that nobody has read yet.

    is_traced: it records the openings and closings of TCP listeners, without their namespaces.
    Whatever listens closes with an announcement in the monitor's own namespace, late or at once.
    """

    is_traced: bool
    now: int = 1_000_000
    namespace_of: dict[Task, int] = field(default_factory=dict)
    sockets: list[KernelSocket] = field(default_factory=list)
    lost: int = 0
    _blurred: set[tuple[Protocol, int]] = field(default_factory=set)
    _records: list[KernelEvent] = field(default_factory=list)
    _destroyed: list[KernelEvent] = field(default_factory=list)
    _late: list[KernelEvent] = field(default_factory=list)
    _started: int = 0

    def tick(self) -> int:
        """Let some time pass; returns the time."""
        self.now += _STEP
        return self.now

    @property
    def living(self) -> list[KernelSocket]:
        return [each for each in self.sockets if each.is_open]

    @property
    def tasks(self) -> list[Task]:
        return list(self.namespace_of)

    @property
    def namespaces(self) -> frozenset[int]:
        """The namespaces that a process lives in, which are those that can be entered."""
        return frozenset((OWN, *self.namespace_of.values()))

    # --- what programs do

    def spawn(self, netns: int) -> Task:
        """Start a process under the lowest free pid."""
        taken = {each.described.key.pid for each in self.namespace_of}
        pid = next(each for each in range(10, 100) if each not in taken)
        self._started += 1
        task = Task(self._started, process(pid, self.tick()))
        self.namespace_of[task] = netns
        return task

    def fork(self, parent: Task) -> None:
        """Start a process that holds what its parent holds."""
        child = self.spawn(self.namespace_of[parent])
        for each in self.living:
            if parent in each.holders:
                self.hand_on(each, child)

    def hand_on(self, socket: KernelSocket, task: Task) -> None:
        """Let another process hold a socket, too."""
        socket.was_handed_on |= task not in socket.holders
        socket.holders.add(task)

    def end(self, task: Task, *, late: bool) -> None:
        """End a process, and with it the sockets that nobody else holds."""
        del self.namespace_of[task]
        for each in self.living:
            self.close(each, task, late=late)

    def listen(self, task: Task, at: Endpoint) -> None:
        """Open a socket, a twin (SO_REUSEPORT) of those at its endpoint; of port 0 the kernel
        chooses the port once the opening is recorded."""
        where = replace(at, netns=self.namespace_of[task])
        opened = KernelSocket(where, len(self.sockets) + 100, self._free(), self.tick(), {task})
        self._record(Kind.OPENED, opened, task)
        if not at.port:
            taken = {each.endpoint.port for each in self.living}
            port = next(each for each in _EPHEMERAL if each not in taken)
            opened.endpoint = replace(where, port=port)
        self.sockets.append(opened)

    def close(self, socket: KernelSocket, task: Task, *, late: bool) -> None:
        """Close a descriptor; with the last one the socket goes."""
        socket.holders.discard(task)
        if socket.holders or not socket.is_open:
            return
        socket.closed_at = self.tick()
        self._record(Kind.CLOSED, socket, task)
        if socket.endpoint.netns == OWN:
            gone = KernelEvent(self.now, Kind.CLOSED, socket.endpoint, cookie=socket.inode)
            (self._late if late else self._destroyed).append(gone)

    def _free(self) -> int:
        """The lowest address that no socket has: what is freed is used again at once."""
        taken = {each.skaddr for each in self.living}
        return next(each for each in range(1, 1000) if each not in taken)

    def _record(self, kind: Kind, socket: KernelSocket, task: Task) -> None:
        at = replace(socket.endpoint, netns=None)
        if self.is_traced and at.protocol is Protocol.TCP:
            pid = task.described.key.pid
            self._records.append(
                KernelEvent(self.now, kind, at, socket.skaddr, pid=pid, name="nginx")
            )

    # --- what a monitor reads

    def lose(self) -> None:
        """Lose what was announced and not read yet."""
        for each in (*self._records, *self._destroyed, *self._late):
            self._blurred.add(_port(each.endpoint))
        self.lost += len(self._records) + len(self._destroyed) + len(self._late)
        self._records, self._destroyed, self._late = [], [], []

    def is_blurred(self, at: Endpoint) -> bool:
        """Tell that a record at this port was lost, so that nothing tells its lives for certain."""
        return _port(at) in self._blurred

    def drain(self) -> tuple[tuple[KernelEvent, ...], int]:
        """The records, then the announcements that have come until now; and the count of the lost
        ones. An announcement that is late comes the next time."""
        now = self.tick()
        gone = [replace(each, at=now) for each in self._destroyed]
        kernel_events, lost = (*self._records, *gone), self.lost
        self._records, self._destroyed, self._late, self.lost = [], self._late, [], 0
        return kernel_events, lost

    def dump(self, namespaces: Collection[int], skipped: Iterable[KernelSocket]) -> list[Socket]:
        """The sockets of these namespaces without the skipped ones."""
        left_out = set(skipped)
        found = [each for each in self.living if each.endpoint.netns in namespaces]
        found.sort(key=lambda each: (each.endpoint.socket_address, each.inode))
        return [each.row for each in found if each not in left_out]

    def owned(self, row: Socket) -> AttributedSocket:
        """A socket of a dump, with those who hold it now."""
        holders = tuple(each.described for each in self._holders(row.inode))
        return AttributedSocket(
            row, holders[0] if holders else None, holders, None if holders else Hidden.GONE
        )

    def opener(self, kernel_event: KernelEvent) -> AttributedSocket:
        """The socket of an opening, with its opener if that lives still; its namespace is the one
        that the process is in now."""
        for task, netns in self.namespace_of.items():
            key = task.described.key
            if key.pid == kernel_event.pid and key.started_at < kernel_event.at:
                at = replace(kernel_event.endpoint, netns=netns)
                return AttributedSocket(Socket(at, pid=key.pid), task.described, (task.described,))
        gone = process(kernel_event.pid or 0, kernel_event.at)
        return AttributedSocket(
            Socket(kernel_event.endpoint, pid=kernel_event.pid), gone, (gone,), Hidden.GONE
        )

    def numbered(self, inode: int | None) -> KernelSocket:
        """The socket with this inode, open or closed."""
        return next(each for each in self.sockets if each.inode == inode)

    def _holders(self, inode: int | None) -> list[Task]:
        return sorted(self.numbered(inode).holders, key=lambda each: each.number)


def _port(at: Endpoint) -> tuple[Protocol, int]:
    """The protocol and port, which is one for all that the kernel chose."""
    return at.protocol, 0 if at.port in _EPHEMERAL else at.port
