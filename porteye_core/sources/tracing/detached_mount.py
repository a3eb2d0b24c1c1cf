"""Mount without a path: it ends with its last descriptor, even if its owner is killed."""

import ctypes
import os

# fsopen(2), fsconfig(2), fsmount(2): Linux 5.2; these numbers are the same on every architecture
# but alpha. The flags are those of linux/mount.h.
_FSOPEN, _FSCONFIG, _FSMOUNT = 430, 431, 432
_CLOSE_ON_EXEC = 1
_CREATE = 6
_NO_SUID_DEV_EXEC = 2 | 4 | 8


def detached_mount(kind: str) -> int:
    """Mount a file system; return a descriptor of its root. Raises OSError."""
    context = _call(_FSOPEN, kind.encode(), _CLOSE_ON_EXEC)
    try:
        _call(_FSCONFIG, context, _CREATE, None, None, 0)
        return _call(_FSMOUNT, context, _CLOSE_ON_EXEC, _NO_SUID_DEV_EXEC)
    finally:
        os.close(context)


def _call(number: int, *arguments: int | bytes | None) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    result = int(libc.syscall(ctypes.c_long(number), *arguments))
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result
