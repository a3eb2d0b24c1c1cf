"""The form of a program's definition, and what its steps are made of."""

import os
import shlex
import signal
import socket
import subprocess
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from string import Template
from typing import Self

from benchmarks.service import until

_LONGEST = 60.0  # seconds that a command may take, and a file until it is there


class StepError(Exception):
    """A program did not do what a step says of it: no fault of PortEye's."""


@dataclass(frozen=True, slots=True)
class Step:
    """An action, and what ss shows after it: so many sockets, each held by so many processes.

    changes: whether sockets, holders, users or command lines differ from those before it.
    """

    name: str
    act: Callable[["Place"], None]
    sockets: int = 1
    holders: int = 1
    changes: bool = True


@dataclass(frozen=True, slots=True)
class Program:
    """A program, and its steps from start to end.

    needs: an executable's name or, with a slash, a pattern of its path, by the word that stands
    for it. files: text by name. prepare: commands before the first step. Everywhere `$word` stands
    for an executable, `$folder` for the program's own folder and `$port`, `$port2` for ports.
    user: the one that starts it, root if empty.
    """

    name: str
    needs: Mapping[str, str]
    steps: tuple[Step, ...]
    files: Mapping[str, str] = field(default_factory=dict)
    prepare: tuple[str, ...] = ()
    user: str = ""


class Place:
    """The folder, ports and executables of one running program, and what was started in it."""

    def __init__(self, program: Program, folder: Path, words: Mapping[str, str]) -> None:
        self._program = program
        self._folder = folder
        self._words = {**words, "folder": str(folder)}
        self._stack = ExitStack()
        self._last: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def prepare(self) -> None:
        """Write the files and run the commands before the first step."""
        # A server that gives up root's rights has to read its files, and one writes its pid.
        self._folder.chmod(0o777)
        for name, text in self._program.files.items():
            (self._folder / name).write_text(self._fill(text))
        for command in self._program.prepare:
            self.run(command)

    def run(self, command: str) -> None:
        """Run a command to its end; what it leaves behind stays. Raises StepError."""
        process = self._start(command)
        try:
            status = process.wait(_LONGEST)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise StepError(f"{command} does not end") from None
        if status:
            raise StepError(f"{command} ended with status {status}: {self.log()}")

    def start(self, command: str) -> None:
        """Start a command that stays in the foreground."""
        self._last = self._start(command)
        self._stack.callback(self._last.wait)

    def signal(self, number: int, pid_file: str) -> None:
        """Send a signal to the process of a pid file, or to the one that was started last."""
        if not pid_file:
            assert self._last
            self._last.send_signal(number)
            return
        path = self._folder / pid_file
        if not until(lambda: path.exists() and path.read_text().strip(), _LONGEST):
            raise StepError(f"there is no {pid_file}")
        os.kill(int(path.read_text().split()[0]), number)

    def visit(self) -> None:
        """Connect a client to `$port`, and stay connected until the program's end."""
        address = ("127.0.0.1", int(self._words["port"]))
        self._stack.enter_context(socket.create_connection(address, _LONGEST))

    def log(self) -> str:
        """The end of what the program printed."""
        return (self._folder / "output").read_text(errors="replace")[-500:].strip()

    def _start(self, command: str) -> "subprocess.Popen[bytes]":
        with (self._folder / "output").open("ab") as output:
            return subprocess.Popen(
                shlex.split(self._fill(command)),
                cwd=self._folder,
                user=self._program.user or None,
                group=self._program.user or None,
                extra_groups=[] if self._program.user else None,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def _fill(self, text: str) -> str:
        return Template(text).substitute(self._words)


def run(command: str) -> Callable[[Place], None]:
    """A step that runs a command to its end."""
    return lambda place: place.run(command)


def start(command: str) -> Callable[[Place], None]:
    """A step that starts a command and leaves it running."""
    return lambda place: place.start(command)


def send(name: str, pid_file: str = "") -> Callable[[Place], None]:
    """A step that sends the signal of this name to the process of a pid file, else to the one that
    was started last."""
    number = signal.Signals[f"SIG{name}"]
    return lambda place: place.signal(number, pid_file)


def visit(place: Place) -> None:
    """A step in which a client connects and stays."""
    place.visit()
