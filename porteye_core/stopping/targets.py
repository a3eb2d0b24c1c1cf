"""A process that is to be stopped, what the system says of it, and the reasons not to; pure."""

import shlex
from dataclasses import dataclass

from porteye_core.containers import parts, short_container
from porteye_core.model import Protocol

_LAST_OF_SYSTEM = 2  # pid 1 is the first process, 2 the kernel's threads


@dataclass(frozen=True, slots=True)
class Target:
    """The owner of a listener, as the store knows it.

    started_at, booted_at: its start and the boot that starts count from; inode: of the socket.
    """

    listener: int
    pid: int
    started_at: int
    booted_at: int
    inode: int
    protocol: Protocol
    port: int
    name: str

    @property
    def shown(self) -> str:
        """The process within a sentence."""
        return f"{self.name} (pid {self.pid})" if self.name else f"process {self.pid}"

    @property
    def shown_first(self) -> str:
        """The process at the beginning of a sentence."""
        return self.shown if self.name else f"Process {self.pid}"


@dataclass(frozen=True, slots=True)
class Unit:
    """A service of a manager; of_user: of a user's, by his number, None for the system's."""

    name: str
    of_user: int | None = None

    def command(self, *, as_root: bool = False) -> str:
        """The command that stops it."""
        manager = "--user " if self.of_user is not None else "sudo " if as_root else ""
        first, second = ("", manager) if self.of_user is not None else (manager, "")
        return f"{first}systemctl {second}stop {shlex.quote(self.name)}"


@dataclass(frozen=True, slots=True)
class Found:
    """A process as the system describes it now.

    started_at: as the store counts, None if there is none. holds: it has the socket open, None if
    that cannot be read. holders: the others that have. is_nested: it is in another pid namespace.
    """

    started_at: int | None
    holds: bool | None = None
    holders: tuple[str, ...] = ()
    may_signal: bool = True
    container: str = ""
    is_nested: bool = False
    unit: Unit | None = None


@dataclass(frozen=True, slots=True)
class Own:
    """PortEye's own processes.

    family: the dashboard, those that it comes from, and those that it has started. monitor: the one
    of the database. units: those that the dashboard or the monitor runs in.
    """

    user: str
    uid: int
    family: frozenset[int]
    monitor: int | None
    container: str
    units: frozenset[str]
    is_nested: bool = False


@dataclass(frozen=True, slots=True)
class Refusal:
    """The reason why a process is not stopped from here, and the command to run instead."""

    message: str
    command: str = ""


def refusal(target: Target, found: Found, own: Own, *, needs_socket: bool = True) -> Refusal | None:
    """The reason not to stop a process, None if there is none; needs_socket: it must still hold the
    socket, which one that was asked to end may have let go."""
    return (
        _of_ours(target, own)
        or _of_another(target, found)
        or _of_elsewhere(found, own)
        or (_of_socket(target, found, own) if needs_socket else None)
        or (None if found.may_signal else _forbidden(target, found, own))
    )


def offered_unit(found: Found, own: Own) -> Unit | None:
    """The unit that can be stopped from here: not one that PortEye itself runs in."""
    unit = found.unit
    if unit is None or unit.name in own.units:
        return None
    return unit if own.uid == (unit.of_user or 0) else None


def _of_ours(target: Target, own: Own) -> Refusal | None:
    if target.pid <= _LAST_OF_SYSTEM:
        return Refusal(
            f"The system itself runs on process {target.pid}. A port that systemd has belongs to a"
            " socket unit.",
            "systemctl list-sockets --all",
        )
    if target.pid in own.family:
        return Refusal("It is this dashboard, or one that it runs under or has started.")
    if target.pid == own.monitor:
        return Refusal("It is the monitor of PortEye.")
    return None


def _of_another(target: Target, found: Found) -> Refusal | None:
    if found.started_at is None:
        return Refusal(f"Process {target.pid} has ended.")
    if found.started_at != target.started_at:
        return Refusal(
            f"Pid {target.pid} is another process now: the one that had the port has ended, and its"
            " number was given away again."
        )
    return None


def _of_elsewhere(found: Found, own: Own) -> Refusal | None:
    if found.container != own.container:
        runtime, name, _ = parts(found.container)
        shown = short_container(f"{runtime}:{name}")
        if not shown.strip(":"):
            return Refusal("This dashboard runs in a container, and the process does not.")
        stops = runtime in ("docker", "podman")
        command = f"{runtime} stop {shlex.quote(shown.partition(':')[2])}" if stops else ""
        return Refusal(f"It runs in the container {shown}: stop it there.", command)
    if found.is_nested or own.is_nested:
        return Refusal("It is in another pid namespace than this dashboard.")
    return None


def _of_socket(target: Target, found: Found, own: Own) -> Refusal | None:
    if found.holds is None:
        return Refusal(
            f"The user {own.user}, who runs this dashboard, may not see what {target.shown} holds.",
            _by_hand(target, found),
        )
    if not found.holds:
        heirs = f": {', '.join(found.holders)} does" if found.holders else ""
        return Refusal(f"{target.shown_first} does not hold this socket any more{heirs}.")
    return None


def _forbidden(target: Target, found: Found, own: Own) -> Refusal:
    return Refusal(
        f"The user {own.user}, who runs this dashboard, may not stop {target.shown}.",
        _by_hand(target, found),
    )


def _by_hand(target: Target, found: Found) -> str:
    if found.unit is not None and found.unit.of_user is None:
        return found.unit.command(as_root=True)
    return f"sudo kill {target.pid}"
