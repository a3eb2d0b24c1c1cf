"""Writes tests/data/trace_pages: pages of a real trace buffer, and the kernel's words about them.

Run as root from the repository's root: python -m tests.data.capture_trace_pages
"""

import os
import socket
import time
from pathlib import Path

from porteye_core.sources.tracing.tracefs import Instance, tracefs
from porteye_core.sources.tracing.transitions import CONDITION, EVENT

HERE = Path(__file__).parent / "trace_pages"
FIRST_PORT = 45000
PAUSE = 0.2  # more than 2**27 ns, the most that an event header holds: forces a time extend
MANY = 200  # listeners, of two records each: more than a buffer of two pages holds


def live(port: int) -> None:
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen()


def page(raw: int) -> bytes:
    return os.read(raw, 4096)


def capture(root: Path) -> dict[str, bytes]:
    os.sched_setaffinity(0, {0})
    with Instance(root) as instance:
        instance.write("trace_clock", "boot")
        instance.write("buffer_size_kb", "8")
        instance.enable(EVENT, f"common_pid=={os.getpid()}&&{CONDITION}")
        raw = os.open(instance.path / "per_cpu/cpu0/trace_pipe_raw", os.O_RDONLY | os.O_NONBLOCK)
        try:
            live(FIRST_PORT)
            time.sleep(PAUSE)
            live(FIRST_PORT + 1)
            pages = {"pause.page": page(raw)}
            for number in range(MANY):
                live(FIRST_PORT + number)
            # The reader's own page is not overwritten: what was lost lies between it and the next.
            pages |= {"full.page": page(raw), "missed.page": page(raw)}
        finally:
            os.close(raw)
        texts = {
            "header_page.txt": root / "events/header_page",
            "header_event.txt": root / "events/header_event",
            "format.txt": root / "events" / EVENT / "format",
        }
        return pages | {name: path.read_bytes() for name, path in texts.items()}


def main() -> None:
    HERE.mkdir(exist_ok=True)
    with tracefs() as root:
        for name, content in capture(root).items():
            (HERE / name).write_bytes(content)


if __name__ == "__main__":
    main()
