"""The values that every room shares; nothing here touches the machine.

All times are integer microseconds since the epoch, UTC, unless a name says otherwise.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum


class Protocol(StrEnum):
    """Transport protocol of an endpoint."""

    TCP = "tcp"
    UDP = "udp"

    __hash__ = str.__hash__  # Enum's own is Python code, and every endpoint's hash calls it


class Family(StrEnum):
    """Address family of an endpoint."""

    IPV4 = "ipv4"
    IPV6 = "ipv6"

    __hash__ = str.__hash__  # as above


class Kind(StrEnum):
    """What happened to a listener."""

    OPENED = "opened"
    CLOSED = "closed"


class Seen(StrEnum):
    """How exact an event's time is."""

    KERNEL = "kernel"  # to the microsecond
    POLL = "poll"  # within one interval before it
    GAP = "gap"  # some time while nobody watched


class Hidden(StrEnum):
    """Why a listener's owner is not known."""

    PRIVILEGE = "privilege"  # the process belongs to somebody else: administrative rights show it
    GONE = "gone"  # the process had ended before it could be read
    KERNEL = "kernel"  # no process has the socket open: it belongs to the kernel itself


class InterfaceKind(StrEnum):
    """The hosts that a network interface leads to."""

    MACHINE = "machine"  # this one alone: a loopback or dummy device
    CONTAINERS = "containers"  # this one and its containers: a bridge that has only veth ports
    VRF = "vrf"  # those of the interfaces that the VRF has
    NETWORK = "network"  # other machines, as far as is known
    GONE = "gone"  # none: the interface has been removed

    __hash__ = str.__hash__  # as above


class Depth(IntEnum):
    """How much one look reads; each depth includes the ones before."""

    NOTICES = 1  # what the kernel announced
    SOCKETS = 2  # every listening socket
    CLIENTS = 3  # and its connections, counted


Place = tuple[Protocol, Family, str, int]


@dataclass(frozen=True, slots=True, order=True)
class Endpoint:
    """Where a socket is bound; `netns` is the inode of the network namespace, None if unknown."""

    protocol: Protocol
    family: Family
    address: str
    port: int
    netns: int | None = None

    @property
    def place(self) -> Place:
        """The endpoint without its namespace, which not every source can tell."""
        return self.protocol, self.family, self.address, self.port

    def __str__(self) -> str:
        address = f"[{self.address}]" if self.family is Family.IPV6 else self.address
        return f"{self.protocol} {address}:{self.port}"


@dataclass(frozen=True, slots=True, order=True)
class ProcessKey:
    """A process for as long as it lives: a bare pid is reused, so its start time belongs to it."""

    pid: int
    started_at: int


@dataclass(frozen=True, slots=True)
class Program:
    """What of a process survives its restart; secrets in `cmdline` are masked already."""

    name: str
    exe: str = ""
    user: str = ""
    cmdline: str = ""


@dataclass(frozen=True, slots=True)
class Ancestor:
    """One step of a parent chain."""

    pid: int
    name: str


@dataclass(frozen=True, slots=True)
class Process:
    """A process as it was when it was read; a unit or container that it lacks is empty."""

    key: ProcessKey
    program: Program
    parents: tuple[Ancestor, ...] = ()  # nearest first
    unit: str = ""
    container: str = ""
    cwd: str = ""


@dataclass(frozen=True, slots=True)
class Interface:
    """The network interface that a socket is bound to.

    The name is empty and the kind None for a socket that is bound to none. An interface that has
    been removed has no name any more: it is called "if" and its index.
    """

    name: str = ""
    kind: InterfaceKind | None = None


UNBOUND = Interface()


@dataclass(frozen=True, slots=True)
class Socket:
    """One listening socket in one look.

    Whatever the source cannot tell is None; `clients` is None, too, in a look that did not count
    connections, and for UDP, which has none. queue: connections that wait to be accepted, backlog:
    their most; cookie: the kernel's own number of the socket, never used again until a reboot;
    v6only: IPV6_V6ONLY, None for IPv4.
    """

    endpoint: Endpoint
    inode: int | None = None
    pid: int | None = None
    fd: int | None = None
    clients: int | None = None
    uid: int | None = None
    queue: int | None = None
    backlog: int | None = None
    cookie: int | None = None
    interface: Interface | None = None
    v6only: bool | None = None


@dataclass(frozen=True, slots=True)
class Notice:
    """The kernel's word, at a time of its own, that a listener opened or closed.

    skaddr: the kernel's address of the socket, the same in open and close, 0 if not told; cookie:
    the kernel's number of the socket, None if not told; pid and name: who did it, None and empty
    if not told. The endpoint's netns is None: no record names it.
    """

    at: int
    kind: Kind
    endpoint: Endpoint
    skaddr: int = 0
    cookie: int | None = None
    pid: int | None = None
    tid: int | None = None  # the thread, which may be in another namespace than its process
    name: str = ""


