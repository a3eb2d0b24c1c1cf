"""Machines of a test: namespaces with a network, processes and a name of their own."""

import functools
import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from tests.kit.service import PROJECT
from tests.kit.unit import missing
from tests.kit.waiting import until

# Process 1 of a machine, whose end ends all others in it.
_BOOT = 'hostname "$0" && ip link set lo up && echo up && exec sleep infinity'
_APART = ("--net", "--pid", "--mount", "--uts", "--mount-proc", "--fork", "--kill-child")
_NETWORK = "192.0.2"  # for documentation (RFC 5737): no machine has such an address


@functools.cache
def unmakeable() -> str:
    """Why there can be no such machines here; empty if there can."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return "only root can make network namespaces"
    if said := missing("ip", "unshare", "nsenter", "setpriv"):
        return said
    tried = "ip link add porteye0 type bridge && ip link add porteye1 type veth peer name porteye2"
    done = subprocess.run(
        ["unshare", "--net", "sh", "-c", tried], capture_output=True, text=True, check=False
    )
    return done.stderr.strip()


needs_machines = pytest.mark.skipif(bool(unmakeable()), reason=unmakeable() or "they can be made")


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine by the pid of its process 1 outside."""

    name: str
    pid: int
    address: str

    def command(self, *words: str, cwd: Path = PROJECT) -> list[str]:
        """The command that runs these words there, as a child of what runs it."""
        where = ("--net", "--pid", "--mount", "--uts", f"--wdns={cwd}")
        return ["nsenter", "-t", str(self.pid), *where, "--", *words]

    @property
    def network(self) -> tuple[str, ...]:
        """What begins a command that shall be in its network alone, and keeps its pid."""
        return ("nsenter", "-t", str(self.pid), "--net", "--")

    def run(self, *words: str) -> None:
        subprocess.run([*self.network, *words], check=True)


class Network:
    """A machine with a switch, and others that are connected to it."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._count = 0
        self.server = self._machine("server")
        self.server.run("ip", "link", "add", "switch", "type", "bridge")
        self.server.run("ip", "addr", "add", f"{self.server.address}/24", "dev", "switch")
        self.server.run("ip", "link", "set", "switch", "up")

    def join(self, name: str) -> Machine:
        """A further machine, connected to the switch."""
        made = self._machine(name)
        ends = ("peer", "name", name, "netns", str(self.server.pid))
        made.run("ip", "link", "add", "eth0", "type", "veth", *ends)
        made.run("ip", "addr", "add", f"{made.address}/24", "dev", "eth0")
        made.run("ip", "link", "set", "eth0", "up")
        self.server.run("ip", "link", "set", name, "master", "switch", "up")
        return made

    def cut(self, machine: Machine) -> None:
        """Pull the machine's cable out of the switch."""
        self.server.run("ip", "link", "set", machine.name, "down")

    def mend(self, machine: Machine) -> None:
        self.server.run("ip", "link", "set", machine.name, "up")

    def _machine(self, name: str) -> Machine:
        self._count += 1
        pid = self._stack.enter_context(_booted(name))
        return Machine(name, pid, f"{_NETWORK}.{self._count}")


@contextmanager
def network() -> Iterator[Network]:
    """A network whose machines end with the block, and with the test run at the latest."""
    with ExitStack() as stack:
        yield Network(stack)


@contextmanager
def _booted(name: str) -> Iterator[int]:
    process = subprocess.Popen(
        ["setpriv", "--pdeathsig", "KILL", "--", "unshare", *_APART, "sh", "-c", _BOOT, name],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        (first,) = until(psutil.Process(process.pid).children, "there is a process 1")
        yield first.pid
    finally:
        process.kill()
        process.communicate()
