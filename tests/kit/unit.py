"""What deploy/porteye.service says, and commands that hold a program to it."""

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.kit.service import PROJECT

UNIT = PROJECT / "deploy" / "porteye.service"
_SET_MDWE = (
    "import ctypes, os, sys; ctypes.CDLL(None).prctl(65, 1, 0, 0, 0);"
    " os.execvp(sys.argv[1], sys.argv[1:])"
)


def words(name: str, unit: Path = UNIT) -> list[str]:
    """The words of a setting, all its lines together."""
    lines = unit.read_text().splitlines()
    return " ".join(line.split("=", 1)[1] for line in lines if line.startswith(f"{name}=")).split()


def confined(*command: str) -> list[str]:
    """The command with the unit's capabilities alone, without new ones and, where the kernel can
    (6.3), without memory that is writable and executable."""
    kept = [f"+{name.removeprefix('CAP_').lower()}" for name in words("CapabilityBoundingSet")]
    bound = ",".join(("-all", *kept))
    limits = ["--bounding-set", bound, "--inh-caps", "-all", "--no-new-privs"]
    return ["setpriv", *limits, sys.executable, "-c", _SET_MDWE, *command]


def missing(*programs: str) -> str:
    """Why a test cannot run: the programs that are not here; empty if all are."""
    absent = [name for name in programs if shutil.which(name) is None]
    return f"there is no {', '.join(absent)} here" if absent else ""


def allowed_calls() -> set[str]:
    """The names of the system calls that the unit's filter lets through."""
    allowed: set[str] = set()
    sign = True
    for word in words("SystemCallFilter"):
        if word.startswith("~"):
            sign = False
        elif word == "@system-service":
            sign = True
        group = _expanded([word.removeprefix("~")])
        allowed = allowed | group if sign else allowed - group
    return allowed


def _expanded(names: Sequence[str]) -> set[str]:
    found: set[str] = set()
    for name in names:
        if not name.startswith("@"):
            found.add(name)
            continue
        command = ["systemd-analyze", "syscall-filter", name]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        inner = [line.strip() for line in said.splitlines()[1:]]
        found |= _expanded([each for each in inner if each and not each.startswith("#")])
    return found
