"""Opens the database that its argument names as the monitor does, and says when it begins."""

import sys
from pathlib import Path

from porteye_core.store.writing.startup import open_writer
from tests.kit.values import HOST

if __name__ == "__main__":
    print("begins", flush=True)
    with open_writer(Path(sys.argv[1]), HOST, 1):
        print("done", flush=True)
