"""Threads as /proc shows them, and those whose number has passed to another."""

import os
import subprocess
import sys
import threading
import time

import pytest

from porteye_core.sources.tracing.exited_threads import living
from porteye_core.sources.tracing.proc_thread import process_of, stat, text_of

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")

NEVER_ENDING = 1 << 62


def test_a_thread_belongs_to_its_process_and_has_its_programs_name() -> None:
    met: list[object] = []

    def look() -> None:
        tid = threading.get_native_id()
        with open(f"/proc/self/task/{tid}/comm", "w") as comm:  # noqa: PTH123
            comm.write("worker")
        own = stat(tid)
        met.extend([process_of(tid), own and own.name, living(tid, NEVER_ENDING)])

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    main = stat(os.getpid())
    assert main
    assert met == [os.getpid(), "worker", (os.getpid(), main.name)]


def test_a_name_with_brackets_spaces_and_other_alphabets_is_read() -> None:
    name = "a) S (1 é\\"
    script = f"open('/proc/self/comm', 'w').write({name!r}); print(flush=True); input()"
    command = [sys.executable, "-c", script]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        found = stat(process.pid)
        assert found
        assert found.name == name
        process.communicate(b"\n", timeout=120)
    assert stat(process.pid) is None
    assert process_of(process.pid) is None
    assert living(process.pid, NEVER_ENDING) is None


def test_a_process_that_started_after_the_event_is_another() -> None:
    now = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    assert living(os.getpid(), now)
    assert living(os.getpid(), 0) is None


def test_a_name_that_is_not_utf_8_is_text_all_the_same() -> None:
    assert text_of(b"caf\xe9\0\0garbage") == "caf\ufffd"
