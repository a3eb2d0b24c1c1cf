"""Facts from Linux's /proc about a process that is to be stopped, and PortEye's own ones."""

import os
import pwd
import re
from collections.abc import Iterator
from pathlib import Path

from porteye_core.errors import SourceError
from porteye_core.owners import cgroup
from porteye_core.owners.fd_holders import pids
from porteye_core.owners.linux_processes import stat
from porteye_core.stopping.handles import Handle
from porteye_core.stopping.port_tables import holders, holds
from porteye_core.stopping.targets import Found, Own, Target, Unit

_TICKS = os.sysconf("SC_CLK_TCK")
_SERVICE = ".service"
_MANAGER = re.compile(r"user@(\d{1,10})\.service")


def found(target: Target, handle: Handle) -> Found:
    """The process that a handle has been opened for, as it is now."""
    described = stat(target.pid)
    if described is None or handle.has_ended(0):
        return Found(None)
    started_at = target.booted_at + described.started * 1_000_000 // _TICKS
    groups = _text(target.pid, "cgroup")
    held = holds(target.pid, target.inode)
    return Found(
        started_at,
        held,
        holders([target.inode]) if held is False else (),
        handle.may_signal(),
        cgroup.parse(groups).container,
        _is_nested(target.pid),
        _unit(groups),
    )


def own(monitor: int | None) -> Own:
    """PortEye's own processes; monitor: the one of the database."""
    me = os.getpid()
    groups = _text(me, "cgroup")
    watching = _text(monitor, "cgroup") if monitor else ""
    uid = os.geteuid()
    return Own(
        _user(uid),
        uid,
        frozenset({me, *_ancestors(me), *_descendants(me)}),
        monitor,
        cgroup.parse(groups).container,
        frozenset(re.split(r"[/\n]", f"{groups}\n{watching}")) - {""},
        _is_nested(me),
    )


def _unit(groups: str) -> Unit | None:
    """The service of a process, None if it is in none that a manager of this machine has."""
    belonging = cgroup.parse(groups)
    if belonging.container or not belonging.unit.endswith(_SERVICE):
        return None
    managers = _MANAGER.findall(groups)
    is_manager = _MANAGER.fullmatch(belonging.unit) is not None
    return Unit(belonging.unit, int(managers[0]) if managers and not is_manager else None)


def _is_nested(pid: int) -> bool:
    """Tell that a process is in a pid namespace below the one that /proc is of."""
    _, line, rest = _text(pid, "status").partition("\nNSpid:\t")
    return bool(line) and len(rest.partition("\n")[0].split()) > 1


def _ancestors(pid: int) -> Iterator[int]:
    """The processes that one comes from, without the first of all, which is everybody's."""
    described = stat(pid)
    while described and described.ppid > 1:
        yield described.ppid
        described = stat(described.ppid)


def _descendants(pid: int) -> set[int]:
    try:
        parents = {each: described.ppid for each in pids() if (described := stat(each))}
    except SourceError:
        return set()
    below, newer = set[int](), {pid}
    while newer:
        newer = {each for each, parent in parents.items() if parent in newer} - below
        below |= newer
    return below


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _text(pid: int, name: str) -> str:
    try:
        return Path(f"/proc/{pid}/{name}").read_text("utf-8", "replace")
    except OSError:
        return ""
