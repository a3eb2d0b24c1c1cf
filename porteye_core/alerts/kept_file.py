"""A file of settings that is read again when it changes; the last good one stays in force."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

from porteye_core.errors import PortEyeError

T = TypeVar("T")


class KeptFile(Generic[T]):
    """A file with a value; value: None until a good one was there. trouble: why the file as it is
    now cannot be used, empty if it can.

    find: the path, as it may change; text, parse: of a file. All of them raise PortEyeError.
    """

    def __init__(
        self,
        name: str,
        find: Callable[[], Path],
        text: Callable[[Path], str],
        parse: Callable[[str, Path], T],
    ) -> None:
        self.name = name
        self._find, self._text, self._parse = find, text, parse
        self._state: tuple[object, ...] | None = None
        self.value: T | None = None
        self.good_text = ""
        self.trouble = ""

    def take(self, kept: str) -> None:
        """Take up the text that was last in force, before the file is read."""
        try:
            self.value = self._parse(kept, Path(self.name))
        except PortEyeError:  # of a later version
            return
        self.good_text = kept

    def has_changed(self) -> bool:
        """Read the file if it is another one than before; tell that value or trouble differ."""
        before = self.trouble, self.good_text
        try:
            file = self._find()
            state = _state(file)
            if state == self._state:
                return False
            self._state = state
            text = self._text(file)
            self.value = self._parse(text, file)
            self.good_text, self.trouble = text, ""
        except PortEyeError as err:
            self.trouble = str(err)
            if self._state != (self.trouble,) and not _is_there(self._find):
                self._state = (self.trouble,)
        return before != (self.trouble, self.good_text)


def _state(file: Path) -> tuple[object, ...]:
    try:
        found = file.stat()
    except OSError:
        return (str(file),)
    return str(file), found.st_mtime_ns, found.st_size, found.st_ino, found.st_mode


def _is_there(find: Callable[[], Path]) -> bool:
    try:
        return os.path.lexists(find())
    except PortEyeError:
        return False
