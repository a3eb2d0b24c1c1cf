"""Which machine a row is about."""

import platform
import socket
import sqlite3
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Self


@dataclass(frozen=True, slots=True)
class Host:
    """A machine: `machine_id` tells it from others of its name; `memory` is in bytes."""

    name: str
    machine_id: str
    platform: str
    memory: int

    @classmethod
    def this(cls, memory: int) -> Self:
        """The machine that this runs on."""
        return cls(socket.gethostname(), _machine_id(), platform.platform(), memory)

    def row(self, connection: sqlite3.Connection) -> int:
        """The id of this machine's row, which is written or brought up to date."""
        return int(
            connection.execute(
                "INSERT INTO host (name, machine_id, platform, memory) VALUES (?, ?, ?, ?)"
                " ON CONFLICT (machine_id) DO UPDATE SET name = excluded.name,"
                " platform = excluded.platform, memory = excluded.memory RETURNING id",
                (self.name, self.machine_id, self.platform, self.memory),
            ).fetchone()[0]
        )


def _machine_id(etc: Path = Path("/etc/machine-id")) -> str:
    """machine-id(5) where the system has one, else what Python knows of the network hardware."""
    try:
        found = etc.read_text().strip()
    except OSError:
        found = ""
    return found or f"{uuid.getnode():012x}"
