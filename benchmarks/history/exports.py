"""How much memory an export takes, in a process that does nothing else."""

import sys
from itertools import islice
from pathlib import Path

from benchmarks.load.forking import say
from porteye_core.model import Filters
from porteye_core.store.file.connection import open_connection
from porteye_core.store.reading.export import Form, history

_CHUNK = 1000  # rows in a piece


def peak() -> int:
    """The most that this process ever had resident, in KiB.

    Not getrusage's: that one is inherited from the process which started this one.
    """
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


def main() -> None:
    """Export so many rows of a database to nowhere: DB, FORMAT, ROWS."""
    db, kind, rows = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    size = 0
    with open_connection(db) as connection:
        for piece in islice(history(connection, Form(kind.lower()), Filters()), -(-rows // _CHUNK)):
            size += len(piece)
    say({"peak": peak(), "characters": size})


if __name__ == "__main__":
    main()
