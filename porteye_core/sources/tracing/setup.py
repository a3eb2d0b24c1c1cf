"""Trace instances set up for reading, and the conditions for it."""

import sys
from contextlib import ExitStack
from pathlib import Path

from porteye_core.errors import SourceError
from porteye_core.sources.tracing.exited_threads import BIRTH, BIRTHS_OF_THREADS, EXIT, Departed
from porteye_core.sources.tracing.format import page_layout
from porteye_core.sources.tracing.ring_buffer import PageLayout
from porteye_core.sources.tracing.tracefs import Instance, refused

# 4,900 exits or births for each CPU, between a transition and the read that follows it.
_DEPARTED_KIB = 256
_INITIAL_PID_NAMESPACE = 0xEFFFFFFC  # PROC_PID_INIT_INO, linux/proc_ns.h


def new_instance(stack: ExitStack, root: Path, buffer_kib: int) -> Instance:
    """A new instance that tells time by CLOCK_BOOTTIME and wakes poll at the first record.

    That clock goes on while the machine sleeps, so that its distance from the wall clock is the
    same before and after. Raises SourceError.
    """
    instance = stack.enter_context(Instance(root))
    instance.write("trace_clock", "boot")
    instance.write("buffer_size_kb", str(buffer_kib))
    instance.write("options/overwrite", "1")
    if (instance.path / "buffer_percent").exists():  # Linux 5.0; before it, any record wakes poll
        instance.write("buffer_percent", "0")
    return instance


def new_departed(stack: ExitStack, root: Path, layout: PageLayout) -> Departed:
    """An instance that remembers threads; raises SourceError."""
    instance = new_instance(stack, root, _DEPARTED_KIB)
    departed = Departed(instance, layout)
    stack.callback(departed.close)
    instance.enable(EXIT, "")
    instance.enable(BIRTH, BIRTHS_OF_THREADS)
    return departed


def buffer_layout(root: Path) -> PageLayout:
    """The layout of a page as this kernel describes it; raises SourceError."""
    try:
        page, event = ((root / "events" / f"header_{of}").read_text() for of in ("page", "event"))
    except OSError as err:
        raise refused(err, "The layout of the trace buffer cannot be read") from err
    return page_layout(page, event, little_endian=sys.byteorder == "little")


def check_pid_namespace(path: Path = Path("/proc/self/ns/pid")) -> None:
    """Raises SourceError where the kernel's process ids are not those that /proc shows here."""
    try:
        own = path.stat().st_ino
    except OSError as err:
        raise SourceError(f"/proc cannot be read: {err.strerror}.", "Mount it.") from err
    if own != _INITIAL_PID_NAMESPACE:
        raise SourceError(
            "Kernel events name processes by the host's ids, which mean others in this container.",
            "Start it with --pid=host, or use another --source.",
        )
