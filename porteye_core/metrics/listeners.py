"""Series of listeners: their label sets, and what the listeners of one label set use together."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from porteye_core.exposure import Exposure
from porteye_core.metrics.family import Labels, MetricFamily, Type
from porteye_core.store.reading import OpenUse

EPHEMERAL, OTHER = "ephemeral", "other"
_LABELS = ("protocol", "port", "exposure", "program", "unit")


class _Key(NamedTuple):
    """A label set, in the order in which label sets are kept: what others can reach comes first,
    then lower ports. The order depends on nothing that moves, so that series do not come and go."""

    is_local: bool
    number: int  # of the port; beyond every port for one that has none
    protocol: str
    port: str
    exposure: Exposure
    program: str
    unit: str

    @property
    def labels(self) -> Labels:
        values = self.protocol, self.port, self.exposure.name.lower(), self.program, self.unit
        return tuple(zip(_LABELS, values, strict=True))


@dataclass(slots=True)
class _Group:
    """The listeners of one label set."""

    listeners: int = 0
    clients: int | None = None
    queue: int | None = None
    backlog: int | None = None
    processes: dict[int, tuple[int | None, int | None]] = field(default_factory=dict)

    def add(self, use: OpenUse) -> None:
        """Add a listener."""
        self.listeners += 1
        self.clients = _sum((self.clients, use.clients))
        self.queue = _most(self.queue, use.queue)
        self.backlog = _most(self.backlog, use.backlog)
        if use.process is not None:
            self._note(use.process, use.cpu, use.rss)

    def absorb(self, other: "_Group") -> None:
        """Add all listeners of another group."""
        self.listeners += other.listeners
        self.clients = _sum((self.clients, other.clients))
        self.queue = _most(self.queue, other.queue)
        self.backlog = _most(self.backlog, other.backlog)
        for process, (cpu, rss) in other.processes.items():
            self._note(process, cpu, rss)

    def _note(self, process: int, cpu: int | None, rss: int | None) -> None:
        """Note the use of a process, unless another of its listeners tells it already."""
        known_cpu, known_rss = self.processes.get(process, (None, None))
        self.processes[process] = (
            cpu if known_cpu is None else known_cpu,
            rss if known_rss is None else known_rss,
        )

    @property
    def cpu(self) -> float | None:
        """Cores that the processes use; each counts once, however many of the listeners it has."""
        found = _sum(cpu for cpu, _ in self.processes.values())
        return None if found is None else found / 10_000

    @property
    def memory(self) -> int | None:
        """Bytes that the processes use."""
        return _sum(rss for _, rss in self.processes.values())


_OPEN = MetricFamily("porteye_listeners", Type.GAUGE, "Listeners that are open.", labels=_LABELS)
_CLIENTS = MetricFamily(
    "porteye_clients", Type.GAUGE, "Established connections of the listeners.", labels=_LABELS
)
_QUEUE = MetricFamily(
    "porteye_accept_queue",
    Type.GAUGE,
    "Connections that wait for accept(2), of the listener that has most.",
    labels=_LABELS,
)
_BACKLOG = MetricFamily(
    "porteye_backlog",
    Type.GAUGE,
    "Connections that may wait for accept(2), of the listener that has most.",
    labels=_LABELS,
)
_CPU = MetricFamily(
    "porteye_cpu_ratio",
    Type.GAUGE,
    "Cores that the owners use; a process counts once in each label set.",
    "ratio",
    _LABELS,
)
_MEMORY = MetricFamily(
    "porteye_memory_bytes",
    Type.GAUGE,
    "Resident memory of the owners; a process counts once in each label set.",
    "bytes",
    _LABELS,
)
_LEFT_OUT = MetricFamily(
    "porteye_series_left_out",
    Type.GAUGE,
    "Label sets of listeners that are summed as port other, because there are too many.",
)
FAMILIES = (_OPEN, _CLIENTS, _QUEUE, _BACKLOG, _CPU, _MEMORY, _LEFT_OUT)
_MEASURES: tuple[tuple[MetricFamily, Callable[[_Group], float | None]], ...] = (
    (_OPEN, lambda group: group.listeners),
    (_CLIENTS, lambda group: group.clients),
    (_QUEUE, lambda group: group.queue),
    (_BACKLOG, lambda group: group.backlog),
    (_CPU, lambda group: group.cpu),
    (_MEMORY, lambda group: group.memory),
)


def listener_families(
    uses: Iterable[OpenUse], ephemeral: tuple[int, int], limit: int
) -> Iterator[MetricFamily]:
    """The families of these listeners, in at most `limit` label sets; ephemeral: the first and the
    last port that the kernel gives to sockets which ask for none."""
    groups = defaultdict[_Key, _Group](_Group)
    for use in uses:
        groups[_key(use, ephemeral)].add(use)
    kept, left_out = _kept(groups, limit)
    for family, measure in _MEASURES:
        values = ((labels, measure(group)) for labels, group in kept.items())
        yield family.of({labels: value for labels, value in values if value is not None})
    yield _LEFT_OUT.single(left_out)


def _key(use: OpenUse, ephemeral: tuple[int, int]) -> _Key:
    first, last = ephemeral
    is_ephemeral = first <= use.port <= last
    return _Key(
        not use.exposure.is_reachable,
        1 << 16 if is_ephemeral else use.port,
        use.protocol,
        EPHEMERAL if is_ephemeral else str(use.port),
        use.exposure,
        use.program,
        use.unit,
    )


def _kept(groups: dict[_Key, _Group], limit: int) -> tuple[dict[Labels, _Group], int]:
    """The groups by their labels, and how many are summed: by protocol and exposure, so that sums
    over these stay right."""
    keys = sorted(groups)
    if len(keys) > limit:
        sums = {(key.protocol, key.exposure) for key in keys}
        keys, rest = keys[: limit - len(sums)], keys[limit - len(sums) :]
    else:
        rest = []
    kept = {key.labels: groups[key] for key in keys}
    others = defaultdict[Labels, _Group](_Group)
    for key in rest:
        summed = key._replace(port=OTHER, program="", unit="")
        others[summed.labels].absorb(groups[key])
    return kept | others, len(rest)


def _sum(values: Iterable[int | None]) -> int | None:
    """The sum of the values that are known, None if none is."""
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _most(one: int | None, other: int | None) -> int | None:
    if one is None or other is None:
        return one if other is None else other
    return max(one, other)
