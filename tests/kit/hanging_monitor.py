"""Runs the monitor's command line with a source that hangs while a file exists.

The first argument is the file; a loop that has not turned for a second counts as stalled.
"""

import sys
import time
from pathlib import Path

from porteye_core.model import ScanDepth, Snapshot
from porteye_core.monitor import command_line, heartbeat
from porteye_core.sources import portable

_REAL_READ = portable.Portable.read


def _hang_or_read(self: portable.Portable, depth: ScanDepth) -> Snapshot:
    while Path(sys.argv[1]).exists():
        time.sleep(0.05)
    return _REAL_READ(self, depth)


if __name__ == "__main__":
    portable.Portable.read = _hang_or_read  # type: ignore[method-assign]
    heartbeat._SHORTEST, heartbeat._INTERVALS = 1.0, 1
    sys.exit(command_line.main([sys.argv[0], "--source", "portable", *sys.argv[2:]]))
