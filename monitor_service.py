"""PortEye's monitor service: watches what listens on this machine and writes it to SQLite."""

import sys

from porteye_core.monitor import command_line

if __name__ == "__main__":
    sys.exit(command_line.main(sys.argv))
