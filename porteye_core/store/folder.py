"""The folder that a file is made in, and who else could exchange names there or on the way to it.

SQLite opens its files by path. Where another user may exchange a folder or a file for a link, a
path leads root to any file of the machine. So root takes on the rights of that user, which reach no
further than the user's own do, and makes no file where several users may do so. Access control
lists are not looked at, nor are groups that root is a member of.
"""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from porteye_core.errors import StoreError
from porteye_core.store.caller import caller, group_of

_MOST_LINKS = 40  # as Linux follows
_WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder as it was found.

    strangers: users, other than root and the user of this process, who own it or a folder or a link
    on the way to it; exposed: the first folder on the way that is none of theirs, and in which all
    users or a group may exchange names; is_shared: that is so of the folder itself, or, with
    is_sticky, that they may add names to it and exchange none of others.
    """

    path: Path
    strangers: frozenset[int] = frozenset()
    exposed: Path | None = None
    is_shared: bool = False
    is_sticky: bool = False

    @classmethod
    def of(cls, path: Path) -> Self:
        """Look at every folder and link on the way; a path that leads nowhere has no strangers."""
        if os.name == "nt":
            return cls(path)
        try:
            *way, (_, itself) = _steps(path)
        except OSError:
            return cls(path)
        known = {0, os.geteuid()}
        owners = {found.st_uid for _, found in way} | {itself.st_uid}
        exposed = (
            step
            for step, found in way
            if found.st_uid in known and _is_open(found) and not _is_sticky(found)
        )
        return cls(
            path,
            frozenset(filter(_is_user, owners - known)),
            next(exposed, None),
            itself.st_uid in known and _is_open(itself),
            _is_sticky(itself),
        )

    @property
    def is_own(self) -> bool:
        """Nobody else can add or exchange a name in it."""
        return not (self.strangers or self.exposed or self.is_shared)

    @contextmanager
    def rights(self) -> Iterator[None]:
        """While the block runs, root has the rights of the user who could exchange names here.

        Raises StoreError if more than one could, or if root may not become that user.
        """
        user = self._user()
        if user is None:
            yield
            return
        kept = os.getgroups(), os.getegid()
        try:
            os.setgroups([])
            os.setegid(group_of(user))
            os.seteuid(user)
        except OSError as err:
            _become_root_again(*kept)
            raise StoreError(
                f"Root cannot take on the rights of the user {user}, who could exchange what is in"
                f" {self.path}: {err.strerror}.",
                "Choose a folder of root's own.",
            ) from err
        try:
            yield
        finally:
            _become_root_again(*kept)

    def _user(self) -> int | None:
        """The user whose rights root takes on, None for its own."""
        if os.name == "nt" or os.geteuid() != 0:
            return None
        exposed = self.path if self.is_shared and not self.is_sticky else self.exposed
        if exposed:
            raise StoreError(
                f"Other users may exchange what is in {exposed}, so root makes no file there.",
                f"Choose a folder of root's own, or close it: chmod go-w {exposed}",
            )
        if len(self.strangers) > 1:
            users = ", ".join(map(str, sorted(self.strangers)))
            raise StoreError(
                f"Several users ({users}) may exchange what is in {self.path} or above it, so root"
                " makes no file there.",
                "Choose a folder of root's own.",
            )
        return next(iter(self.strangers), caller() if self.is_shared else None)

    @contextmanager
    def opened(self) -> Iterator[int]:
        """A descriptor of the folder, for names that are made in it and cannot lead elsewhere."""
        # What is in the folder itself cannot be exchanged beneath a descriptor of it.
        with Folder(self.path, self.strangers, self.exposed).rights():
            fd = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            if self.strangers and os.geteuid() == 0 and os.fstat(fd).st_uid not in self.strangers:
                raise StoreError(
                    f"The way to {self.path} leads through folders of the user"
                    f" {min(self.strangers)}, who could exchange it.",
                    "Choose another folder.",
                )
            yield fd
        finally:
            os.close(fd)


def _steps(path: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """Every folder and link on the way to a folder, and itself. Raises OSError."""
    at, left, links = Path("/"), [*reversed(path.absolute().parts[1:])], 0
    yield at, at.lstat()
    while left:
        name = left.pop()
        if name == "..":
            at = at.parent
            yield at, at.lstat()
            continue
        step = at / name
        found = step.lstat()
        yield step, found
        if not stat.S_ISLNK(found.st_mode):
            at = step
            continue
        links += 1
        if links > _MOST_LINKS:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        target = step.readlink()
        if target.is_absolute():
            at = Path("/")
            yield at, at.lstat()
        left += reversed([part for part in target.parts if part != "/"])


def _is_user(number: int) -> bool:
    """A user of this namespace; what belongs to others, root of the host for one, all shows as the
    overflow user, and none of this namespace may change it."""
    try:
        ranges = Path("/proc/self/uid_map").read_text().splitlines()
    except OSError:
        return True
    return any(
        int(first) <= number < int(first) + int(count)
        for first, _, count in (each.split() for each in ranges)
    )


def _is_sticky(found: os.stat_result) -> bool:
    return bool(found.st_mode & stat.S_ISVTX)


def _is_open(found: os.stat_result) -> bool:
    """Users other than its owner may write to it; the groups of this process count as itself."""
    if not stat.S_ISDIR(found.st_mode) or not found.st_mode & _WRITABLE_BY_OTHERS:
        return False
    others = found.st_mode & stat.S_IWOTH
    return bool(others) or found.st_gid not in {0, os.getegid(), *os.getgroups()}


def _become_root_again(groups: list[int], group: int) -> None:
    os.seteuid(0)
    os.setegid(group)
    os.setgroups(groups)
