"""A file of settings that is read again when it changes; the last good one stays in force."""

from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

from porteye_core.errors import PortEyeError
from porteye_core.toml_files.reading import stamp_of

T = TypeVar("T")


class KeptFile(Generic[T]):
    """A file with a value; value: None until a good one was there. trouble: why the file as it is
    now cannot be used, empty if it can.

    find: the path, as it may change; text, parse: of a file. All of them raise PortEyeError.
    is_named: a file that is gone is as one that is wrong; else nothing is in force without it, and
    that is no trouble if it is_optional.
    """

    def __init__(
        self,
        name: str,
        find: Callable[[], Path],
        text: Callable[[Path], str],
        parse: Callable[[str, Path], T],
        *,
        is_named: bool,
        is_optional: bool = False,
    ) -> None:
        self.name = name
        self._find, self._text, self._parse = find, text, parse
        self._is_named, self._is_optional = is_named, is_optional
        self._stamp: tuple[object, ...] | None = None
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
        before = self.trouble, self.good_text, self.value is None
        try:
            file = self._find()
        except PortEyeError as err:
            self._miss(err)
        else:
            stamp = stamp_of(file)
            if stamp == self._stamp:
                return False
            self._stamp = stamp
            self._read(file)
        return before != (self.trouble, self.good_text, self.value is None)

    def _miss(self, err: PortEyeError) -> None:
        self._stamp = None
        self.trouble = str(err) if self._is_named or not self._is_optional else ""
        if not self._is_named:
            self.value, self.good_text = None, ""

    def _read(self, file: Path) -> None:
        try:
            text = self._text(file)
            self.value = self._parse(text, file)
        except PortEyeError as err:
            self.trouble = str(err)
        else:
            self.good_text, self.trouble = text, ""
