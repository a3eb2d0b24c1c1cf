"""The monitor's command line: flags to Config, errors to one sentence and an exit status."""

import argparse
import logging
import os
import signal
import sys
import threading
from collections.abc import Sequence

import psutil

from porteye_core import __version__, config, privilege
from porteye_core.clock import SystemClock
from porteye_core.config import Config
from porteye_core.errors import PortEyeError, PrivilegeError
from porteye_core.model import Limit, WatchPlan
from porteye_core.monitor import Monitor
from porteye_core.owner import OwnerFinder, UsageMeter
from porteye_core.sources import Source, pick
from porteye_core.store.host import Host
from porteye_core.store.sqlite import open_writer

log = logging.getLogger("porteye")


def parser() -> argparse.ArgumentParser:
    """The flags; README's table names each of them."""
    flags = argparse.ArgumentParser(
        prog="monitor_service.py",
        description="Watch what listens on this machine and write it to SQLite.",
        epilog="PORTEYE_DB, PORTEYE_INTERVAL and PORTEYE_SOURCE stand for --db, --interval and"
        " --source. Exit status: 0 ended by a signal or --once, 1 something failed, 2 a flag or"
        " variable is wrong, 3 another monitor has the database, 4 rights are missing.",
    )
    add = flags.add_argument
    add("--db", metavar="PATH", help="the database (default: porteye.db beside this program)")
    add("--interval", metavar="SECONDS", help="how often to look (default: 2)")
    add(
        "--sample-interval",
        metavar="SECONDS",
        help="how often to store CPU, memory and clients (default: 10)",
    )
    add("--source", metavar="NAME", help=f"{', '.join(config.SOURCES)} (default: auto)")
    add("--once", action="store_true", help="look once, store it and exit")
    add(
        "--require-admin",
        action="store_true",
        help="refuse to start without administrative rights",
    )
    add("--elevate", action="store_true", help="ask Windows for administrative rights (UAC)")
    add(
        "--exit-with-parent",
        action="store_true",
        help="end when the process that started it has ended",
    )
    add("--log-level", metavar="LEVEL", help=f"{', '.join(config.LOG_LEVELS)} (default: info)")
    add("--version", action="version", version=f"PortEye {__version__}")
    return flags


def main(argv: Sequence[str]) -> int:
    """Run the monitor until it is told to stop; returns the exit status."""
    flags = vars(parser().parse_args(argv[1:]))
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s"
    )
    try:
        settings = config.load(flags, os.environ)
        log.setLevel(settings.log_level.upper())
        if settings.elevate and not privilege.is_admin():
            privilege.elevate([sys.executable, *argv])
            return 0
        _watch(settings, [sys.executable, *argv])
    except PortEyeError as err:
        log.error("%s", err)
        return err.exit_status
    return 0


def _watch(settings: Config, argv: Sequence[str]) -> None:
    stop = threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: stop.set())
    source = pick(settings.source)
    plan = _plan(settings, source, argv)
    clock = SystemClock()
    with open_writer(settings.db, _this_host(), clock.now()) as writer:
        monitor = Monitor(
            source=source,
            finder=OwnerFinder(privileged=privilege.is_admin()),
            meter=UsageMeter(),
            writer=writer,
            clock=clock,
            plan=plan,
        )
        log.info("watching by %s every %g s, into %s", plan.source, settings.interval, settings.db)
        monitor.run(
            wait=lambda seconds: settings.once or stop.wait(seconds),
            orphaned=_orphaned if settings.exit_with_parent else lambda: False,
        )


def _plan(settings: Config, source: Source, argv: Sequence[str]) -> WatchPlan:
    """How to watch; says once what is hidden. Raises PrivilegeError if rights are required."""
    limits = source.limits()
    if not privilege.is_admin():
        command = privilege.how_to_elevate(argv)
        if settings.require_admin:
            raise PrivilegeError(
                "--require-admin: this user has no administrative rights.", f"Run: {command}"
            )
        hidden = Limit(
            "unprivileged",
            "Without administrative rights the owners of other users' sockets are hidden.",
            f"Run: {command}",
        )
        log.warning("%s %s", hidden.text, hidden.hint)
        limits = (hidden, *limits)
    return WatchPlan(
        source.name,
        round(settings.interval * 1e6),
        round(settings.sample_interval * 1e6),
        limits,
    )


def _this_host() -> Host:
    return Host.this(psutil.virtual_memory().total)


_PARENT = os.getppid()


def _orphaned() -> bool:
    # On Unix an orphan gets another parent; on Windows it keeps the number of the dead one.
    return os.getppid() != _PARENT or not psutil.pid_exists(_PARENT)
