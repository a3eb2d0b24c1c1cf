"""Service manager's protocol, sd_notify(3): state lines in a datagram to $NOTIFY_SOCKET."""

import logging
import os
import socket
from collections.abc import Mapping

log = logging.getLogger("porteye")

VARIABLES = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")


class ServiceManager:
    """Client of the service manager that started this process; does nothing without one."""

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        self._address = _address(environ.get("NOTIFY_SOCKET", ""))
        self._socket: socket.socket | None = None
        # Created now, because later no descriptor may be free.
        if self._address is not None:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self._socket.settimeout(0)  # the loop never waits for the manager
        self.watchdog = _watchdog(environ) if self._socket else None

    def tell(self, **state: str) -> None:
        """Send state such as `READY="1"`; ignores a manager that does not listen."""
        if self._socket is None or self._address is None:
            return
        lines = "\n".join(f"{name}={_one_line(value)}" for name, value in state.items())
        try:
            self._socket.sendto(lines.encode(), self._address)
        except OSError as err:
            log.debug("the service manager does not listen: %s", err)

    def close(self) -> None:
        """Close the socket."""
        if self._socket is not None:
            self._socket.close()


def _address(text: str) -> str | None:
    """Socket address: a path, or after @ a name in Linux's abstract namespace."""
    if text.startswith("@"):
        return "\0" + text[1:]
    return text if text.startswith("/") else None


def _watchdog(environ: Mapping[str, str]) -> float | None:
    """Watchdog period in seconds, if it concerns this process; else None."""
    if environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    period = environ.get("WATCHDOG_USEC", "")
    return int(period) / 1e6 if period.isdecimal() and int(period) else None


def _one_line(text: str) -> str:
    return " ".join(text.split())
