"""Folder of a file, and the users who could exchange names in it or on the way to it.

SQLite opens its files by path. If another user may exchange a folder or a file for a link, the path
can lead root to any file of the machine. So root takes on the rights of that user, who gains no
right by such a link, and makes no file where several users may exchange names. Access control lists
and groups with root as a member are ignored.
"""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from porteye_core.errors import StoreError
from porteye_core.places import is_own_folder
from porteye_core.store.file.sudo_caller import caller, group_of

_MAX_LINKS = 40  # as in Linux (path_resolution(7))
_WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH


@dataclass(frozen=True, slots=True)
class Folder:
    """State of a folder and of the way to it.

    strangers: users other than root and the process's own who own the folder, or a folder or link
    on the way; exposed: the first folder on the way, owned by no stranger, in which all users or a
    group may exchange names; is_shared: all users or a group may exchange names in the folder
    itself, or, with is_sticky, only add names.
    """

    path: Path
    strangers: frozenset[int] = frozenset()
    exposed: Path | None = None
    is_shared: bool = False
    is_sticky: bool = False

    @classmethod
    def of(cls, path: Path) -> Self:
        """Read every folder and link on the way; a path that does not exist has no strangers."""
        if os.name == "nt":
            return cls(path)
        try:
            *way, (_, itself) = _steps(path)
        except OSError:
            return cls(path)
        trusted = {0, os.geteuid()}
        owners = {status.st_uid for _, status in way} | {itself.st_uid}
        exposed = (
            step
            for step, status in way
            if status.st_uid in trusted and _is_open(status) and not _is_sticky(status)
        )
        return cls(
            path,
            frozenset(filter(_is_user, owners - trusted)),
            next(exposed, None),
            itself.st_uid in trusted and _is_open(itself),
            _is_sticky(itself),
        )

    @property
    def is_own(self) -> bool:
        """True if no other user can add or exchange a name in the folder."""
        return not (self.strangers or self.exposed or self.is_shared)

    @contextmanager
    def rights(self) -> Iterator[None]:
        """Give root the rights of the user who could exchange names here, during the block.

        Raises StoreError if several users could, or if root cannot become that user.
        """
        user = self._user()
        if user is None:
            yield
            return
        groups = os.getgroups(), os.getegid()
        try:
            os.setgroups([])
            os.setegid(group_of(user))
            os.seteuid(user)
        except OSError as err:
            _become_root_again(*groups)
            raise StoreError(
                f"Root cannot take on the rights of the user {user}, who could exchange files in"
                f" {self.path}: {err.strerror}.",
                "Choose a folder of root's own.",
            ) from err
        try:
            yield
        finally:
            _become_root_again(*groups)

    def _user(self) -> int | None:
        """User whose rights root takes on; None to keep its own. Raises StoreError."""
        if os.name == "nt" or os.geteuid() != 0:
            return None
        exposed = self.path if self.is_shared and not self.is_sticky else self.exposed
        if exposed:
            raise StoreError(
                f"Other users may exchange files in {exposed}, so root makes no file there.",
                f"Choose a folder of root's own, or close it: chmod go-w {exposed}",
            )
        if len(self.strangers) > 1:
            users = ", ".join(map(str, sorted(self.strangers)))
            raise StoreError(
                f"Several users ({users}) may exchange files in {self.path} or above it, so root"
                " makes no file there.",
                "Choose a folder of root's own.",
            )
        return next(iter(self.strangers), caller() if self.is_shared else None)

    @contextmanager
    def opened(self) -> Iterator[int]:
        """Open a descriptor of the folder; names made through it cannot lead elsewhere.

        Raises StoreError.
        """
        # A descriptor names this folder whatever happens to its path: sharing does not matter.
        with Folder(self.path, self.strangers, self.exposed).rights():
            fd = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            if self.strangers and os.geteuid() == 0 and os.fstat(fd).st_uid not in self.strangers:
                raise StoreError(
                    f"The path {self.path} leads through folders of the user"
                    f" {min(self.strangers)}, who could exchange it.",
                    "Choose another folder.",
                )
            yield fd
        finally:
            os.close(fd)


def make_own(folder: Path) -> None:
    """Make a missing folder that has PortEye's own name, for this user alone, and those above it.

    A missing folder of another name is a mistake in a path. Raises StoreError.
    """
    if not is_own_folder(folder) or os.path.lexists(folder):
        return
    missing = [folder]
    while not os.path.lexists(missing[-1].parent):
        missing.append(missing[-1].parent)
    with Folder.of(missing[-1].parent).rights():
        try:
            for each in reversed(missing):
                with suppress(FileExistsError):  # another monitor starts beside this one
                    each.mkdir(0o700)
        except OSError as err:
            raise StoreError(
                f"The folder {folder} of the database cannot be made: {err.strerror}.",
                "Make it, or choose another place with --db.",
            ) from err


def _steps(path: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """Every folder and link on the way to a folder, and the folder itself. Raises OSError."""
    current, names, links = Path("/"), [*reversed(path.absolute().parts[1:])], 0
    yield current, current.lstat()
    while names:
        name = names.pop()
        if name == "..":
            current = current.parent
            yield current, current.lstat()
            continue
        step = current / name
        status = step.lstat()
        yield step, status
        if not stat.S_ISLNK(status.st_mode):
            current = step
            continue
        links += 1
        if links > _MAX_LINKS:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        target = step.readlink()
        if target.is_absolute():
            current = Path("/")
            yield current, current.lstat()
        names += reversed([part for part in target.parts if part != "/"])


def _is_user(uid: int) -> bool:
    """True for a user of this user namespace.

    Files of all other users, such as root of the host, show the overflow uid (user_namespaces(7));
    no user of this namespace may change them.
    """
    try:
        ranges = Path("/proc/self/uid_map").read_text().splitlines()
    except OSError:
        return True
    return any(
        int(first) <= uid < int(first) + int(count)
        for first, _, count in (line.split() for line in ranges)
    )


def _is_sticky(status: os.stat_result) -> bool:
    return bool(status.st_mode & stat.S_ISVTX)


def _is_open(status: os.stat_result) -> bool:
    """True for a folder that others than its owner and this process's groups may write to."""
    if not stat.S_ISDIR(status.st_mode) or not status.st_mode & _WRITABLE_BY_OTHERS:
        return False
    others = status.st_mode & stat.S_IWOTH
    return bool(others) or status.st_gid not in {0, os.getegid(), *os.getgroups()}


def _become_root_again(groups: list[int], group: int) -> None:
    os.seteuid(0)
    os.setegid(group)
    os.setgroups(groups)
