"""The monitor's command line: flags to Config, errors to one sentence and an exit status."""

import argparse
import faulthandler
import logging
import os
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import psutil

from porteye_core import __version__, config
from porteye_core.config import Config
from porteye_core.errors import GAVE_WAY, PortEyeError, PrivilegeError, SourceError, StoreError
from porteye_core.model import Limitation, WatchPlan
from porteye_core.monitor.heartbeat import Heartbeat
from porteye_core.monitor.loop import Monitor
from porteye_core.monitor.own_usage import FootprintMeter, return_freed_memory
from porteye_core.owners import OwnerFinder, UsageMeter, container_lookup, processes
from porteye_core.sources import Picked, pick
from porteye_core.store.file.lock import Claim
from porteye_core.store.tables.host_row import Host
from porteye_core.store.writing.startup import open_writer
from porteye_core.system import privilege
from porteye_core.system.clock import SystemClock, timestamp
from porteye_core.system.journal_log import log_to_stderr
from porteye_core.system.parent import is_orphaned
from porteye_core.system.privilege import Rights
from porteye_core.system.signals import Waiter
from porteye_core.system.systemd import ServiceManager

log = logging.getLogger("porteye")

# Seconds in which --once goes on searching for owners and names of containers: a busy machine with
# many descriptors needs more than one turn.
_ONLY_SEARCH = 10.0
_NOT_REPEATED = {"--exit-with-parent", "--give-way", "--require-admin"}


def parser(program: str = "monitor_service.py") -> argparse.ArgumentParser:
    """The flags; README's table names each of them."""
    flags = argparse.ArgumentParser(
        prog=program,
        description="Watch what listens on this machine and write it to SQLite.",
        epilog="PORTEYE_DB, PORTEYE_INTERVAL, PORTEYE_SOURCE and PORTEYE_DOCKER stand for --db,"
        " --interval, --source and --docker. Exit status: 0 ended by a signal, --once or --backup,"
        " 1 something failed, 2 a flag or variable is wrong, 3 another monitor has the database, 4"
        " rights are missing, 5 gave way to another monitor.",
    )
    add = flags.add_argument
    add("--db", metavar="PATH", help="the database (default: porteye.db; README says where)")
    add(
        "--interval",
        metavar="SECONDS",
        help="interval between two scans of everything (default: by the source, 0.25 to 2)",
    )
    add(
        "--sample-interval",
        metavar="SECONDS",
        help="how often to store CPU, memory and clients (default: 10)",
    )
    add(
        "--keep-events",
        metavar="DURATION",
        help="how long to keep what opened and closed: 30d, 1y (default: forever)",
    )
    add(
        "--keep-samples",
        metavar="DURATION",
        help="how long to keep each sample; means and peaks stay a year (default: 7d)",
    )
    add(
        "--max-size",
        metavar="SIZE",
        help="drop the oldest records beyond this: 500MB, 2GB (default: no limit)",
    )
    add(
        "--docker",
        metavar="URL",
        help="ask the container runtime at this Unix socket for names: unix:///run/docker.sock"
        " (default: read its files alone)",
    )
    add("--source", metavar="NAME", help=f"{', '.join(config.SOURCES)} (default: auto)")
    instead = flags.add_mutually_exclusive_group().add_argument
    instead("--once", action="store_true", help="scan once, store it and exit")
    instead("--backup", metavar="PATH", help="copy the database to a new file, check it and exit")
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
    add(
        "--give-way",
        action="store_true",
        help="end when another monitor is started for the same database",
    )
    add("--log-level", metavar="LEVEL", help=f"{', '.join(config.LOG_LEVELS)} (default: info)")
    add("--version", action="version", version=f"PortEye {__version__}")
    return flags


def run() -> int:
    """Run the monitor with the flags of this process: the entry point of `porteye-monitor`."""
    return main(sys.argv)


def main(argv: Sequence[str], again: Sequence[str] = ()) -> int:
    """Run the monitor until it is told to stop; returns the exit status.

    again: the words that start it another time with the same flags, if argv[0] is no file.
    """
    flags = vars(parser(Path(argv[0]).name).parse_args(argv[1:]))
    restarted = [*(again or (sys.executable, argv[0])), *argv[1:]]
    log_to_stderr()
    faulthandler.enable()  # a manager whose watchdog bites sends SIGABRT: the log says where
    try:
        settings = config.load(flags, os.environ)
        log.setLevel(settings.log_level.upper())
        if settings.elevate and not privilege.rights().reads_everyone:
            privilege.elevate(restarted)
            return 0
        if settings.backup is not None:
            _back_up(settings.db, settings.backup)
            return 0
        return watch(settings, restarted)
    except PortEyeError as err:
        log.error("%s", err)
        return err.exit_status


