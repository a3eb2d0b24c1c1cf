"""Values that many rows share, each kept once and forgotten with the last row that has it; pure."""

from collections.abc import Callable, Hashable, Iterator
from typing import Generic, TypeVar

_T = TypeVar("_T")


class SharedValues(Generic[_T]):
    """Values by an index, which rows keep instead of them; `key` tells equal ones.

    values: by index, to be read; a call for each row would cost a scan a fifth of its time.
    """

    def __init__(self, key: Callable[[_T], Hashable]) -> None:
        self._key = key
        self.values: list[_T] = []
        self._counts: list[int] = []  # of the rows that have each
        self._free: list[int] = []
        self._indices: dict[Hashable, int] = {}

    def __len__(self) -> int:
        return len(self._indices)

    def take(self, value: _T) -> int:
        """Return the index of a value for one more row."""
        key = self._key(value)
        index = self._indices.get(key)
        if index is None:
            index = self._indices[key] = self._put(value)
        self._counts[index] += 1
        return index

    def release(self, index: int) -> None:
        """Note that one row less has a value."""
        self._counts[index] -= 1
        if not self._counts[index]:
            del self._indices[self._key(self.values[index])]
            self.values[index] = None  # type: ignore[assignment]  # no row has it
            self._free.append(index)

    def counted(self) -> Iterator[tuple[int, _T, int]]:
        """Each value with its index and the number of rows that have it."""
        for index, count in enumerate(self._counts):
            if count:
                yield index, self.values[index], count

    def change(self, change: Callable[[_T], _T]) -> None:
        """Put another value in the place of each."""
        for index, each, _ in self.counted():
            self.values[index] = change(each)
        self._indices = {self._key(each): index for index, each, _ in self.counted()}

    def _put(self, value: _T) -> int:
        if self._free:
            index = self._free.pop()
            self.values[index] = value
            return index
        self.values.append(value)
        self._counts.append(0)
        return len(self.values) - 1
