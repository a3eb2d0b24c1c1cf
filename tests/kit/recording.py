"""What a process did to the files of one folder, call by call, as the kernel saw it."""

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_CALLS = (
    "openat,open,creat,write,writev,pwrite64,pwritev,pwritev2,fsync,fdatasync,sync_file_range,"
    "ftruncate,truncate,fallocate,unlink,unlinkat,rename,renameat,renameat2"
)
STRACE = ["strace", "-f", "-qq", "-y", "-xx", "-s", "1000000", "-e", "signal=none"]
_CALL = re.compile(r"\d+ +(\w+)\((.*)\) = (\d+)(?:<[^>]*>)?$")
_PATH = re.compile(r"[<\"]((?:\\x[0-9a-f]{2})+)[>\"]")


@dataclass(frozen=True, slots=True)
class Made:
    """A file that was not there has this name."""

    name: str


@dataclass(frozen=True, slots=True)
class Removed:
    name: str


@dataclass(frozen=True, slots=True)
class Written:
    name: str
    at: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Resized:
    name: str
    size: int


@dataclass(frozen=True, slots=True)
class Synced:
    """Everything written to the file until now is asked to be durable; no name: the folder."""

    name: str


@dataclass(frozen=True, slots=True)
class Renamed:
    name: str
    to: str


Call = Made | Removed | Written | Resized | Synced | Renamed


def why_not() -> str:
    """Why this machine cannot record; empty if it can."""
    try:
        tried = subprocess.run(
            [*STRACE, "-o", "/dev/null", "true"], capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        return "strace is not installed"
    return tried.stderr.strip()


def record(folder: Path, trace: Path, module: str, *arguments: str) -> list[Call]:
    """What a Python module does, run with these arguments, in the folder."""
    command = [*STRACE, "-e", f"trace={_CALLS}", "-o", str(trace), sys.executable, "-m", module]
    subprocess.run([*command, *arguments], check=True)
    names: set[str] = set()
    with trace.open() as lines:
        return [call for line in lines for call in _calls(line, str(folder.resolve()), names)]


def _calls(line: str, folder: str, names: set[str]) -> Iterator[Call]:
    """Those of one line; `names` are of the files that exist."""
    done = _CALL.match(line)
    if not done:
        return
    kind, arguments, _ = done.groups()
    paths = _within(folder, arguments)
    if not paths:
        return
    inside = [path.removeprefix(folder).removeprefix("/") for path in paths]
    yield from _call(kind, inside, arguments, names)


def _call(kind: str, paths: list[str], arguments: str, names: set[str]) -> Iterator[Call]:
    name = paths[-1 if kind == "openat" else 0]
    words = arguments.split(", ")
    match kind:
        case "openat":
            if "O_CREAT" in arguments and name not in names:
                names.add(name)
                yield Made(name)
        case "pwrite64":
            yield Written(name, int(words[-1]), _bytes(words[1]))
        case "write":
            yield Written(name, -1, _bytes(words[1]))
        case "ftruncate":
            yield Resized(name, int(words[-1]))
        case "fsync" | "fdatasync":
            yield Synced(name)
        case "unlink":
            names.remove(name)
            yield Removed(name)
        case "rename":
            names.remove(name)
            names.add(paths[1])
            yield Renamed(name, paths[1])
        case _:
            raise AssertionError(f"a call that the kit does not know: {kind}({arguments[:200]}")


def _within(folder: str, arguments: str) -> list[str]:
    """The paths that are this folder or in it."""
    paths = [_bytes(found).decode(errors="replace") for found in _PATH.findall(arguments)]
    return [path for path in paths if path == folder or path.startswith(folder + "/")]


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text.strip('"').replace("\\x", ""))