def _back_up(db: Path, target: Path) -> None:
    # What reads a database takes 3 MiB, which a monitor does without.
    from porteye_core.store.file.backup import back_up  # noqa: PLC0415

    # Either raises KeyboardInterrupt: what is unfinished is deleted on the way out.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    try:
        made = back_up(db, target)
    except KeyboardInterrupt:
        raise StoreError("The backup was interrupted.", "Nothing is kept of it.") from None
    until = "never" if made.newest is None else f"until {timestamp(made.newest)}"
    log.info(
        "copied %d events and %d listeners, %.1f MB, watched %s, to %s",
        *(made.events, made.listeners, made.size / 1e6, until, target),
    )


def watch(settings: Config, argv: Sequence[str]) -> int:
    """Watch until the end; returns the exit status. argv: the command line that starts this again.

    Raises PortEyeError.
    """
    return_freed_memory()
    with ExitStack() as stack:
        waiter = stack.enter_context(Waiter())
        rights = privilege.rights()
        limitations = _privilege_limits(settings, argv, rights)
        # The database first: a second monitor must not disturb the first one's tracing.
        writer = stack.enter_context(
            open_writer(
                settings.db,
                _this_host(),
                SystemClock().now(),
                settings.retention,
                _claim(settings, rights),
            )
        )
        picked = pick(settings.source, enters_namespaces=rights.enters_namespaces)
        stack.callback(picked.source.close)
        plan = _plan(settings, picked, limitations)
        names = container_lookup(settings.docker)
        reader = processes(writer.booted_at, names)
        finder = OwnerFinder(reader, privileged=rights.reads_everyone)
        monitor = Monitor(
            source=picked.source,
            finder=finder,
            meter=UsageMeter(reader),
            own=FootprintMeter(settings.db),
            writer=writer,
            clock=SystemClock(),
            plan=plan,
            names=names,
        )
        log.info(
            "watching by %s every %g s, into %s", plan.source, plan.interval_us / 1e6, settings.db
        )
        heartbeat = stack.enter_context(Heartbeat(ServiceManager(), plan))
        search_ends = time.monotonic() + _ONLY_SEARCH

        def is_looking() -> bool:
            return finder.is_searching or (names is not None and names.is_looking)

        monitor.run(
            wait=lambda seconds, filenos: (
                (settings.once and not (is_looking() and time.monotonic() < search_ends))
                or waiter.wait(heartbeat.paced(seconds), filenos)
            ),
            ended=lambda: writer.is_wanted or (settings.exit_with_parent and is_orphaned()),
            alive=lambda: heartbeat.turn(monitor.watched),
            stopping=lambda: waiter.wait(0, ()),
        )
        if settings.once and not monitor.has_scanned:
            raise SourceError("The only scan failed: nothing is stored.", "Try it again.")
        if not writer.is_wanted:
            return 0
        log.info("gave way to another monitor of %s", settings.db)
        return GAVE_WAY


def _claim(settings: Config, rights: Rights) -> Claim:
    """A monitor that watches asks others to give way, unless it gives way itself."""
    asks = not (settings.give_way or settings.once)
    return Claim(settings.give_way, asks, rights.reads_everyone)


def _privilege_limits(
    settings: Config, argv: Sequence[str], rights: Rights
) -> tuple[Limitation, ...]:
    """The limit of a monitor without rights, logged once. Raises PrivilegeError if they are
    required."""
    if rights.reads_everyone:
        return ()
    remedy = rights.remedy(_again(settings, argv))
    if settings.require_admin:
        raise PrivilegeError(f"--require-admin: {rights.lack}", remedy)
    hidden = Limitation("unprivileged", rights.lack, remedy)
    log.warning("%s %s", hidden.text, hidden.hint)
    return (hidden,)


def _again(settings: Config, argv: Sequence[str]) -> list[str]:
    """The same command line, with what variables said: sudo passes none of them on."""
    kept = [word for word in argv if word not in _NOT_REPEATED]
    given = {word.partition("=")[0] for word in kept}
    for flag, value in (
        ("--db", str(settings.db)),
        ("--interval", settings.interval),
        ("--source", None if settings.source == "auto" else settings.source),
        ("--docker", None if settings.docker is None else f"unix://{settings.docker}"),
    ):
        if value is not None and flag not in given:
            kept += [flag, f"{value:g}" if isinstance(value, float) else value]
    return kept


def _plan(settings: Config, picked: Picked, limitations: tuple[Limitation, ...]) -> WatchPlan:
    interval = settings.interval or picked.source.interval
    return WatchPlan(
        picked.source.name,
        round(interval * 1e6),
        round(max(interval, settings.sample_interval) * 1e6),
        (*limitations, *picked.source.limitations()),
        picked.why,
    )


def _this_host() -> Host:
    return Host.this(psutil.virtual_memory().total)
