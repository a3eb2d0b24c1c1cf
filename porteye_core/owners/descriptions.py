"""Descriptions of processes: each is a reading, made again once the process shows a change.

A process keeps its pid and start when it calls execve, gives up rights, changes its folder or sets
a title. A glance at it takes 30 µs, a reading with parents and masked secrets ten times as long.
"""

import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from itertools import islice

from porteye_core.model import Process, ProcessKey
from porteye_core.owners.processes import Processes

# Changes that a process may show at once. With each further one the pause before the next doubles:
# a server that counts in its title would fill the history.
_FREE_CHANGES = 8
_LONGEST_PAUSE = 3600.0
# Processes that are remembered beside those in use, of 2 to 4 KB each: 1,000 a second can come and
# go, and ticks may be an hour apart. Those that listen again before the next tick are few.
_MAX_UNUSED = 512


@dataclass(slots=True)
class _Description:
    process: Process
    glance: int | None
    changes: int = 0
    fixed_until: float = 0.0


class Descriptions:
    """Describes processes, and remembers those in use."""

    def __init__(self, reader: Processes, clock: Callable[[], float] = time.monotonic) -> None:
        self._reader = reader
        self._clock = clock
        self._known: dict[ProcessKey, _Description] = {}  # those in use first
        self._used = 0

    def of(self, pid: int) -> Process | None:
        """The process of this pid as it is now, None if there is none."""
        started = self._reader.started_at(pid)
        return None if started is None else self._current(ProcessKey(pid, started))

    def of_earlier(self, pid: int, at: int) -> Process | None:
        """The same, if it had started at this time, by the wall clock as it is set now."""
        started = self._reader.started_by(pid, at)
        return None if started is None else self._current(ProcessKey(pid, started))

    def changed(self, processes: Iterable[Process]) -> dict[ProcessKey, Process]:
        """Those of these processes that another description fits now."""
        found = {}
        for each in processes:
            now = self._current(each.key)
            if now and now is not each:
                found[each.key] = now
        return found

    def keep(self, keys: Collection[ProcessKey]) -> None:
        """Forget every process but these."""
        self._known = {key: each for key, each in self._known.items() if key in keys}
        self._used = len(self._known)

    def _current(self, key: ProcessKey) -> Process | None:
        known = self._known.get(key)
        # The glance comes first: what changes between the two is seen by the next one.
        glance = self._reader.glance(key.pid)
        if known and (glance in (known.glance, None) or self._clock() < known.fixed_until):
            return known.process
        read = self._reader.read(key)
        if read is None:
            return known.process if known else None
        if known is None:
            self._known[key] = _Description(read, glance)
            self._drop_unused()
            return read
        self._renew(known, read)
        known.glance = glance
        return known.process

    def _drop_unused(self) -> None:
        """Forget the older half of those that nothing uses, if there are too many."""
        if len(self._known) > self._used + _MAX_UNUSED:
            for key in [*islice(self._known, self._used, self._used + _MAX_UNUSED // 2)]:
                del self._known[key]

    def _renew(self, known: _Description, read: Process) -> None:
        # An orphan gets another parent: who started it stays true.
        read = replace(read, parents=known.process.parents)
        if read == known.process:
            return
        known.process = read
        known.changes += 1
        if known.changes > _FREE_CHANGES:
            pause = min(2.0 ** (known.changes - _FREE_CHANGES), _LONGEST_PAUSE)
            known.fixed_until = self._clock() + pause
