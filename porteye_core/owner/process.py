"""One process, read once: what runs, as whom, started by whom."""

import shlex
from collections.abc import Callable
from typing import TypeVar

import psutil

from porteye_core.model import Ancestor, Process, ProcessKey, Program
from porteye_core.owner import cgroup
from porteye_core.owner.masking import mask
from porteye_core.owner.text import cap, clean

_T = TypeVar("_T")

LONGEST_CMDLINE = 4096  # bytes; command lines of 100 kB exist, and nobody reads them
_LONGEST_FIELD = 1024
_DEEPEST_CHAIN = 32


def started_at(pid: int) -> int | None:
    """When this process started, None if there is none (any more)."""
    try:
        return round(psutil.Process(pid).create_time() * 1_000_000)
    except (psutil.Error, OSError):
        return None


def read(key: ProcessKey) -> Process | None:
    """The process of this identity, with what this user may read of it; None if it has ended."""
    try:
        process = psutil.Process(key.pid)
        with process.oneshot():
            if round(process.create_time() * 1_000_000) != key.started_at:
                return None
            program = _program(process)
            cwd = _allowed(process.cwd)
        unit, container = cgroup.belonging(key.pid)
        return Process(key, program, _parents(process), clean(unit), clean(container), _field(cwd))
    except (psutil.NoSuchProcess, OSError):
        return None


def _program(process: psutil.Process) -> Program:
    argv = mask(_allowed(process.cmdline) or [])
    return Program(
        name=_field(process.name()),
        exe=_field(_allowed(process.exe)),
        user=_field(_allowed(process.username)),
        cmdline=cap(clean(shlex.join(argv)), LONGEST_CMDLINE),
    )


def _allowed(read_field: Callable[[], _T]) -> _T | None:
    """What the call returns, None where this user may not know or a zombie has lost it."""
    try:
        return read_field()
    except (psutil.AccessDenied, psutil.ZombieProcess, KeyError):  # KeyError: a uid without a name
        return None


def _parents(process: psutil.Process) -> tuple[Ancestor, ...]:
    chain = []
    for parent in process.parents()[:_DEEPEST_CHAIN]:
        try:
            chain.append(Ancestor(parent.pid, _field(parent.name())))
        except (psutil.Error, OSError):
            break
    return tuple(chain)


def _field(text: str | None) -> str:
    return cap(clean(text or ""), _LONGEST_FIELD)
