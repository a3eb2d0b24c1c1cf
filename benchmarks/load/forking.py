"""What the processes of a load share: forking, names, limits, and an end that is never missed."""

import ctypes
import json
import os
import resource
import signal
import sys
import traceback
from collections.abc import Callable, Iterable
from functools import partial

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_NAME = 1, 4, 15
_LIBC = ctypes.CDLL(None)


def set_name(name: str) -> None:
    """Name this process as the kernel shows it, in at most 15 bytes."""
    _LIBC.prctl(_PR_SET_NAME, name.encode(), 0, 0, 0)


def raise_descriptor_limit(wanted: int) -> None:
    """Let this process and its children hold so many descriptors."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, max(hard, wanted)))


def become(user: int) -> None:
    """Give up the rights of root for those of a user, and of a group of the same number."""
    os.setgroups([])
    os.setgid(user)
    os.setuid(user)
    # Without it /proc/self, where a user namespace gets its map, still belongs to root.
    _LIBC.prctl(_PR_SET_DUMPABLE, 1, 0, 0, 0)


def fork(work: Callable[[], None]) -> int:
    """Do the work in a child that dies with this process; returns its pid."""
    parent = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() == parent:  # it may have died before it could be named
            work()
            status = 0
    except BaseException:  # noqa: BLE001 - the child must not return into its parent's code
        traceback.print_exc()
    os._exit(status)


def fork_and_hold(work: Iterable[Callable[[], object]]) -> list[int]:
    """A child for each piece of work, that holds what the work returns; all are ready."""
    ready, tell = os.pipe()
    pids = [fork(partial(_hold, each, ready, tell)) for each in work]
    os.close(tell)
    with os.fdopen(ready, "rb") as answers:
        done = len(answers.read())
    if done < len(pids):
        end(pids)
        sys.exit(f"{len(pids) - done} of {len(pids)} processes could not build their load")
    return pids


def _hold(work: Callable[[], object], ready: int, tell: int) -> None:
    os.close(ready)
    held = work()
    os.write(tell, b".")
    os.close(tell)
    while held is not None:
        signal.pause()


def end(pids: Iterable[int]) -> None:
    """Kill these children and wait until they have gone."""
    pids = list(pids)
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    for pid in pids:
        os.waitpid(pid, 0)


def say(answer: object) -> None:
    """One line of JSON for the benchmark."""
    print(json.dumps(answer), flush=True)


def wait_for_a_line() -> None:
    """Return when the benchmark sends a line, or has died."""
    sys.stdin.buffer.readline()


def wait_for_the_end() -> None:
    """Return when the benchmark closes the standard input, or has died."""
    sys.stdin.buffer.read()
