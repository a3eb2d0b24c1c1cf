"""Who a thread was, also when it has gone before it could be looked up.

A thread that still lives is read from /proc. For those that do not, a second trace instance keeps
the last exits and the last births of threads in a small buffer that overwrites itself. It is read
only when /proc no longer knows a thread, so a fork or an exec costs this process nothing. (The
kernel's own maps of names and process ids belong to all instances: to use them would be to change
the settings of others, and they are caches that forget.)
"""

from sys import intern
from typing import NamedTuple

from porteye_core.sources.trace.cpu_buffers import CpuBuffers
from porteye_core.sources.trace.format import event_format
from porteye_core.sources.trace.proc_thread import process_of, stat, text_of
from porteye_core.sources.trace.ring_buffer import PageLayout, Record
from porteye_core.sources.trace.tracefs import Instance

EXIT = "sched/sched_process_exit"
BIRTH = "task/task_newtask"
BIRTHS_OF_THREADS = "clone_flags & 0x10000"  # CLONE_THREAD, linux/sched.h

_KEPT = 8192  # threads, exits and births each: 2 MiB
# A dead process's sockets close within moments of its exit, and are heard of at the next reading.
_EXITS_KEPT_NS = 30_000_000_000
_PIECES = 4  # of 32 pages: 512 KiB for each CPU, twice its buffer
_CHAIN = 16  # threads started by threads started by ...
_TICK_NS = 10_000_000  # start times in /proc count in USER_HZ: 100 wherever PortEye runs


class Who(NamedTuple):
    """A thread's process and its program's name, empty if nothing remembers it."""

    pid: int
    name: str


class Departed:
    """Resolves threads; all times are nanoseconds since boot."""

    def __init__(self, instance: Instance, layout: PageLayout) -> None:
        exits = event_format(instance.read(f"events/{EXIT}/format"))
        births = event_format(instance.read(f"events/{BIRTH}/format"))
        self._exit_id, self._birth_id = exits.id, births.id
        self._exit = exits.unpacker("common_type", "comm", "pid")
        self._birth = births.unpacker("common_type", "common_pid", "pid")
        self._exits: dict[int, list[tuple[int, str]]] = {}
        self._births: dict[int, list[tuple[int, int]]] = {}
        self._buffers = CpuBuffers(instance, layout)

    def close(self) -> None:
        """Close the buffers."""
        self._buffers.close()

    def resolve(self, moments: dict[int, int]) -> dict[int, Who]:
        """Who each thread was at its time: thread ids are reused. Raises SourceError.

        An exit is recorded before /proc forgets the thread: what /proc did not know is in the
        buffer when that is read afterwards.
        """
        found = {tid: living(tid, at) for tid, at in moments.items()}
        if None in found.values():
            self._remember(self._recorded())
        return {tid: who or self._gone(tid, moments[tid]) for tid, who in found.items()}

    def _recorded(self) -> list[Record]:
        """All that the buffers hold: it overwrites itself, and is as large as a few pieces."""
        records: list[Record] = []
        for _ in range(_PIECES):
            batch = self._buffers.read()
            records += batch.records
            if batch.until is None:
                break
        return records

    def _remember(self, records: list[Record]) -> None:
        records.sort()
        for at, payload in records:
            if len(payload) >= self._exit.size:
                kind, name, tid = self._exit.unpack_from(payload)
                if kind == self._exit_id:
                    self._exits.setdefault(tid, []).append((at, intern(text_of(name))))
            if len(payload) >= self._birth.size:
                kind, parent, tid = self._birth.unpack_from(payload)
                if kind == self._birth_id:
                    self._births.setdefault(tid, []).append((at, parent))
        if records:
            self._forget_exits(before=records[-1][0] - _EXITS_KEPT_NS)
        _forget(self._exits)
        _forget(self._births)

    def _forget_exits(self, before: int) -> None:
        for tid in [tid for tid, told in self._exits.items() if told[-1][0] < before]:
            del self._exits[tid]
            self._births.pop(tid, None)

    def _gone(self, tid: int, at: int) -> Who:
        leader = self._leader(tid, at)
        return Who(leader, self._name(leader, at) or self._name(tid, at))

    def _leader(self, tid: int, at: int) -> int:
        for _ in range(_CHAIN):
            parents = [parent for born, parent in self._births.get(tid, ()) if born <= at]
            if not parents:
                break
            tid = parents[-1]
            alive = living(tid, at)
            if alive:
                return alive.pid
        return tid

    def _name(self, tid: int, at: int) -> str:
        """The name at the first exit after a time, or else at the last before it.

        A process that dies closes its sockets shortly after its exit was recorded.
        """
        alive = living(tid, at)
        if alive:
            return alive.name
        exits = self._exits.get(tid, [(0, "")])
        return next((name for exited, name in exits if exited >= at), exits[-1][1])


def living(tid: int, at: int) -> Who | None:
    """Who a thread is; None if it has gone, its id perhaps to one that started after `at`."""
    pid = process_of(tid)
    own = stat(tid)  # read after the process: if this is no newcomer, neither was that
    if pid is None or own is None or own.started * _TICK_NS > at:
        return None
    # A thread may have a name of its own; the program's is that of the thread that began it.
    first = own if pid == tid else stat(pid)
    return Who(pid, (first or own).name)


def _forget(known: dict[int, list[tuple[int, str]]] | dict[int, list[tuple[int, int]]]) -> None:
    """Keep the newest half where there are too many."""
    if len(known) > _KEPT:
        oldest_first = sorted(known, key=lambda tid: known[tid][-1][0])
        for tid in oldest_first[: -_KEPT // 2]:
            del known[tid]
