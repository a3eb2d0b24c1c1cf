"""The command line of the alerts process: flags to Config, errors to a sentence and a status."""

import argparse
import faulthandler
import importlib.util
import logging
import os
import platform
import sys
from collections.abc import Sequence

from porteye_core import __version__, config
from porteye_core.alerts import settings as alerts_file
from porteye_core.alerts import trial
from porteye_core.alerts.service import Service
from porteye_core.errors import AlertsError, ConfigError, PortEyeError
from porteye_core.system.journal_log import log_to_stderr
from porteye_core.system.parent import is_orphaned
from porteye_core.system.plain_text import clean
from porteye_core.system.signals import Waiter

log = logging.getLogger("porteye.alerts")


def parser(program: str = "porteye alerts") -> argparse.ArgumentParser:
    """The flags; docs/command.md names each of them."""
    flags = argparse.ArgumentParser(
        prog=program,
        description="Judge what the monitor stores, and tell what is not expected.",
        epilog="PORTEYE_DB, PORTEYE_EXPECTED, PORTEYE_ALERTS, PORTEYE_ALERTS_DB and PORTEYE_FLEET"
        " stand for --db, --expected, --alerts, --alerts-db and --fleet. Exit status: 0 ended by a"
        " signal, 1 something failed, 2 a flag or variable is wrong, 3 another alerts process has"
        " the database.",
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
        "--fleet",
        metavar="ADDRESS",
        help="judge the hosts of a fleet instead of this machine: the address of its server, for a"
        " login with the role porteye_reader",
    )
    add(
        "--exit-with-parent",
        action="store_true",
        help="end when the process that started it has ended",
    )
    add(
        "--test",
        nargs="?",
        const="",
        metavar="RECEIVER",
        help="send a test message to this receiver, or to each, say what came of it, and end",
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
        if flags["test"] is not None:
            return _test(settings, flags["test"])
        if settings.fleet and importlib.util.find_spec("psycopg") is None:
            raise ConfigError("A fleet needs psycopg too.", "Install the extra: porteye[fleet].")
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


def _test(of: config.Config, name: str) -> int:
    """Send a test message to the receiver of this name, or to each; 0 if all took it."""
    found = alerts_file.read(alerts_file.find(of.alerts, of.db))
    receivers = [each for each in found.receivers if name in ("", each.name)]
    if not receivers:
        wanted = f"no receiver of the name {clean(name)}" if name else "no receiver"
        raise AlertsError(f"{found.file} has {wanted}.", "Add one, as docs/alerts.md shows.")
    has_failed = False
    for receiver, is_sent, remark in trial.send_each(receivers, platform.node()):
        has_failed |= not is_sent
        said = f"{'sent' if is_sent else 'not sent'}. {remark}".strip()
        sys.stdout.write(f"{receiver.name} ({receiver.shown}): {said}\n")
        sys.stdout.flush()
    return 1 if has_failed else 0
