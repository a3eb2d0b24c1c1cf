"""The service manager's protocol, sd_notify(3): lines of state in a datagram to $NOTIFY_SOCKET."""

import logging
import os
import socket
from collections.abc import Mapping

log = logging.getLogger("porteye")

VARIABLES = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")


class ServiceManager:
    """Tells the manager that started this process how it is; without one it tells nobody."""

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        self._address = _address(environ.get("NOTIFY_SOCKET", ""))
        self._socket: socket.socket | None = None
        # Made now: later there may be no descriptor left.
        if self._address is not None:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self._socket.settimeout(0)  # the loop waits for no manager
        self.watchdog = _watchdog(environ) if self._socket else None

    def tell(self, **state: str) -> None:
        """Send these, `READY="1"` for instance; a manager that does not listen is no error."""
        if self._socket is None or self._address is None:
            return
        lines = "\n".join(f"{name}={_one_line(value)}" for name, value in state.items())
        try:
            self._socket.sendto(lines.encode(), self._address)
        except OSError as err:
            log.debug("the service manager does not listen: %s", err)

    def close(self) -> None:
        """Give the descriptor back."""
        if self._socket is not None:
            self._socket.close()


def _address(text: str) -> str | None:
    """A path, or after @ a name in Linux's abstract namespace; other kinds are not for us."""
    if text.startswith("@"):
        return "\0" + text[1:]
    return text if text.startswith("/") else None


def _watchdog(environ: Mapping[str, str]) -> float | None:
    """Seconds within which the manager wants to hear from this very process; None: never."""
    if environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    period = environ.get("WATCHDOG_USEC", "")
    return int(period) / 1e6 if period.isdecimal() and int(period) else None


def _one_line(text: str) -> str:
    return " ".join(text.split())
