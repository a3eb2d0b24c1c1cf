"""Process and name of a thread, also after the thread has ended.

A living thread is read from /proc. For ended threads, a second trace instance records exits and
births of threads in a small buffer that overwrites itself. The buffer is read only when /proc no
longer knows a thread, so a fork or an exec costs this process nothing. (The kernel's own maps of
names and process ids are shared by all instances: using them would change the settings of others,
and they are caches that forget.)
"""

from sys import intern
from typing import NamedTuple

from porteye_core.sources.tracing.cpu_buffers import CpuBuffers
from porteye_core.sources.tracing.format import event_format
from porteye_core.sources.tracing.proc_thread import process_of, stat, text_of
from porteye_core.sources.tracing.ring_buffer import PageLayout, Record
from porteye_core.sources.tracing.tracefs import Instance

EXIT = "sched/sched_process_exit"
BIRTH = "task/task_newtask"
BIRTHS_OF_THREADS = "clone_flags & 0x10000"  # CLONE_THREAD, linux/sched.h

_KEPT = 8192  # threads, exits and births each: 2 MiB
# The sockets of a dead process close just after its exit, and the next read shows it.
_EXITS_KEPT_NS = 30_000_000_000
_PIECES = 4  # of 32 pages: 512 KiB for each CPU, twice its buffer
_CHAIN = 16  # threads started by threads started by ...
_TICK_NS = 10_000_000  # start times in /proc count in USER_HZ: 100 wherever PortEye runs


class Who(NamedTuple):
    """Process id of a thread and its program's name; the name is empty if it is not known."""

    pid: int
    name: str


class Departed:
    """Resolver of threads; all times are nanoseconds since boot."""

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
        """Resolve each thread at its time, because thread ids are reused; raises SourceError.

        The kernel records an exit before /proc forgets the thread. A thread that /proc did not
        know is therefore in the buffer, which is read afterwards.
        """
        found = {tid: living(tid, at) for tid, at in moments.items()}
        if None in found.values():
            self._remember(self._recorded())
        return {tid: who or self._gone(tid, moments[tid]) for tid, who in found.items()}

    def _recorded(self) -> list[Record]:
        """Read the whole buffer, which is as large as a few pieces."""
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
                    continue
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
        of_leader = self._name(leader, at) if leader != tid else ""
        return Who(leader, of_leader or self._last_name(tid, at))

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
        alive = living(tid, at)
        return alive.name if alive else self._last_name(tid, at)

    def _last_name(self, tid: int, at: int) -> str:
        """Name at the first exit after a time, or else at the last exit before it.

        A dying process closes its sockets shortly after its exit is recorded.
        """
        exits = self._exits.get(tid, [(0, "")])
        return next((name for exited, name in exits if exited >= at), exits[-1][1])


def living(tid: int, at: int) -> Who | None:
    """Resolve a living thread; None if it has ended, even if a newer thread has its id."""
    pid = process_of(tid)
    if pid is None:
        return None
    own = stat(tid)  # read after the process id: if this thread is old enough, so was that one
    if own is None or own.started * _TICK_NS > at:
        return None
    # A thread may have its own name; the program's name is that of the first thread.
    first = own if pid == tid else stat(pid)
    return Who(pid, (first or own).name)


def _forget(known: dict[int, list[tuple[int, str]]] | dict[int, list[tuple[int, int]]]) -> None:
    """Drop the older half once there are more than `_KEPT`."""
    if len(known) > _KEPT:
        oldest_first = sorted(known, key=lambda tid: known[tid][-1][0])
        for tid in oldest_first[: -_KEPT // 2]:
            del known[tid]
