"""Ending of a process: checked again, asked for, waited for, and the truth about it. Linux's."""

import signal
import time
from collections.abc import Iterable
from dataclasses import replace

from porteye_core.errors import PortEyeError, StopError
from porteye_core.stopping import process_facts, service_manager
from porteye_core.stopping.handles import Handle
from porteye_core.stopping.port_tables import PortTables, holders
from porteye_core.stopping.targets import Found, Own, Target, Unit, offered_unit, refusal
from porteye_core.stopping.ways import By, Journal, Offer, Outcome

_PATIENCE = 5.0  # seconds in which a process can end by itself
_AFTERWARDS = 2.0  # seconds in which another may come: systemd waits 0.1 s (RestartSec=)
_PAUSE = 0.1


def offer(target: Target, monitor: int | None) -> Offer:
    """The ways to stop a process; monitor: the pid of the database's."""
    own = process_facts.own(monitor)
    try:
        with Handle(target.pid) as handle:
            found = process_facts.found(target, handle)
    except OSError:
        found = Found(None)
    if refused := refusal(target, found, own):
        return Offer(refused)
    return Offer(unit=offered_unit(found, own) if service_manager.is_there() else None)


def stop(target: Target, by: By, monitor: int | None, journal: Journal) -> Outcome:
    """Stop a process and wait for its end, for some seconds.

    Raises StopError where that is refused, StoreError where it cannot be noted, and then nothing is
    done.
    """
    number = journal.begin(target, by)
    said = "interrupted"
    try:
        outcome = _stop(target, by, process_facts.own(monitor))
        said = outcome.text
    except StopError as err:
        said = f"refused: {err.message}"
        raise
    finally:
        problem = _complete(journal, number, said)
    return replace(outcome, text=f"{outcome.text} {problem}".rstrip())


def _complete(journal: Journal, number: int, said: str) -> str:
    """Note what became of it; returns why that is not noted, as a sentence."""
    try:
        journal.complete(number, said)
    except PortEyeError as err:
        return f"This is not noted: {err}"
    return ""


def _stop(target: Target, by: By, own: Own) -> Outcome:
    # The handle first: what is read after it is of its process, or no signal reaches that.
    try:
        with Handle(target.pid) as handle:
            found = process_facts.found(target, handle)
            # One that was asked to end has often let its socket go.
            if refused := refusal(target, found, own, needs_socket=by is not signal.SIGKILL):
                raise StopError(refused.message, refused.command and f"Run: {refused.command}")
            with PortTables(target.pid, target.protocol, target.port) as tables:
                before = tables.inodes()
                _ask(by, found, own, handle)
                if not handle.has_ended(_PATIENCE):
                    return _going_on(target, by, tables.inodes())
                after = _after(target, found, tables, before)
                return Outcome(f"{target.shown_first} has ended. {after}")
    except ProcessLookupError:
        return Outcome(f"{target.shown_first} had ended already.")


def _ask(by: By, found: Found, own: Own, handle: Handle) -> None:
    """Send the signal, or let systemd stop the unit. Raises StopError."""
    if not isinstance(by, Unit):
        handle.send(by)
        return
    if by != offered_unit(found, own):
        raise StopError(f"The process is not in {by.name} any more.", "Look at it again.")
    if reason := service_manager.stop(by):
        raise StopError(
            f"systemd does not stop {by.name}: {reason}.", f"Run: {by.command(as_root=True)}"
        )


def _going_on(target: Target, by: By, inodes: frozenset[int]) -> Outcome:
    seconds = f"{_PATIENCE:g} s"
    if isinstance(by, Unit):
        return Outcome(
            f"{by.name} is still stopping after {seconds}: systemd ends it by force when its time"
            " is over (TimeoutStopSec=).",
            may_kill=True,
        )
    text = f"{target.shown_first} still runs {seconds} after {by.name}"
    if by is signal.SIGKILL:
        return Outcome(f"{text}: the kernel waits for something, such as a disk, to end it.")
    if target.inode not in inodes:
        return Outcome(
            f"{text}, and does not listen on port {target.port} any more.", may_kill=True
        )
    return Outcome(f"{text}.", may_kill=True)


def _after(target: Target, found: Found, tables: PortTables, before: frozenset[int]) -> str:
    """A sentence about the port, when the process has ended."""
    end = time.monotonic() + _AFTERWARDS
    while not (new := tables.inodes() - before) and time.monotonic() < end:
        time.sleep(_PAUSE)
    port = f"port {target.port}"
    if new:
        return f"But {port} is open again: {_named(new)} there."
    left = tables.inodes()
    if target.inode in left:
        return f"But its socket is still open: {_named({target.inode})} on {port}."
    if found.unit is not None and service_manager.is_to_restart(found.unit):
        return f"But systemd is about to start {found.unit.name} again."
    if left:
        return f"Another socket on {port} is open as before: {_named(left)} there."
    return f"Nothing listens on {port} any more."


def _named(inodes: Iterable[int]) -> str:
    found = holders(inodes)
    return (
        f"{', '.join(found)} {'listens' if len(found) == 1 else 'listen'}"
        if found
        else ("a process that this dashboard may not see listens")
    )
