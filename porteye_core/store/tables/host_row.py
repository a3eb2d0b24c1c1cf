"""Row of the machine that a database describes."""

import os
import platform
import socket
import sqlite3
import time
import uuid
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Self


@dataclass(frozen=True, slots=True)
class Host:
    """A machine; machine_id: unique where names are not; memory: bytes.

    netns: inode of its own network namespace, None on systems without namespaces; boot_id: id of
    the current boot, empty if the system has none; booted_at: time of that boot.
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
        """Describe the machine of this process."""
        return cls(
            socket.gethostname(),
            machine_id(),
            platform.platform(),
            memory,
            _own_netns(),
            boot_id(),
            _booted_at(),
        )

    def has_rebooted(self, connection: sqlite3.Connection) -> bool:
        """True if the database knows this machine from another boot."""
        stored = connection.execute(
            "SELECT boot_id FROM host WHERE machine_id = ?", (self.machine_id,)
        ).fetchone()
        return bool(stored and stored[0] and self.boot_id and stored[0] != self.boot_id)

    def row(self, connection: sqlite3.Connection) -> int:
        """Insert or update the row of this machine, and return its id.

        The clock may be set after the boot, which changes the computed time of the boot. The time
        stored first stays during a boot, and with it the start times of processes based on it.
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


@cache
def machine_id() -> str:
    """Return the id of this machine, which no other one has."""
    return _text("/etc/machine-id") or f"{uuid.getnode():012x}"


def boot_id() -> str:
    """Return the id of the present boot, empty if the system has none."""
    return _text("/proc/sys/kernel/random/boot_id")


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
    """Time of the boot; 0 on systems without a clock that starts at the boot."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return 0 if clock is None else (time.time_ns() - time.clock_gettime_ns(clock)) // 1000
