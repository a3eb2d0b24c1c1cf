"""PortEye's monitor service: watches what listens on this machine and writes it to SQLite."""

import sys

from porteye_core import cli

if __name__ == "__main__":
    sys.exit(cli.main(sys.argv))
