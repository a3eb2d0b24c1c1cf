"""The monitor as its service manager hears it, and the most memory that it had."""

import math
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

# The loop reports at every turn, but not more often than six times in this period; it waits for a
# second at most, so that a third of the period bounds no wait.
_WATCHDOG = 3.0  # seconds
_GLANCE = 0.2


class Pulse:
    """The reports of a monitor's loop: `longest` is the longest time without one, in seconds."""

    def __init__(self, opened: socket.socket, address: str) -> None:
        self._socket = opened
        self._over = threading.Event()
        self._latest = time.monotonic()
        self.longest = 0.0
        self.environ: Mapping[str, str] = {
            "NOTIFY_SOCKET": address,
            "WATCHDOG_USEC": str(round(_WATCHDOG * 1e6)),
        }
        self._listener = threading.Thread(target=self._listen, name="pulse", daemon=True)
        self._listener.start()

    def stop(self) -> None:
        """Hear no more; the silence until now counts."""
        if not self._over.is_set():
            self._over.set()
            self._listener.join()
            self._heard()

    def _listen(self) -> None:
        while not self._over.is_set():
            with suppress(TimeoutError):
                if b"WATCHDOG=1" in self._socket.recv(4096):
                    self._heard()

    def _heard(self) -> None:
        now = time.monotonic()
        self.longest = max(self.longest, now - self._latest)
        self._latest = now


@contextmanager
def pulse(folder: Path) -> Iterator[Pulse]:
    """A service manager's end of sd_notify(3), for a monitor that gets its `environ`."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as opened:
        address = str(folder / "notify")
        opened.bind(address)
        opened.settimeout(_GLANCE)
        heard = Pulse(opened, address)
        try:
            yield heard
        finally:
            heard.stop()


class Peak:
    """The largest resident memory of a process in MiB, as the kernel says at each reading."""

    def __init__(self, pid: int) -> None:
        self._status = Path(f"/proc/{pid}/status")
        self.mib = math.nan

    def read(self) -> None:
        """Read it; nothing changes once the process has ended."""
        with suppress(OSError):
            for line in self._status.read_text().splitlines():
                name, _, value = line.partition(":")
                if name == "VmHWM":
                    self.mib = int(value.split()[0]) / 1024
