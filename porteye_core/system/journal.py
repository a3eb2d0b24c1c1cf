"""systemd's journal: messages with fields, by its native protocol.

One datagram is one message (https://systemd.io/JOURNAL_NATIVE_PROTOCOL): a line `NAME=value` for
each field, or, for a value of several lines, the name, the length of the value and the value.
"""

import os
import socket
from collections.abc import Mapping

SOCKET = "/run/systemd/journal/socket"


def is_journal(descriptor: int, environ: Mapping[str, str] = os.environ) -> bool:
    """True if what is written to this descriptor goes to the journal (systemd.exec(5))."""
    try:
        found = os.fstat(descriptor)
    except OSError:
        return False
    return environ.get("JOURNAL_STREAM") == f"{found.st_dev}:{found.st_ino}"


class Journal:
    """Client of the journal; it never waits for it."""

    def __init__(self, path: str = SOCKET) -> None:
        self._path = path
        # Made now, because later no descriptor may be free.
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.settimeout(0)

    def send(self, fields: Mapping[str, str]) -> None:
        """Send a message; raises OSError if it is too large or nobody takes it."""
        self._socket.sendto(datagram(fields), self._path)

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()


def datagram(fields: Mapping[str, str]) -> bytes:
    r"""The message in the native protocol.

    >>> datagram({"MESSAGE": "two\nlines", "PRIORITY": "6"})
    b'MESSAGE\n\t\x00\x00\x00\x00\x00\x00\x00two\nlines\nPRIORITY=6\n'
    """
    return b"".join(
        _field(name, value.encode("utf-8", "replace")) for name, value in fields.items()
    )


def _field(name: str, value: bytes) -> bytes:
    if b"\n" not in value:
        return b"%s=%s\n" % (name.encode(), value)
    return b"%s\n%s%s\n" % (name.encode(), len(value).to_bytes(8, "little"), value)
