"""The listening sockets of every other network namespace that holds a process."""

import os
from contextlib import suppress
from pathlib import Path

from porteye_core.errors import SourceError
from porteye_core.model import Socket
from porteye_core.sources.diag.sock_diag import SockDiag

# A look into one costs half a millisecond; a host with more containers than this gets the first.
MOST = 128


class Namespaces:
    """Dumps of the other namespaces; each is known by its inode and entered through a process."""

    def __init__(self, proc: Path = Path("/proc")) -> None:
        self._proc = proc
        self._own = (proc / "self/ns/net").stat().st_ino
        self._sources: dict[int, SockDiag] = {}
        self.left_out = 0

    def read(self) -> tuple[Socket, ...]:
        """Every listening socket of the other namespaces, with its namespace in the endpoint.

        A namespace whose last process has just ended is left out; so are those beyond MOST, which
        are counted in `left_out`.
        """
        living = self._living()
        for gone in self._sources.keys() - living.keys():
            # An open netlink socket would keep the namespace alive.
            self._sources.pop(gone).close()
        found: list[Socket] = []
        for number in sorted(living)[:MOST]:
            source = self._sources.get(number) or SockDiag(living[number])
            self._sources[number] = source
            with suppress(SourceError):
                found += source.read(count_clients=True)
        self.left_out = max(0, len(living) - MOST)
        return tuple(found)

    def close(self) -> None:
        """Close every netlink socket."""
        for source in self._sources.values():
            source.close()
        self._sources.clear()

    def _living(self) -> dict[int, Path]:
        living: dict[int, Path] = {}
        for name in os.listdir(self._proc):  # noqa: PTH208 - ten times faster for 500 processes
            if name.isdecimal():
                with suppress(OSError):  # it has ended meanwhile
                    number = os.stat(f"{self._proc}/{name}/ns/net").st_ino  # noqa: PTH116 - as above
                    if number != self._own and number not in living:
                        living[number] = self._proc / name / "ns/net"
        return living
