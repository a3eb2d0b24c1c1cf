"""Samples of listeners' use."""

from collections.abc import Container, Iterator
from itertools import islice
from typing import NamedTuple

from porteye_core.model import AttributedSocket, ProcessKey, Sample
from porteye_core.owners.usage import UNKNOWN, Usage, UsageMeter


class _Alike(NamedTuple):
    """The values in which the samples of many listeners are equal."""

    owner: ProcessKey | None
    clients: int | None
    queue: int | None
    backlog: int | None


class Samples:
    """Samples of one tick, which are made when they are read: one user can have 100,000."""

    def __init__(self, alike: dict[_Alike, list[int]], usage: dict[ProcessKey, Usage]) -> None:
        self._alike = alike
        self._usage = usage

    def pieces(self, living: Container[int], size: int) -> Iterator[tuple[Sample, ...]]:
        """The samples of the listeners that live when a piece is made; at least one piece."""
        samples = self._made(living)
        yield tuple(islice(samples, size))
        while piece := tuple(islice(samples, size)):
            yield piece

    def _made(self, living: Container[int]) -> Iterator[Sample]:
        for each, ids in self._alike.items():
            usage = self._usage.get(each.owner, UNKNOWN) if each.owner else UNKNOWN
            for listener_id in ids:
                if listener_id in living:
                    yield Sample(listener_id, *usage, *each[1:])


class Observed:
    """The listeners that one scan shows, as far as they are sampled, and sums of them."""

    def __init__(self) -> None:
        self._alike: dict[_Alike, list[int]] = {}
        self.clients = 0
        self.hidden = 0

    def __bool__(self) -> bool:
        return bool(self._alike)

    @property
    def count(self) -> int:
        """The number of listeners that were added."""
        return sum(map(len, self._alike.values()))

    def sum_up(self, owned: AttributedSocket) -> None:
        """Add a socket of the scan to the sums."""
        self.clients += owned.socket.clients or 0
        self.hidden += owned.hidden is not None

    def add(self, listener_id: int, owned: AttributedSocket) -> None:
        """Add a listener and its socket."""
        socket = owned.socket
        alike = _Alike(owned.key, socket.clients, socket.queue, socket.backlog)
        self._alike.setdefault(alike, []).append(listener_id)

    def add_unseen(self, listener_id: int, owner: ProcessKey | None) -> None:
        """Add a listener that the scan does not show."""
        self._alike.setdefault(_Alike(owner, None, None, None), []).append(listener_id)

    def ids(self) -> set[int]:
        """The listeners that were added."""
        return {listener_id for each in self._alike.values() for listener_id in each}

    def samples(self, meter: UsageMeter) -> Samples:
        """A sample for each; its process is measured once."""
        usage = meter.measure(each.owner for each in self._alike if each.owner)
        return Samples(self._alike, usage)
