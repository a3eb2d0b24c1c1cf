"""Administrative rights: those that this process has, and the way in which its user gets them."""

import ctypes
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from porteye_core.errors import PrivilegeError

# Capability numbers: linux/capability.h. ptrace_may_access() in kernel/ptrace.c asks for
# CAP_SYS_PTRACE to read another user's descriptors, generic_permission() in fs/namei.c for either
# of the other two to list them, and setns(2) for CAP_SYS_ADMIN.
_CAP_DAC_OVERRIDE = 1 << 1
_CAP_DAC_READ_SEARCH = 1 << 2
_CAP_SYS_PTRACE = 1 << 19
_CAP_SYS_ADMIN = 1 << 21

# PROC_USER_INIT_INO, linux/proc_ns.h. The map of its users does not tell: another namespace can
# have the same.
_INITIAL_USER_NAMESPACE = 0xEFFFFFFD


@dataclass(frozen=True, slots=True)
class Rights:
    """The rights of this process over the rest of the machine.

    reads_everyone: it can read which process of any user holds a socket; enters_namespaces: it can
    scan other network namespaces; is_confined: its capabilities count in a user namespace alone;
    missing: the capabilities that root lacks to read everyone.
    """

    reads_everyone: bool
    enters_namespaces: bool = False
    is_confined: bool = False
    missing: tuple[str, ...] = ()

    @property
    def lack(self) -> str:
        """The processes that cannot be read, and why, as a sentence."""
        if self.is_confined:
            return (
                "The monitor runs in a user namespace and has no rights outside of it: the owners"
                " of sockets outside of it are hidden."
            )
        if self.missing:
            names = " and no ".join(self.missing)
            return f"Root has no {names} here: the owners of others' sockets are hidden."
        return "Without administrative rights the owners of other users' sockets are hidden."

    def remedy(self, argv: Sequence[str]) -> str:
        """The way to start the program of this command line with the rights that it lacks."""
        if self.missing:
            return f"Let its service or container have {' and '.join(self.missing)}."
        where = " outside of the user namespace" if self.is_confined else ""
        return f"Run{where}: {how_to_elevate(argv)}"


def rights(process: Path = Path("/proc/self")) -> Rights:
    """The rights that this process has now.

    On Linux the capabilities decide, and the user namespace that they are of: root in a container
    often lacks them, and any user is root of a user namespace that he makes.
    """
    if sys.platform == "win32":
        return Rights(bool(ctypes.windll.shell32.IsUserAnAdmin()))
    capabilities = _effective_capabilities(process / "status")
    if capabilities is None:  # no procfs: macOS and the BSDs have no capabilities either
        return Rights(os.geteuid() == 0)
    if not _is_initial(process / "ns" / "user"):
        return Rights(reads_everyone=False, is_confined=True)
    may_trace = bool(capabilities & _CAP_SYS_PTRACE)
    may_list = bool(capabilities & (_CAP_DAC_READ_SEARCH | _CAP_DAC_OVERRIDE))
    wanted = (("CAP_SYS_PTRACE", may_trace), ("CAP_DAC_READ_SEARCH", may_list))
    return Rights(
        reads_everyone=may_trace and may_list,
        enters_namespaces=may_trace and bool(capabilities & _CAP_SYS_ADMIN),
        missing=tuple(name for name, has in wanted if not has) if os.geteuid() == 0 else (),
    )


def _effective_capabilities(status: Path) -> int | None:
    try:
        lines = status.read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1], 16) for line in lines if line.startswith("CapEff:")), None)


def _is_initial(namespace: Path) -> bool:
    try:
        return namespace.stat().st_ino == _INITIAL_USER_NAMESPACE
    except OSError:  # a kernel without user namespaces has none but that one
        return True


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
