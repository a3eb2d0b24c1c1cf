"""The loop, with a clock and a source that do as they are told, on a real database."""

from pathlib import Path

from porteye_core.errors import SourceError
from porteye_core.model import (
    KernelEvent,
    Limitation,
    ScanDepth,
    Scope,
    Snapshot,
    Socket,
    WatchPlan,
)
from porteye_core.monitor.loop import Monitor
from porteye_core.monitor.own_usage import FootprintMeter
from porteye_core.owners import OwnerFinder, UsageMeter, processes
from porteye_core.store.file.connection import open_connection
from porteye_core.store.writing.writer import Writer
from tests.kit.values import SECOND, endpoint

PLAN = WatchPlan("scripted", 1 * SECOND, 10 * SECOND)
READER = processes(0)
A, B = Socket(endpoint(1001)), Socket(endpoint(1002))


class ScriptedClock:
    def __init__(self) -> None:
        self.wall = 1_000 * SECOND
        self.steady = 50 * SECOND

    def now(self) -> int:
        return self.wall

    def elapsed(self) -> int:
        return self.steady

    def pass_(self, micros: int) -> None:
        self.wall += micros
        self.steady += micros


class ScriptedSource:
    name = "scripted"
    interval = 1.0

    def __init__(self, clock: ScriptedClock) -> None:
        self.clock = clock
        self.sockets: tuple[Socket, ...] = ()
        self.kernel_events: tuple[KernelEvent, ...] = ()
        self.lost = 0
        self.failing = False
        self.announces = False
        self.is_behind = False  # more is announced than is read: no socket is scanned
        self.scope: int | None = None
        self.depths: list[ScanDepth] = []

    def read(self, depth: ScanDepth) -> Snapshot:
        if self.failing:
            raise SourceError("The table could not be read.")
        self.depths.append(depth)
        kernel_events, self.kernel_events = self.kernel_events, ()
        lost, self.lost = self.lost, 0
        scans = depth > ScanDepth.NOTICES and not self.is_behind
        sockets = tuple(self.sockets) if scans else None
        scope = self._scope(depth)
        return Snapshot(sockets, kernel_events, lost, scope, self.clock.now(), more=self.is_behind)

    def _scope(self, depth: ScanDepth) -> Scope:
        """Everything, or with a namespace of its own that one alone between ticks."""
        if self.scope is None:
            return Scope()
        mine = frozenset((self.scope,))
        if depth is ScanDepth.CLIENTS:
            others = frozenset(each.endpoint.netns or self.scope for each in self.sockets)
            return Scope(mine | others, mine | others, complete=True, own=self.scope)
        return Scope(mine, own=self.scope)

    def limitations(self) -> tuple[Limitation, ...]:
        return ()

    def filenos(self) -> tuple[int, ...]:
        return (0,) if self.announces else ()

    def close(self) -> None:
        pass


class Rig:
    """A monitor whose every scan is one call."""

    def __init__(self, db: Path, writer: Writer, clock: ScriptedClock) -> None:
        self.db, self.clock, self.source = db, clock, ScriptedSource(clock)
        self.monitor = Monitor(
            source=self.source,
            finder=OwnerFinder(READER, privileged=True),
            meter=UsageMeter(READER),
            own=FootprintMeter(db),
            writer=writer,
            clock=clock,
            plan=PLAN,
        )

    def scan(self, *sockets: Socket, after: int = SECOND, failing: bool = False) -> None:
        self.clock.pass_(after)
        self.source.sockets, self.source.failing = sockets, failing
        self.monitor.scan()

    def rows(self, statement: str) -> list[tuple[object, ...]]:
        with open_connection(self.db) as reader:
            return [tuple(row) for row in reader.execute(statement)]

    @property
    def events(self) -> list[tuple[object, ...]]:
        return self.rows("SELECT kind, port, seen FROM event ORDER BY id")
