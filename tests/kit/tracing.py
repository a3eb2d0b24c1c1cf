"""What tests of kernel events share."""

import os
import sys
from pathlib import Path

import pytest

from porteye_core.errors import SourceError
from porteye_core.sources.tracing.setup import check_pid_namespace
from porteye_core.sources.tracing.tracefs import tracefs

_GLOBAL = (
    "tracing_on",
    "current_tracer",
    "events/enable",
    "trace_clock",
    "trace_options",
    "buffer_size_kb",
    "buffer_percent",
    "saved_cmdlines_size",
    "dynamic_events",
    "set_event_pid",
)


def why_not() -> str:
    """Why this machine cannot trace; empty if it can."""
    if not sys.platform.startswith("linux"):
        return "kernel events are Linux's"
    if os.geteuid() != 0:
        return "kernel events need root"
    try:
        check_pid_namespace()
        with tracefs() as root:
            return "" if (root / "events/sock/inet_sock_set_state").is_dir() else "no tracepoint"
    except SourceError as err:
        return str(err)


_WHY_NOT = why_not()
needs_tracing = pytest.mark.skipif(bool(_WHY_NOT), reason=_WHY_NOT or "can trace")


def instances() -> set[str]:
    """The instances of monitors that there are."""
    with tracefs() as root:
        return {path.name for path in (root / "instances").glob("porteye-*")}


def global_settings() -> dict[str, bytes]:
    """Every setting that belongs to all users of tracing."""
    with tracefs() as root:
        files = [root / name for name in _GLOBAL] + sorted((root / "options").iterdir())
        return {path.name: path.read_bytes() for path in files if path.exists()}


def mounts() -> list[str]:
    """The mounts of tracing files that this process sees; other tests mount other things."""
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    return [line for line in lines if " - tracefs " in line or " - debugfs " in line]


def mine(names: set[str], pid: int | None = None) -> set[str]:
    """Those that belong to a process: other monitors may run on this machine."""
    return {name for name in names if name.startswith(f"porteye-{pid or os.getpid()}-")}
