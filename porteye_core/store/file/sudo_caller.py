"""User who called sudo: the owner of the files that root makes for them."""

import os
import sys
from collections.abc import Mapping

# (uid_t) -1 means "no change" to the kernel.
_MAX_ID = 2**32 - 2
_NOBODY = 65534


def caller(environ: Mapping[str, str] = os.environ) -> int | None:
    """User id in SUDO_UID; None if it is root or no id."""
    return _id(environ.get("SUDO_UID", "")) or None


def callers_group(environ: Mapping[str, str] = os.environ) -> int:
    """Group id in SUDO_GID; -1, which fchown(2) takes as "no change", if it is no id."""
    group = _id(environ.get("SUDO_GID", ""))
    return -1 if group is None else group


def group_of(user: int) -> int:
    """Primary group of a user; that of nobody for a user without an entry in passwd."""
    if sys.platform == "win32":
        return _NOBODY
    import pwd  # noqa: PLC0415 - Windows has none

    try:
        return pwd.getpwuid(user).pw_gid
    except KeyError:
        return _NOBODY


def _id(text: str) -> int | None:
    if not (text.isascii() and text.isdecimal() and len(text) <= 10):
        return None
    value = int(text)
    return value if value <= _MAX_ID else None
