"""The user who called sudo, to whom what root makes belongs."""

import os
import sys
from collections.abc import Mapping

# (uid_t) -1 means "no change" to the kernel.
_MOST = 2**32 - 2
_NOBODY = 65534


def caller(environ: Mapping[str, str] = os.environ) -> int | None:
    """The user of SUDO_UID, None if that names no user other than root."""
    return _number(environ.get("SUDO_UID", "")) or None


def callers_group(environ: Mapping[str, str] = os.environ) -> int:
    """The group of SUDO_GID, or -1, which leaves a group as it is, if that names none."""
    group = _number(environ.get("SUDO_GID", ""))
    return -1 if group is None else group


def group_of(user: int) -> int:
    """The group of a user, that of nobody for a user whom the system does not know."""
    if sys.platform == "win32":
        return _NOBODY
    import pwd  # noqa: PLC0415 - Windows has none

    try:
        return pwd.getpwuid(user).pw_gid
    except KeyError:
        return _NOBODY


def _number(text: str) -> int | None:
    if not (text.isascii() and text.isdecimal() and len(text) <= 10):
        return None
    number = int(text)
    return number if number <= _MOST else None
