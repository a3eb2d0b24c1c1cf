"""Values that all rooms share; pure.

All times are integer microseconds since the epoch, UTC, unless a name says otherwise.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum

from porteye_core.reach import Exposure, InterfaceKind


class Protocol(StrEnum):
    """Transport protocol of an endpoint."""

    TCP = "tcp"
    UDP = "udp"

    __hash__ = str.__hash__  # Enum's own hash is Python code, and each endpoint's hash calls it


class Family(StrEnum):
    """Address family of an endpoint."""

    IPV4 = "ipv4"
    IPV6 = "ipv6"

    __hash__ = str.__hash__  # as above


class Kind(StrEnum):
    """Kind of an event: a listener opened or closed."""

    OPENED = "opened"
    CLOSED = "closed"


class Precision(StrEnum):
    """Precision of an event's time."""

    KERNEL = "kernel"  # exact to the microsecond
    POLL = "poll"  # within one interval before it
    GAP = "gap"  # at some time while nobody watched


class Hidden(StrEnum):
    """Reason for an unknown owner."""

    PRIVILEGE = "privilege"  # the process belongs to another user: more rights would show it
    GONE = "gone"  # the process ended before it was read
    KERNEL = "kernel"  # no process holds the socket: it belongs to the kernel


class ScanDepth(IntEnum):
    """Depth of one scan; each includes the ones before."""

    NOTICES = 1  # the kernel's events
    SOCKETS = 2  # all listening sockets
    CLIENTS = 3  # with the number of their connections


SocketAddress = tuple[Protocol, Family, str, int]


@dataclass(frozen=True, slots=True, order=True)
class Endpoint:
    """Address of a bound socket; netns: inode of the network namespace, None if unknown."""

    protocol: Protocol
    family: Family
    address: str
    port: int
    netns: int | None = None

    @property
    def socket_address(self) -> SocketAddress:
        """Endpoint without its namespace, which some sources do not know."""
        return self.protocol, self.family, self.address, self.port

    def __str__(self) -> str:
        address = f"[{self.address}]" if self.family is Family.IPV6 else self.address
        return f"{self.protocol} {address}:{self.port}"


@dataclass(frozen=True, slots=True, order=True)
class ProcessKey:
    """Identity of a process: pid and start time, because pids are reused."""

    pid: int
    started_at: int


@dataclass(frozen=True, slots=True)
class Program:
    """Attributes of a process that survive its restart; secrets in `cmdline` are masked."""

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
    """Description of a process at the time of reading; a missing unit or container is empty."""

    key: ProcessKey
    program: Program
    parents: tuple[Ancestor, ...] = ()  # nearest first
    unit: str = ""
    container: str = ""
    cwd: str = ""


@dataclass(frozen=True, slots=True)
class Interface:
    """Network interface that a socket is bound to.

    The name is empty and the kind None for a socket that is bound to none. An interface that has
    been removed has no name any more: it is called "if" and its index.
    """

    name: str = ""
    kind: InterfaceKind | None = None


UNBOUND = Interface()


@dataclass(frozen=True, slots=True)
class Socket:
    """Listening socket in one scan.

    Whatever the source cannot tell is None; `clients` is None, too, in a scan that did not count
    connections, and for UDP, which has none. queue: connections that wait to be accepted, backlog:
    their maximum; cookie: the kernel's own number of the socket, never used again until a reboot;
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
class KernelEvent:
    """Kernel event: a listener opened or closed, at the kernel's own time.

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
class Snapshot:
    """Scan with the kernel events after it; sockets: None if not all were read.

    The notices reach beyond the moment at which it read them. `lost` counts the kernel's records
    that were lost since the reading before. began: the wall time at which the scan began. more:
    what was announced is only a piece, and the next reading has the rest.
    """

    sockets: Sequence[Socket] | None
    kernel_events: tuple[KernelEvent, ...] = ()
    lost: int = 0
    scope: Scope = Scope()
    began: int = 0
    more: bool = False


