"""Processes through psutil."""

import os
import sys
from collections.abc import Callable
from typing import TypeVar

import psutil

from porteye_core.model import Ancestor, Process, ProcessKey, Program
from porteye_core.owners.processes import MAX_PARENTS, Spent, field, program, whole_name

if sys.platform != "win32":
    from porteye_core.owners.user_names import UserNames

    _user_names = UserNames()

_T = TypeVar("_T")


class PsutilProcesses:
    """See Processes."""

    def started_at(self, pid: int) -> int | None:
        """See Processes.started_at."""
        try:
            return round(psutil.Process(pid).create_time() * 1_000_000)
        except (psutil.Error, OSError):
            return None

    def started_by(self, pid: int, at: int) -> int | None:
        """See Processes.started_by."""
        started = self.started_at(pid)
        return started if started is not None and started <= at else None

    def read(self, key: ProcessKey) -> Process | None:
        """See Processes.read."""
        try:
            process = psutil.Process(key.pid)
            with process.oneshot():
                if round(process.create_time() * 1_000_000) != key.started_at:
                    return None
                return Process(
                    key, _program(process), _parents(process), cwd=field(_allowed(process.cwd))
                )
        except (psutil.NoSuchProcess, OSError):
            return None

    def glance(self, pid: int) -> int | None:
        """See Processes.glance."""
        try:
            process = psutil.Process(pid)
            with process.oneshot():
                return hash((_program(process), _allowed(process.cwd)))
        except (psutil.Error, OSError):
            return None

    def user_name(self, uid: int) -> str:
        """See Processes.user_name; the sources that need psutil have no uid."""
        return str(uid)

    def spent(self, key: ProcessKey) -> Spent | None:
        """See Processes.spent."""
        try:
            process = psutil.Process(key.pid)
            with process.oneshot():
                times, memory = process.cpu_times(), process.memory_info()
                started = round(process.create_time() * 1_000_000)
                if started != key.started_at or process.status() == psutil.STATUS_ZOMBIE:
                    return None
                return Spent(times.user + times.system, memory.rss)
        except (psutil.Error, OSError):
            return None


def _program(process: psutil.Process) -> Program:
    exe, words = _allowed(process.exe) or "", _allowed(process.cmdline) or []
    name = whole_name(os.fsencode(process.name()), os.fsencode(exe), list(map(os.fsencode, words)))
    return program(os.fsdecode(name), exe, _user(process), words)


def _user(process: psutil.Process) -> str:
    """Effective user, where a system has one; psutil's username() is the real user."""
    if sys.platform == "win32":
        return _allowed(process.username) or ""
    uids = _allowed(process.uids)
    return "" if uids is None else _user_names.name(uids.effective)


def _allowed(read_field: Callable[[], _T]) -> _T | None:
    """Result of a call; None without permission, and for a zombie."""
    try:
        return read_field()
    except (psutil.AccessDenied, psutil.ZombieProcess, KeyError):  # KeyError: a uid without a name
        return None


def _parents(process: psutil.Process) -> tuple[Ancestor, ...]:
    chain = []
    for parent in process.parents()[:MAX_PARENTS]:
        try:
            chain.append(Ancestor(parent.pid, field(parent.name())))
        except (psutil.Error, OSError):
            break
    return tuple(chain)
