"""Which machine a row is about."""

import os
import platform
import socket
import sqlite3
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Self


@dataclass(frozen=True, slots=True)
class Host:
    """A machine: `machine_id` tells it from others of its name; `memory` is in bytes.

    netns: the inode of its own network namespace, None where there is no such thing; boot_id: which
    boot this is, empty if the system does not say; booted_at: when that was.
    """

    name: str
    machine_id: str
    platform: str
    memory: int
    netns: int | None = None
    boot_id: str = ""
    booted_at: int = 0

    @classmethod
    def this(cls, memory: int) -> Self:
        """The machine that this runs on."""
        return cls(
            socket.gethostname(),
            _text("/etc/machine-id") or f"{uuid.getnode():012x}",
            platform.platform(),
            memory,
            _own_netns(),
            _text("/proc/sys/kernel/random/boot_id"),
            _booted_at(),
        )

    def has_rebooted(self, connection: sqlite3.Connection) -> bool:
        """Whether the database knows this machine from another boot."""
        stored = connection.execute(
            "SELECT boot_id FROM host WHERE machine_id = ?", (self.machine_id,)
        ).fetchone()
        return bool(stored and stored[0] and self.boot_id and stored[0] != self.boot_id)

    def row(self, connection: sqlite3.Connection) -> int:
        """The id of this machine's row, which is written or brought up to date.

        The moment of the boot is measured against a clock that may be set; what was stored first
        stays for as long as the boot is the same, and so do the start times counted from it.
        """
        return int(
            connection.execute(
                "INSERT INTO host (name, machine_id, platform, memory, netns, boot_id, booted_at)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)"
                " ON CONFLICT (machine_id) DO UPDATE SET name = excluded.name,"
                " platform = excluded.platform, memory = excluded.memory, netns = excluded.netns,"
                " booted_at = iif(boot_id = excluded.boot_id AND boot_id != '', booted_at,"
                " excluded.booted_at), boot_id = excluded.boot_id RETURNING id",
                (
                    self.name,
                    self.machine_id,
                    self.platform,
                    self.memory,
                    self.netns,
                    self.boot_id,
                    self.booted_at,
                ),
            ).fetchone()[0]
        )


def _text(path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return ""


def _own_netns() -> int | None:
    try:
        return os.stat("/proc/self/ns/net").st_ino  # noqa: PTH116 - beside the readers of /proc
    except OSError:
        return None


def _booted_at() -> int:
    """Microseconds since the epoch; 0 where the system has no clock that began at the boot."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return 0 if clock is None else (time.time_ns() - time.clock_gettime_ns(clock)) // 1000