@dataclass(frozen=True, slots=True)
class AttributedSocket:
    """Socket with the processes that hold it; the owner is the oldest holder."""

    socket: Socket
    owner: Process | None = None
    holders: tuple[Process, ...] = ()
    hidden: Hidden | None = None
    user: str = ""  # who made the socket, where the source tells its uid

    @property
    def key(self) -> ProcessKey | None:
        """Identity of the owner; None if the owner is hidden."""
        return self.owner.key if self.owner else None


@dataclass(frozen=True, slots=True)
class Listener:
    """Life of a listening socket that is open as far as is known."""

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
    """Opening of a listener; seen: the precision of its time."""

    owned: AttributedSocket
    at: int
    seen: Precision
    closed: tuple[int, Precision] | None = None  # when it has closed again already
    kernel_event: KernelEvent | None = (
        None  # the record of the opening of a socket that a scan found
    )


@dataclass(frozen=True, slots=True)
class Closing:
    """Closing of a listener; seen: the precision of its time."""

    listener: Listener
    at: int
    seen: Precision


@dataclass(frozen=True, slots=True)
class Sample:
    """Use of a listener at one sampling tick; None where it could not be read.

    cpu: hundredths of a percent of one core since the sample before; rss: bytes.
    """

    listener_id: int
    cpu: int | None = None
    rss: int | None = None
    clients: int | None = None
    queue: int | None = None
    backlog: int | None = None


@dataclass(frozen=True, slots=True)
class Limitation:
    """Named limitation of a watch, with a hint to its remedy."""

    name: str
    text: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Tick:
    """Sampling tick: proof that somebody watched at `at`.

    monotonic: microseconds of a clock that never steps; gap: microseconds before `at` in which the
    system was not read; jump: microseconds by which the wall clock was set since the scan before;
    left_out: network namespaces that were not scanned for lack of time; left_out_us: the longest
    time for which one of them has not been scanned. cpu, rss and size are the
    monitor's own, see footprint.Footprint; None between two ticks, and where they cannot be read.
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
    """Settings of a watch; intervals in microseconds."""

    source: str
    interval_us: int
    sample_interval_us: int
    limitations: tuple[Limitation, ...] = ()
    why: str = ""  # reason for this source


@dataclass(frozen=True, slots=True)
class Watch:
    """Interval in which a monitor watched; stopped_at: None until it ends cleanly."""

    id: int
    started_at: int
    seen_at: int
    stopped_at: int | None
    plan: WatchPlan


@dataclass(frozen=True, slots=True)
class RetentionPolicy:
    """Limits of the history: durations in microseconds, None for ever.

    size: bytes of the database, None for no limit. Nothing is kept longer than the events that it
    belongs to, and no rollup is dropped before its samples.
    """

    samples: int | None = None
    rollups: int | None = None
    events: int | None = None
    size: int | None = None


KEEP_FOREVER = RetentionPolicy()
DEFAULT_RETENTION = RetentionPolicy(samples=7 * 86_400_000_000, rollups=365 * 86_400_000_000)


@dataclass(frozen=True, slots=True)
class Filters:
    """Filters of listeners and events, shared by page, URL and API.

    ports: inclusive ranges, empty for all. process: part of a name, title or command line, in any
    case. exposure: any of these, empty for all. user: a whole name. home: part of a unit's or a
    container's name, in any case. address: whole, as the page shows it. kind: of events alone.
    limit: maximum of records. since, until: times, None for no bound.
    """

    ports: tuple[tuple[int, int], ...] = ()
    process: str = ""
    protocol: Protocol | None = None
    limit: int = 100
    since: int | None = None
    until: int | None = None
    exposure: tuple[Exposure, ...] = ()
    user: str = ""
    home: str = ""
    address: str = ""
    kind: Kind | None = None
