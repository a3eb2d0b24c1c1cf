"""The command as a module: `python -m porteye_core.command`."""

import sys

from porteye_core.command.program import run

if __name__ == "__main__":
    sys.exit(run())
