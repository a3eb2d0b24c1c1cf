"""The alerts process without the other commands: `python -m porteye_core.alerts`, 1 MiB smaller."""

import sys

from porteye_core.alerts.command_line import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
