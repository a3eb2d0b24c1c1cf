"""Cost and delay of telling, by a real monitor and alerts process."""

import argparse
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import median

import psutil

from benchmarks import noise, seed
from benchmarks.load.worker import PROJECT
from benchmarks.report import Cell, Check, Report, Table
from benchmarks.service import until, watching
from porteye_core import places
from porteye_core.alerts.receivers import apprise
from porteye_core.alerts.timers import DAY, SECOND
from porteye_core.model import Tick, WatchPlan
from porteye_core.store.tables.host_row import Host, machine_id
from porteye_core.store.writing.startup import open_writer
from porteye_core.store.writing.writer import Writer

_RATE, _MEMORY, _CPU, _LATENCY = 10_000, 28.0, 0.01, 2.0  # events/s, MiB, percent, seconds
_CHILD_MEMORY, _CHILD_TIME = 64.0, 5.0  # MiB, seconds
_HOLD = 1.0  # seconds that what has become reachable must last
_WARM_UP = 5.0
_TICKS = 10.0  # seconds between two ticks of a monitor
_EXPECTED = "[[expected]]\nport = '1-65535'\n"  # all of it on this machine alone
_ALERTS = """
[timers]
group = "0s"
wider = "1s"
digest = "off"

[[receiver]]
name = "hook"
kind = "webhook"
url = "http://127.0.0.1:{port}/"
least = "wider"
"""
_SEND_BY_APPRISE = """
import resource, sys, time
from porteye_core.alerts import trial
from porteye_core.alerts.receivers import apprise, sending
from porteye_core.alerts.receivers.kinds import Apprise
from porteye_core.alerts.receivers.message import Message
to = Apprise(name="a", scheme="json", url=sys.argv[1])
message = Message.of("msg_1", trial.body("msg_1", "here", 1))
began = time.monotonic()
with sending.limit_of(to) as limit:
    apprise.send(to, message, limit)
print(time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)
"""


@dataclass(slots=True)
class _Hook:
    """A webhook, and when its requests came."""

    port: int = 0
    came: list[float] = field(default_factory=list)


def add_flags(flags: argparse.ArgumentParser) -> None:
    """Lengths, repetitions and the number of events that are judged."""
    flags.add_argument("--seconds", type=float, default=60, help="of idling")
    flags.add_argument("--rounds", type=int, default=10, help="listeners that become reachable")
    seed.add_scale(flags, events=100_000)


def run(options: argparse.Namespace) -> Report:
    """Judge a seeded month; then watch a process that idles, and time it at work."""
    speed = _speed(options)
    with _webhook() as hook, watching() as service, _telling(service.db, hook) as process:
        before = _memory(process)
        latencies = [_latency(hook) for _ in range(options.rounds)]
        memory = _memory(process)
        own = _apprise(hook) if apprise.is_installed() else None
    with _webhook() as hook:
        cpu = _quiet(hook, options.seconds)
    rows: list[tuple[Cell, ...]] = [
        ("events judged a second", speed),
        ("MiB before the first message", before),
        ("MiB after the last one", memory),
        (f"% of a core, idle for {options.seconds:g} s", cpu),
        ("seconds from event to webhook, beyond the hold, median", median(latencies)),
        ("the same, longest", max(latencies)),
    ]
    checks = [
        Check("events judged a second", f"{speed:,.0f}", f"{_RATE:,}", speed >= _RATE),
        Check("resident memory", f"{memory:.1f} MiB", f"{_MEMORY:g} MiB", memory <= _MEMORY),
        Check("idle", f"{cpu:.4f} %", f"{_CPU} %", cpu <= _CPU),
        Check(
            "event to webhook",
            f"{max(latencies):.2f} s",
            f"{_LATENCY:g} s",
            max(latencies) <= _LATENCY,
        ),
    ]
    if own is not None:
        took, child = own
        rows += [("seconds of a message by Apprise", took), ("MiB of its child", child)]
        met = took <= _CHILD_TIME and child <= _CHILD_MEMORY
        measured, budget = (
            f"{took:.1f} s, {child:.0f} MiB",
            f"{_CHILD_TIME:g} s, {_CHILD_MEMORY:g} MiB",
        )
        checks.append(Check("Apprise's child", measured, budget, met))
    return Report(
        (Table("the alerts process", ("what", "measured"), tuple(rows)),),
        tuple(checks),
        {} if own else {"apprise": "it is not installed"},
    )


