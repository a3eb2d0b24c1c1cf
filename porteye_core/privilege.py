"""Administrative rights: whether this process has them, and how its user gets them."""

import ctypes
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from porteye_core.errors import PrivilegeError

# capability numbers: linux/capability.h. Reading another user's /proc/<pid>/fd takes
# CAP_SYS_PTRACE, and listing it CAP_DAC_READ_SEARCH.
_CAP_DAC_READ_SEARCH = 1 << 2
_CAP_SYS_PTRACE = 1 << 19
_NEEDED = _CAP_DAC_READ_SEARCH | _CAP_SYS_PTRACE


def is_admin(status: Path = Path("/proc/self/status")) -> bool:
    """Whether every process's sockets can be read: capabilities, root, or an elevated token.

    On Linux the capabilities decide: root in a container often lacks them.
    """
    if sys.platform == "win32":
        return bool(ctypes.windll.shell32.IsUserAnAdmin())
    capabilities = _effective_capabilities(status)
    if capabilities is None:  # no procfs: macOS and the BSDs have no capabilities either
        return os.geteuid() == 0
    return capabilities & _NEEDED == _NEEDED


def _effective_capabilities(status: Path) -> int | None:
    try:
        lines = status.read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1], 16) for line in lines if line.startswith("CapEff:")), None)


def how_to_elevate(argv: Sequence[str]) -> str:
    """The command line that would start the same program with administrative rights."""
    if sys.platform == "win32":
        return f"{subprocess.list2cmdline(argv)} --elevate"
    return f"sudo {subprocess.list2cmdline(argv)}"


def elevate(argv: Sequence[str], run: Callable[..., int] | None = None) -> None:
    """Start this program again through UAC; raises PrivilegeError where that cannot be done.

    `run` stands for ShellExecuteW, whose results above 32 mean success.
    """
    if run is None:
        if sys.platform != "win32":
            raise PrivilegeError(
                "--elevate asks Windows for rights, and this is not Windows.",
                f"Run: {how_to_elevate(argv)}",
            )
        run = ctypes.windll.shell32.ShellExecuteW
    arguments = subprocess.list2cmdline([word for word in argv[1:] if word != "--elevate"])
    if run(None, "runas", argv[0], arguments, None, 1) <= 32:
        raise PrivilegeError("Windows did not grant administrative rights.", "Accept its question.")