@dataclass(frozen=True, slots=True)
class Scope:
    """The network namespaces that one scan read, by their inodes.

    scanned: those of which it has every listening socket; None: of all that the system has.
    living: every one that it could read, now or next time; None: it did not search for others.
    complete: `living` has each namespace of the system that a process lives in.
    own: the monitor's own namespace, None where there is no such thing.
    unscanned: seconds for which one of those that were left out has not been scanned, at most.
    """

    scanned: frozenset[int] | None = None
    living: frozenset[int] | None = None
    complete: bool = False
    own: int | None = None
    unscanned: float = 0.0

    @property
    def left_out(self) -> frozenset[int]:
        """The namespaces that are there and were not scanned this time."""
        if self.living is None or self.scanned is None:
            return frozenset()
        return self.living - self.scanned

    @property
    def is_whole(self) -> bool:
        """Tell that every socket there is must be in the scan."""
        return self.scanned is None or (
            self.complete and self.living is not None and not self.left_out
        )


@dataclass(frozen=True, slots=True)
class Reading:
    """One scan and the notices after it: `sockets` is None unless it read them all.

    The notices reach beyond the moment at which it read them. `lost` counts the kernel's records
    that were lost since the reading before. began: the wall time at which the scan began. more:
    what was announced is only a piece, and the next reading has the rest.
    """

    sockets: Sequence[Socket] | None
    notices: tuple[Notice, ...] = ()
    lost: int = 0
    scope: Scope = Scope()
    began: int = 0
    more: bool = False


@dataclass(frozen=True, slots=True)
class Owned:
    """A socket and the processes that hold it: the owner is the oldest holder."""

    socket: Socket
    owner: Process | None = None
    holders: tuple[Process, ...] = ()
    hidden: Hidden | None = None
    user: str = ""  # who made the socket, where the source tells its uid

    @property
    def key(self) -> ProcessKey | None:
        """The owner's identity, None if the owner is hidden."""
        return self.owner.key if self.owner else None


@dataclass(frozen=True, slots=True)
class Listener:
    """One life of one listening socket that is open as far as is known."""

    id: int
    endpoint: Endpoint
    opened_at: int
    inode: int | None = None
    fd: int | None = None
    owner: ProcessKey | None = None
    holders: frozenset[ProcessKey] = frozenset()  # as the latest scan shows them
    skaddr: int = 0
    cookie: int | None = None
    interface: Interface | None = None
    unseen_at: int | None = None  # when it could no longer be looked for; None: it was seen since
    guessed: bool = False  # inode and cookie can be those of a twin that was recorded beside it


@dataclass(frozen=True, slots=True)
class Opening:
    """A socket that was found open, and how exact the time is."""

    owned: Owned
    at: int
    seen: Seen
    closed: tuple[int, Seen] | None = None  # when it has closed again already
    notice: Notice | None = None  # the record of the opening of a socket that a scan found


@dataclass(frozen=True, slots=True)
class Closing:
    """A listener that was found closed, and how exact the time is."""

    listener: Listener
    at: int
    seen: Seen


@dataclass(frozen=True, slots=True)
class Sample:
    """What a listener used at one sampling beat; None where it could not be read.

    cpu: hundredths of a percent of one core since the sample before; rss: bytes.
    """

    listener_id: int
    cpu: int | None = None
    rss: int | None = None
    clients: int | None = None
    queue: int | None = None
    backlog: int | None = None


@dataclass(frozen=True, slots=True)
class Limit:
    """A named way in which a watch sees less than everything, and what would lift it."""

    name: str
    text: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Tick:
    """One sampling beat: proof that somebody watched at `at`.

    monotonic: microseconds of a clock that never steps; gap: microseconds before `at` in which the
    system was not read; jump: microseconds by which the wall clock was set since the scan before;
    left_out: network namespaces that were not scanned for lack of time; left_out_us: the longest
    time for which one of them has not been scanned. cpu, rss and size are the
    monitor's own, see footprint.Footprint; None between two beats, and where they cannot be read.
    """

    at: int
    monotonic: int
    listeners: int
    clients: int
    scan_us: int
    hidden: int
    lost: int = 0
    gap: int = 0
    jump: int = 0
    left_out: int = 0
    left_out_us: int = 0
    cpu: int | None = None
    rss: int | None = None
    size: int | None = None


@dataclass(frozen=True, slots=True)
class WatchPlan:
    """How a monitor means to watch; intervals in microseconds."""

    source: str
    interval_us: int
    sample_interval_us: int
    limits: tuple[Limit, ...] = ()
    why: str = ""  # why this source and no better one


@dataclass(frozen=True, slots=True)
class Watch:
    """An interval in which a monitor was watching; `stopped_at` is None until it ends cleanly."""

    id: int
    started_at: int
    seen_at: int
    stopped_at: int | None
    plan: WatchPlan


@dataclass(frozen=True, slots=True)
class Keep:
    """How much history to keep: durations in microseconds, None for ever; size: bytes that the
    database may have, None for no limit. Nothing is kept longer than the events that it tells of,
    and no rollup is dropped before its samples."""

    samples: int | None = None
    rollups: int | None = None
    events: int | None = None
    size: int | None = None


FOR_EVER = Keep()
DEFAULT_KEEP = Keep(samples=7 * 86_400_000_000, rollups=365 * 86_400_000_000)


@dataclass(frozen=True, slots=True)
class Filters:
    """Which listeners and events a reader asks for; the page, its URL and the API share it.

    ports: inclusive ranges, empty for all; process: part of a name, title or command line, whatever
    its case; limit: how many records; since, until: times, None for no bound.
    """

    ports: tuple[tuple[int, int], ...] = ()
    process: str = ""
    protocol: Protocol | None = None
    limit: int = 100
    since: int | None = None
    until: int | None = None
