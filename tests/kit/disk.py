"""A disk that loses power: of what was not synchronized, each sector is kept or lost by chance."""

from collections import defaultdict
from random import Random

from tests.kit.recording import Call, Made, Removed, Renamed, Resized, Synced, Written

_SECTOR = 512


class _File:
    def __init__(self) -> None:
        self.durable = bytearray()
        self.cached: list[Written | Resized] = []

    def flush(self, left: int = 0) -> None:
        """Make durable all that is cached, but for the newest few."""
        while len(self.cached) > left:
            change = self.cached.pop(0)
            if isinstance(change, Resized):
                _resize(self.durable, change.size)
            else:
                _write(self.durable, change.at, change.data)

    def after_the_cut(self, chance: Random) -> bytes:
        """Each sector as it was durable or after any of the changes to it since; so the size."""
        sizes, pieces = [len(self.durable)], defaultdict(list)
        for change in self.cached:
            if isinstance(change, Resized):
                sizes.append(change.size)
                continue
            end = change.at + len(change.data)
            sizes.append(max(sizes[-1], end))
            for sector in range(change.at // _SECTOR, (end - 1) // _SECTOR + 1):
                first, last = max(change.at, sector * _SECTOR), min(end, (sector + 1) * _SECTOR)
                piece = change.data[first - change.at : last - change.at]
                pieces[sector].append((first, piece))
        image = bytearray(self.durable)
        for changes in pieces.values():
            for first, piece in changes[: chance.randint(0, len(changes))]:
                _write(image, first, piece)
        _resize(image, chance.choice((sizes[-1], chance.choice(sizes))))
        return bytes(image)


class Disk:
    """Keeps what is synchronized; if it lies, only what its cache of so many changes a file has
    no room for. Names are kept or lost by chance until the folder is synchronized."""

    def __init__(self, lies: int = 0) -> None:
        self._lies = lies
        self._files: dict[str, _File] = {}
        self._could_be: dict[str, list[_File | None]] = {}

    def do(self, call: Call) -> None:
        if isinstance(call, Made):
            self._name(call.name, _File())
        elif isinstance(call, Removed):
            self._name(call.name, None)
        elif isinstance(call, Renamed):
            file = self._files[call.name]
            self._name(call.name, None)
            self._name(call.to, file)
        elif isinstance(call, Synced):
            self._sync(call.name)
        else:
            file = self._files[call.name]
            file.cached.append(call)
            if self._lies:
                file.flush(left=self._lies)

    def after_the_cut(self, chance: Random) -> dict[str, bytes]:
        """The files that are there when the power is back, by name."""
        found = {name: chance.choice(versions) for name, versions in self._could_be.items()}
        return {name: file.after_the_cut(chance) for name, file in found.items() if file}

    def _name(self, name: str, file: _File | None) -> None:
        self._could_be.setdefault(name, [None]).append(file)
        if file:
            self._files[name] = file
        else:
            del self._files[name]

    def _sync(self, name: str) -> None:
        if name and not self._lies:
            self._files[name].flush()
        elif not name:
            self._could_be = {name: versions[-1:] for name, versions in self._could_be.items()}


def _write(image: bytearray, at: int, data: bytes) -> None:
    image.extend(bytes(max(0, at - len(image))))
    image[at : at + len(data)] = data


def _resize(image: bytearray, size: int) -> None:
    del image[size:]
    image.extend(bytes(size - len(image)))
