"""Packs: the activity of a bucket that is over, as arrays of its ports, programs and counts.

A pack is deleted in the transaction that changes what its bucket counts, and made anew later. A
bucket that is being packed has a row whose arrays are NULL: if it is gone at the end, the bucket
has changed meanwhile. The caller opens the transaction.
"""

import sqlite3
import sys
from array import array
from collections.abc import Iterable

from porteye_core.model import Protocol

RESOLUTIONS = (60, 3600, 86400)  # seconds, see docs/database.md
_CODES = {array(code).itemsize: code for code in "IHB"}  # by bytes
_PORT, _WIDEST = 2, 4  # bytes

Row = tuple[int, str, int, int, int]
"""Port, protocol, program (0: not known), opened and closed."""


def forget(connection: sqlite3.Connection, buckets: Iterable[tuple[int, int]]) -> None:
    """Delete the packs of buckets, each a pair of resolution and first microsecond."""
    connection.executemany("DELETE FROM pack WHERE resolution = ? AND bucket = ?", list(buckets))


class Columns:
    """The arrays of one bucket, which take rows in the order of port, protocol and program."""

    def __init__(self) -> None:
        self._arrays = {protocol.value: _arrays() for protocol in Protocol}
        self.size = 0

    def add(self, rows: Iterable[Row]) -> None:
        """Append rows."""
        for port, protocol, program, opened, closed in rows:
            ports, programs, all_opened, all_closed = self._arrays[protocol]
            ports.append(port)
            programs.append(program)
            all_opened.append(opened)
            all_closed.append(closed)
            self.size += 1

    def blobs(self) -> list[tuple[str | bytes, ...]]:
        """Return each protocol that has rows, with its four arrays as bytes."""
        return [
            (protocol, _bytes(ports, _PORT), *map(_bytes, counts))
            for protocol, (ports, *counts) in self._arrays.items()
            if ports
        ]


def begin(connection: sqlite3.Connection, resolution: int, bucket: int) -> None:
    """Note that a bucket is being packed."""
    connection.execute(
        "INSERT OR REPLACE INTO pack (resolution, bucket, protocol) VALUES (?, ?, ?)",
        (resolution, bucket, Protocol.TCP),
    )


def is_unchanged(connection: sqlite3.Connection, resolution: int, bucket: int) -> bool:
    """Tell whether the counts of a bucket have not changed since `begin`."""
    noted = "SELECT 1 FROM pack WHERE resolution = ? AND bucket = ?"
    return connection.execute(noted, (resolution, bucket)).fetchone() is not None


def store(connection: sqlite3.Connection, resolution: int, bucket: int, columns: Columns) -> None:
    """Store the pack of a bucket."""
    forget(connection, [(resolution, bucket)])
    connection.executemany(
        "INSERT INTO pack VALUES (?, ?, ?, ?, ?, ?, ?)",
        [(resolution, bucket, *blobs) for blobs in columns.blobs()],
    )


def _arrays() -> tuple["array[int]", ...]:
    return tuple(array(_CODES[_WIDEST]) for _ in range(4))


def _bytes(values: "array[int]", width: int = 0) -> bytes:
    """The values, each in so many bytes, or in as few as all fit into; the lowest byte first."""
    highest = max(values)
    width = width or next(each for each in sorted(_CODES) if highest < 1 << 8 * each)
    narrow = array(_CODES[width], values)
    if sys.byteorder == "big":
        narrow.byteswap()
    return narrow.tobytes()