def _speed(options: argparse.Namespace) -> float:
    scale = seed.scale_of(options, watching=True)
    with tempfile.TemporaryDirectory(prefix="porteye-alerts-") as folder:
        db, now = Path(folder) / "porteye.db", time.time_ns() // 1000
        seed.seed(db, scale, now)
        judged = noise.Month(db, now - scale.days * DAY, now).judge()
    return judged.events / judged.seconds


@contextmanager
def _webhook() -> Iterator[_Hook]:
    """A webhook that takes everything."""
    hook = _Hook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            hook.came.append(time.time())
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hook.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield hook
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def _telling(db: Path, hook: _Hook) -> Iterator[psutil.Process]:
    """An alerts process that has begun to follow the database."""
    alerts, expected = db.with_name("alerts.toml"), db.with_name("expected.toml")
    alerts.touch(0o600)
    alerts.write_text(_ALERTS.format(port=hook.port))
    expected.write_text(_EXPECTED)
    log = db.with_name("alerts.log")
    words = [*places.alerts_words(), "--db", str(db)]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*words, "--exit-with-parent"],
            cwd=PROJECT,
            env={**os.environ, **places.ALERTS_VARIABLES},
            stdout=output,
            stderr=output,
        )
    try:
        if not until(lambda: b"expected.toml is in force" in log.read_bytes(), 60):
            raise RuntimeError(f"The alerts process did not begin: {log.read_text()}")
        time.sleep(_WARM_UP)  # what listens already is judged, and told if it is reachable
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait()


def _latency(hook: _Hook) -> float:
    """Seconds from the opening of a listener that others can reach to the webhook, but the hold."""
    known = len(hook.came)
    with socket.create_server(("0.0.0.0", 0)):
        opened = time.time()
        if not until(lambda: len(hook.came) > known, 60, every=0.02):
            raise RuntimeError("A listener that became reachable was not told within a minute")
        took = hook.came[known] - opened - _HOLD
        known = len(hook.came)
    return took


def _memory(process: psutil.Process) -> float:
    return process.memory_info().rss / 2**20


def _quiet(hook: _Hook, seconds: float) -> float:
    """Percent of a core of a process whose monitor stores ticks and nothing else: on a machine with
    other work a real one would see that."""
    now = time.time_ns() // 1000
    with (
        tempfile.TemporaryDirectory(prefix="porteye-alerts-") as folder,
        open_writer(
            Path(folder) / "porteye.db", Host("here", machine_id(), "Linux", 0), now
        ) as ours,
    ):
        ours.begin_watch(now, WatchPlan("benchmark", SECOND, DAY))
        _tick(ours)
        with _telling(Path(folder) / "porteye.db", hook) as process:
            before, began = _ran(process.pid), time.monotonic()
            while (left := began + seconds - time.monotonic()) > 0:
                _tick(ours)
                time.sleep(min(left, _TICKS))
            return 100 * (_ran(process.pid) - before) / (time.monotonic() - began)


def _tick(writer: Writer) -> None:
    now = time.time_ns() // 1000
    writer.record_tick(Tick(now, time.monotonic_ns() // 1000, 0, 0, 900, 0), [])


def _ran(pid: int) -> float:
    """Seconds that the threads of a process have run; the ticks of psutil are too coarse."""
    tasks = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(each.read_text().split()[0]) for each in tasks) / 1e9


def _apprise(hook: _Hook) -> tuple[float, float]:
    """Seconds and MiB of one message by Apprise."""
    done = subprocess.run(
        [sys.executable, "-c", _SEND_BY_APPRISE, f"json://127.0.0.1:{hook.port}/"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    )
    took, memory = map(float, done.stdout.split())
    return took, memory
