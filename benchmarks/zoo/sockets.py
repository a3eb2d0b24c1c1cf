"""Open listeners with their processes, in the one form in which ss and PortEye are compared."""

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

_COMM = 15  # bytes of a process name that the kernel keeps, and ss prints


@dataclass(frozen=True, slots=True, order=True)
class Endpoint:
    """Protocol, numeric address without interface, port."""

    protocol: str
    address: str
    port: int

    def __str__(self) -> str:
        return f"{self.protocol} {self.address}:{self.port}"


@dataclass(frozen=True, slots=True, order=True)
class Holder:
    """A process that has a socket open; `args` with single blanks between words."""

    pid: int
    name: str
    user: str
    args: str

    def __str__(self) -> str:
        return f"{self.pid} {self.name} ({self.user}) {self.args}"


@dataclass(frozen=True, slots=True)
class Open:
    """One open listener; inode and uid are None where the source cannot tell them.

    The owner is the oldest holder.
    """

    endpoint: Endpoint
    inode: int | None
    uid: int | None
    owner: Holder | None
    holders: frozenset[Holder]

    def __str__(self) -> str:
        holders = "; ".join(map(str, sorted(self.holders))) or "nobody"
        owner = self.owner.pid if self.owner else "nobody"
        where = f"{self.endpoint}, inode {self.inode}, uid {self.uid}"
        return f"{where}, owner {owner}, held by {holders}"


def without_numbers(listeners: Iterable[Open]) -> list[Open]:
    """The listeners as a source shows them that knows neither inode nor uid of a socket."""
    return [replace(each, inode=None, uid=None) for each in listeners]


def kernel_name(name: str) -> str:
    """The part of a process name that the kernel keeps."""
    return name.encode()[:_COMM].decode(errors="replace")


@dataclass(frozen=True, slots=True)
class Difference:
    """A listener that one side shows and the other does not, or shows otherwise."""

    side: str
    listener: Open

    def __str__(self) -> str:
        return f"{self.side}: {self.listener}"


def differences(true: Collection[Open], stored: Collection[Open]) -> list[Difference]:
    """The sockets that one side alone shows, by endpoint; none if they agree."""
    missing = Counter(true) - Counter(stored)
    wrong = Counter(stored) - Counter(true)
    found = [Difference("ss and ps", each) for each in missing.elements()]
    found += [Difference("PortEye", each) for each in wrong.elements()]
    return sorted(found, key=lambda each: (each.listener.endpoint, each.side != "ss and ps"))
