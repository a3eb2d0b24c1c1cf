"""systemd's journal: messages with fields, by its native protocol.

One datagram is one message (https://systemd.io/JOURNAL_NATIVE_PROTOCOL): a line `NAME=value` for
each field, or, for a value of several lines, the name, the length of the value and the value.
"""

import array
import errno
import os
import socket
import sys
from collections.abc import Mapping

if sys.platform == "linux":
    import fcntl

SOCKET = "/run/systemd/journal/socket"


def is_journal(descriptor: int, environ: Mapping[str, str] = os.environ) -> bool:
    """True if what is written to this descriptor goes to the journal (systemd.exec(5))."""
    try:
        found = os.fstat(descriptor)
    except OSError:
        return False
    return environ.get("JOURNAL_STREAM") == f"{found.st_dev}:{found.st_ino}"


class Journal:
    """Client of the journal; it waits for it for so many seconds at most."""

    def __init__(self, path: str = SOCKET, patience: float = 0) -> None:
        self._path = path
        # Made now, because later no descriptor may be free.
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.settimeout(patience)

    def send(self, fields: Mapping[str, str]) -> None:
        """Send a message; raises OSError if nobody takes it."""
        content = datagram(fields)
        try:
            self._socket.sendto(content, self._path)
        except OSError as err:
            if err.errno not in {errno.EMSGSIZE, errno.ENOBUFS} or sys.platform != "linux":
                raise
            self._send_as_file(content)

    def _send_as_file(self, content: bytes) -> None:
        """Send what no datagram holds as a descriptor of a sealed file in memory."""
        if sys.platform == "linux":
            flags = os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING
            with os.fdopen(os.memfd_create("porteye", flags), "wb", buffering=0) as file:
                file.write(content)
                # Nothing can be changed, not even the seals: else journald refuses it.
                seals = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW
                fcntl.fcntl(file, fcntl.F_ADD_SEALS, seals | fcntl.F_SEAL_WRITE)
                rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [file.fileno()]))
                self._socket.sendmsg([], [rights], 0, self._path)

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
