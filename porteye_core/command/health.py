"""`porteye health`: the state of the monitor, what it cannot see, and who is not told."""

from argparse import Namespace

from porteye_core import __version__
from porteye_core.command.exits import HELD, NOBODY
from porteye_core.command.present import stale
from porteye_core.command.question import Question
from porteye_core.command.screen import Screen, Style
from porteye_core.config import monitor_command
from porteye_core.spoken_times import moment, rough_length
from porteye_core.store import alerts
from porteye_core.store.alerts import JUDGING, STOPPED, UNKNOWN, AlertsHealth
from porteye_core.store.reading import State, Status, health_record, monitor_status

# A command starts no monitor in place of another.
_NO_DASHBOARD = {"restarts": 0, "next_start": None, "last_end": None}

_ALERTS = {
    JUDGING: "An alerts process judges.",
    STOPPED: "No alerts process runs: nothing is told.",
    UNKNOWN: "It is not known whether an alerts process runs: this user may not look.",
}


def health(_: Namespace, question: Question, screen: Screen) -> int:
    """Show the state of the monitor; returns the exit status."""
    status = monitor_status(question.db, question.now)
    of_alerts = alerts.alerts_health(question.alerts_file)
    if question.is_json:
        record = health_record(status, __version__)
        version = record.pop("version")
        screen.write_json({**record, **of_alerts._asdict(), **_NO_DASHBOARD, "version": version})
    else:
        _show(status, of_alerts, question, screen)
    return HELD if status.is_current else NOBODY


def _show(status: Status, of_alerts: AlertsHealth, question: Question, screen: Screen) -> None:
    watch = status.watch
    if status.is_elsewhere:
        screen.write(f"This database is of another machine, {status.host}.", Style.WARNING)
    if not status.is_current:
        screen.write(stale(status, question.now, question.zone), Style.STRONG)
    elif watch is not None:
        since = moment(watch.started_at, question.now, question.zone)
        lasted = rough_length(question.now - watch.started_at)
        screen.write(
            f"The monitor watches, pid {status.pid}, since {since}, for {lasted}.", Style.STRONG
        )
    if status.trouble:
        screen.write(status.trouble, Style.WARNING)
    if watch is not None:
        plan = watch.plan
        screen.write(
            f"Source: {plan.source}, every {plan.interval_us / 1e6:g} s. {plan.why}".rstrip()
        )
        if status.lost:
            screen.write(f"Kernel records lost: {status.lost:,}.", Style.WARNING)
        for limit in plan.limitations:
            screen.write(f"{limit.text} {limit.hint}".strip(), Style.WARNING)
    _show_alerts(of_alerts, screen)
    screen.write(f"Database: {question.db}", Style.FAINT)
    if status.state in {State.STOPPED, State.NEVER}:
        screen.write(f"Start a monitor: {monitor_command(question.db)}")


def _show_alerts(of: AlertsHealth, screen: Screen) -> None:
    if of.alerts is not None:
        screen.write(_ALERTS[of.alerts], Style.PLAIN if of.alerts == JUDGING else Style.WARNING)
    if of.alerts_waiting:
        screen.write(f"Messages that wait for their receiver: {of.alerts_waiting:,}.")
    if of.alerts_failed:
        screen.write(f"Messages that were given up: {of.alerts_failed:,}.", Style.WARNING)
