"""The command line of the alerts process: flags to Config, errors to a sentence and a status."""

import argparse
import faulthandler
import logging
import os
from collections.abc import Sequence

from porteye_core import __version__, config
from porteye_core.alerts.service import Service
from porteye_core.errors import PortEyeError
from porteye_core.system.journal_log import log_to_stderr
from porteye_core.system.parent import is_orphaned
from porteye_core.system.signals import Waiter

log = logging.getLogger("porteye.alerts")


def parser(program: str = "porteye alerts") -> argparse.ArgumentParser:
    """The flags; docs/command.md names each of them."""
    flags = argparse.ArgumentParser(
        prog=program,
        description="Judge what the monitor stores, and tell what is not expected.",
        epilog="PORTEYE_DB, PORTEYE_EXPECTED, PORTEYE_ALERTS and PORTEYE_ALERTS_DB stand for --db,"
        " --expected, --alerts and --alerts-db. Exit status: 0 ended by a signal, 1 something"
        " failed, 2 a flag or variable is wrong, 3 another alerts process has the database.",
    )
    add = flags.add_argument
    add("--db", metavar="PATH", help="the database (default: PORTEYE_DB, else porteye.db)")
    add(
        "--expected",
        metavar="FILE",
        help="the expected ports (default: expected.toml beside the database, or /etc/porteye's)",
    )
    add(
        "--alerts",
        metavar="FILE",
        help="receivers and timers (default: alerts.toml beside the database, or /etc/porteye's)",
    )
    add(
        "--alerts-db",
        metavar="PATH",
        help="where findings and messages are kept (default: porteye-alerts.db beside the"
        " database)",
    )
    add(
        "--exit-with-parent",
        action="store_true",
        help="end when the process that started it has ended",
    )
    add("--log-level", metavar="LEVEL", help=f"{', '.join(config.LOG_LEVELS)} (default: info)")
    add("--version", action="version", version=f"PortEye {__version__}")
    return flags


def main(words: Sequence[str]) -> int:
    """Judge until it is told to stop; returns the exit status. words: the flags."""
    flags = vars(parser().parse_args(words))
    log_to_stderr()
    faulthandler.enable()
    try:
        settings = config.load(flags, os.environ)
        log.setLevel(settings.log_level.upper())
        with Waiter() as waiter:
            Service(
                settings,
                wait=lambda seconds: waiter.wait(seconds, ()),
                wake=waiter.wake,
                ended=lambda: settings.exit_with_parent and is_orphaned(),
            ).run()
    except PortEyeError as err:
        log.error("%s", err)
        return err.exit_status
    return 0
