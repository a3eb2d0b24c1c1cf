"""The present: what listens now, as the monitor has stored it, or by one scan of the machine."""

import logging
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

from porteye_core.command.screen import warn
from porteye_core.config import Config, monitor_command
from porteye_core.errors import PortEyeError, SourceError, StoreError
from porteye_core.spoken_times import moment
from porteye_core.store.reading import RowReader, State, Status, open_row_reader

_MONITOR = (sys.executable, "-m", "porteye_core.command", "monitor")


class CannotSay(PortEyeError):
    """The question has no answer: nobody watched, or nothing can be read."""

    exit_status = 3


@dataclass(frozen=True, slots=True)
class Present:
    """The moment of the present, the reader of it, and that of the past, None if there is none.

    is_scan: the present is one scan of the machine. note: why it is, as sentences. last_watched:
    the end of what is stored, None while a monitor watches.
    """

    at: int
    now: RowReader
    past: RowReader | None
    is_scan: bool = False
    note: str = ""
    last_watched: int | None = None


@contextmanager
def present(db: Path, at: int, zone: ZoneInfo) -> Iterator[Present]:
    """Open what is known at this moment. Raises CannotSay."""
    with ExitStack() as stack:
        try:
            stored = stack.enter_context(open_row_reader(db))
            status = stored.status(at)
        except StoreError as err:
            scanned = stack.enter_context(_scan())
            yield Present(_clock(), scanned, None, is_scan=True, note=_unread(err))
            return
        if status.is_current:
            yield Present(at, stored, stored)
            return
        if status.is_elsewhere:
            raise CannotSay(
                f"This database is of another machine, {status.host}: what listens here is not"
                " known.",
                "Ask for a time of its history by --at.",
            )
        note = f"{stale(status, at, zone)} This is one scan of the machine."
        if status.state in {State.STOPPED, State.NEVER}:
            note += f" Start a monitor: {monitor_command(db)}"
        scanned = stack.enter_context(_scan())
        yield Present(
            _clock(), scanned, stored, is_scan=True, note=note, last_watched=status.last_watched
        )


def warn_program(known: Present) -> None:
    """Write the note to standard error, as a program gets the records alone."""
    if known.note:
        warn(known.note)


def stale(status: Status, at: int, zone: ZoneInfo) -> str:
    """The reason why what is stored is not what listens now, as a sentence."""
    watch = status.watch
    if status.state is State.STARTING:
        return "The monitor is starting and has not scanned yet."
    if watch is None:
        holds = "The monitor cannot write: nothing is stored yet."
        return holds if status.state is State.HOLDING else "No monitor has watched yet."
    if status.state is State.STOPPED:
        ended = "was stopped" if watch.stopped_at is not None else "ended abruptly"
        since = moment(watch.stopped_at or watch.seen_at, at, zone)
        return f"No monitor watches: it {ended} {since}, and nothing is recorded since."
    does = "cannot write" if status.state is State.HOLDING else "cannot scan"
    return f"The monitor {does}: what is stored is of {moment(watch.seen_at, at, zone)}."


def _clock() -> int:
    return time.time_ns() // 1000


def _unread(err: StoreError) -> str:
    # The hint ends with a command, which no sentence may follow.
    return f"{err.message} This is one scan of the machine; it knows no past. {err.hint}".rstrip()


@contextmanager
def _folder() -> Iterator[Path]:
    """A folder of this user alone, which is deleted at the end."""
    try:
        folder = tempfile.TemporaryDirectory(prefix="porteye-")
    except OSError as err:
        raise CannotSay(
            f"The machine cannot be scanned at: no file can be made in {tempfile.gettempdir()}:"
            f" {err.strerror}.",
            "Set TMPDIR to a folder with free space.",
        ) from err
    with folder as name:
        yield Path(name)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the monitor's log from the terminal."""
    log = logging.getLogger("porteye")
    before = log.level
    log.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        log.setLevel(before)


@contextmanager
def _scan() -> Iterator[RowReader]:
    """Scan once into a database that is deleted at the end. Raises CannotSay."""
    # The monitor's parts take a tenth of a second, which a stored answer does without.
    from porteye_core.monitor.command_line import watch  # noqa: PLC0415

    with _quiet(), _folder() as folder:
        db = folder / "scan.db"
        # A scan needs no kernel events: sock_diag where there is one.
        source = "sock_diag" if sys.platform == "linux" else "auto"
        try:
            try:
                watch(Config(db=db, once=True, source=source), _MONITOR)
            except SourceError:
                watch(Config(db=db, once=True, source="portable"), _MONITOR)
            with open_row_reader(db) as reader:
                yield reader
        except (SourceError, StoreError) as err:
            raise CannotSay(f"The machine cannot be scanned at: {err.message}", err.hint) from err
