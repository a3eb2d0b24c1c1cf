"""Users beside root who may change a program that root would run."""

import os
import stat
from pathlib import Path


def foreign_owner(path: Path) -> tuple[Path, str] | None:
    """The first file or folder on the way to a path that somebody else than root may change, and
    who; None if there is none. Groups are ignored: Debian lets `staff` write to /usr/local."""
    if os.name == "nt":
        return None
    for step in reversed([path, *path.parents]):
        status = step.lstat()
        is_link, is_sticky = stat.S_ISLNK(status.st_mode), status.st_mode & stat.S_ISVTX
        if status.st_uid != 0:
            return step, f"the user {_name(status.st_uid)}"
        if status.st_mode & stat.S_IWOTH and not (is_link or is_sticky):
            return step, "every user"
    return None


def _name(uid: int) -> str:
    import pwd  # noqa: PLC0415 - Windows has none

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
