"""Runs the monitor's command line as the user nobody.

The rights are dropped after the modules are loaded, because nobody may be unable to read the
Python installation or the checkout that a test of root's runs from.
"""

import ctypes
import os
import platform
import signal
import sys

from porteye_core.monitor import command_line
from porteye_core.owners import container_lookup
from porteye_core.store.file import backup

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE = 1, 4  # linux/prctl.h
NOBODY = 65534


def become_nobody() -> None:
    """Give up every right of root, for good."""
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)
    # A process that changed its user may not read its own /proc files until it is dumpable again.
    ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 1, 0, 0, 0)
    # The kernel clears the parent-death signal when a process changes its user.
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


if __name__ == "__main__":
    command_line.parser().format_help()  # these load modules when they are first used
    platform.platform()
    container_lookup()
    assert callable(backup.back_up)
    become_nobody()
    sys.exit(command_line.main(sys.argv))
