"""Stops the owner of a port with what it is run with: PID PORT SIGNAL|unit [nobody].

Namespaces are those of the start; `nobody` gives up root's rights first. Prints what is offered and
what became of it, as JSON.
"""

import json
import os
import signal
import sys
from pathlib import Path

from porteye_core import stopping
from porteye_core.errors import StopError
from porteye_core.model import Protocol
from porteye_core.stopping.port_tables import PortTables
from tests.kit.as_nobody import become_nobody


class _Silent:
    def begin(self, target: stopping.Target, by: stopping.By) -> int:
        return 0

    def complete(self, number: int, outcome: str) -> None:
        pass


def main(pid: int, port: int, way: str, user: str = "") -> None:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    started = int(fields[19]) * 1_000_000 // os.sysconf("SC_CLK_TCK")
    with PortTables(pid, Protocol.TCP, port) as tables:
        (inode,) = tables.inodes()
    target = stopping.Target(1, pid, started, 0, inode, Protocol.TCP, port, "server")
    offer = stopping.offer(target, None)
    if user:
        become_nobody()
        offer = stopping.offer(target, None)
    unit = offer.unit
    by = unit if way == "unit" and unit is not None else signal.Signals[way]
    try:
        outcome = stopping.stop(target, by, None, _Silent()).text
    except StopError as err:
        outcome = str(err)
    command = offer.refusal.command if offer.refusal else ""
    print(json.dumps({"unit": unit and unit.name, "outcome": outcome, "command": command}))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:])
