"""Processes with the rights of a user namespace alone."""

import ctypes
import functools
import os
import shutil
import subprocess
from pathlib import Path

import pytest

_CLONE_NEWUSER = 0x10000000


def become_root_of_a_namespace() -> None:
    """Enter a new user namespace, in which this process is root, as `unshare -Ur` does."""
    user, group = os.getuid(), os.getgid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWUSER):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"0 {user} 1")
    Path("/proc/self/gid_map").write_text(f"0 {group} 1")


@functools.cache
def refusal() -> str:
    """The reason why there are no user namespaces here, empty if there are."""
    if not shutil.which("unshare"):
        return "there is no unshare here"
    done = subprocess.run(["unshare", "-Ur", "true"], capture_output=True, text=True, check=False)
    return done.stderr.strip()


def skip_if_refused() -> None:
    """Skip the test that calls this where no user namespace can be made."""
    if refusal():
        pytest.skip(refusal())
