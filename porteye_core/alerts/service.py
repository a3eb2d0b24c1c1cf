"""The loop of the alerts process: files and notes that change, looks of the engine, and waits."""

import logging
import os
import platform
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from porteye_core.alerts.alert_clock import Moment
from porteye_core.alerts.engine import Engine, Place
from porteye_core.alerts.kept_file import KeptFile
from porteye_core.alerts.timers import SECOND
from porteye_core.config import Config
from porteye_core.errors import StoreError
from porteye_core.judging import expected_file
from porteye_core.judging.blocks import Expected
from porteye_core.store.alerts import (
    Connection,
    beside,
    held,
    keep_text,
    kept_text,
    open_to_write,
    transaction,
)
from porteye_core.system.clock import SystemClock, moment

log = logging.getLogger("porteye.alerts")

_BETWEEN_LOOKS = SECOND
_FIRST_REST, _LONGEST_REST = 1.0, 30.0  # seconds after an error


class Service:
    """Judges and tells until it is stopped.

    wait: returns True if the process is to end; ended: tells that nobody needs it any more.
    """

    def __init__(
        self, config: Config, wait: Callable[[float], bool], ended: Callable[[], bool]
    ) -> None:
        self._config, self._wait, self._ended = config, wait, ended
        self._alerts_db = config.alerts_db or beside(config.db)
        self._place = Place(config.db, self._alerts_db, platform.node())
        self._clock, self._boot = SystemClock(), _boot_id()
        self._expected = KeptFile[Expected](
            expected_file.NAME,
            lambda: expected_file.find(config.expected, config.db),
            expected_file.text,
            expected_file.parse,
        )
        self._notes: tuple[int, ...] = ()

    def run(self) -> None:
        """Run until the end. Raises StoreHeld if another process judges, and StoreError if the
        alerts database cannot be used at the start."""
        with ExitStack() as stack:
            stack.enter_context(held(self._alerts_db, self._clock.now()))
            with open_to_write(self._alerts_db) as connection:
                self._take_kept(connection)
            log.info("following %s, into %s", self._config.db, self._alerts_db)
            rest, is_over = _FIRST_REST, False
            while not is_over:
                try:
                    with open_to_write(self._alerts_db) as connection:
                        self._serve(connection)
                    is_over = True
                except StoreError as err:
                    log.error("%s It is tried again.", err)
                    is_over = self._wait(rest) or self._ended()
                    rest = min(2 * rest, _LONGEST_REST)

    def _serve(self, connection: Connection) -> None:
        engine = Engine(connection, self._place, self._now())
        self._take_files(engine, connection, is_first=True)
        while True:
            self._take_files(engine, connection)
            self._take_notes(engine)
            engine.look(self._now())
            for line in engine.noted():
                log.warning("%s", line)
            due = engine.next_due()
            pause = _BETWEEN_LOOKS if due is None else min(due, _BETWEEN_LOOKS)
            if self._wait(pause / SECOND) or self._ended():
                return

    def _take_files(
        self, engine: Engine, connection: Connection, *, is_first: bool = False
    ) -> None:
        expected = self._expected
        if not expected.has_changed() and not is_first:
            return
        now = self._now()
        engine.set_expected(expected.value, now)
        engine.set_trouble(expected.name, expected.trouble, now)
        if expected.trouble:
            log.error("%s", expected.trouble)
        elif expected.value is not None:
            with transaction(connection, self._alerts_db):
                keep_text(connection, expected.name, expected.good_text, now.wall)
            log.info("judging by %s", expected.value.file)

    def _take_kept(self, connection: Connection) -> None:
        kept = kept_text(connection, self._expected.name)
        if kept is not None:
            self._expected.take(kept)

    def _take_notes(self, engine: Engine) -> None:
        state = _state(self._alerts_db)
        if state != self._notes:
            self._notes = state
            engine.read_notes(self._now())

    def _now(self) -> Moment:
        wall, elapsed = moment(self._clock)
        return Moment(wall, elapsed, self._boot)


def _state(file: Path) -> tuple[int, ...]:
    try:
        found = os.stat(file)  # noqa: PTH116 - each second: a Path takes as long again
    except OSError:
        return ()
    return found.st_ino, found.st_mtime_ns, found.st_size


def _boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""
