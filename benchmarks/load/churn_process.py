"""Opens and closes listeners at a steady rate until told to stop: RATE, a second."""

import select
import socket
import sys
import time

from benchmarks.load import forking


def main() -> None:
    """Keep one listener open until the next is due; say how many there were, in how long."""
    period = 1 / float(sys.argv[1])
    forking.say("ready")
    began = due = time.monotonic()
    opened = 0
    while True:
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen(16)
            opened += 1
            due += period
            told = select.select([sys.stdin], [], [], max(0.0, due - time.monotonic()))[0]
        if told:
            break
    forking.say({"opened": opened, "seconds": time.monotonic() - began})


if __name__ == "__main__":
    main()
