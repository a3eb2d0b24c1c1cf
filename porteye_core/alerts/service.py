"""The loop of the alerts process: files and notes that change, looks of the engine, and waits."""

import logging
import os
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from porteye_core.alerts import settings
from porteye_core.alerts.alert_clock import Moment
from porteye_core.alerts.delivery import Delivery
from porteye_core.alerts.engine import Engine, Place
from porteye_core.alerts.kept_file import KeptFile
from porteye_core.alerts.settings import Settings
from porteye_core.alerts.timers import MINUTE, SECOND, Rules
from porteye_core.config import Config
from porteye_core.errors import StoreError, StoreReplaced
from porteye_core.judging import expected_file
from porteye_core.judging.blocks import Expected
from porteye_core.store.alerts import (
    Connection,
    Receiver,
    check_kind,
    forget_text,
    held,
    keep_text,
    kept_text,
    open_to_write,
    set_quiet,
    set_receivers,
    transaction,
)
from porteye_core.system.clock import SystemClock, moment
from porteye_core.system.host_name import host_name

if TYPE_CHECKING:
    from porteye_core.alerts.fleet_engine import FleetEngine

log = logging.getLogger("porteye.alerts")

_BETWEEN_LOOKS = SECOND
# Files, notes and what others ask of the process: to look at them each second would be most of the
# work of a machine on which nothing happens.
_BETWEEN_READINGS = 5 * SECOND
_FIRST_REST, _LONGEST_REST = 1.0, 30.0  # seconds after an error
_LASTING = MINUTE  # of service, after which the next error is a new one


class Service:
    """Judges and tells until it is stopped.

    wait: returns True if the process is to end; wake: ends a wait, from any thread. ended: tells
    that nobody needs it any more.
    """

    def __init__(
        self,
        config: Config,
        wait: Callable[[float], bool],
        wake: Callable[[], None],
        ended: Callable[[], bool],
    ) -> None:
        self._config, self._wait, self._ended = config, wait, ended
        self._alerts_db = config.alerts_file
        self._clock, self._boot = SystemClock(), _boot_id()
        self._began = self._now()
        self._wake, self._is_woken = wake, False
        self._delivery = Delivery(self._alerts_db, self._was_sent)
        self._expected = KeptFile[Expected](
            expected_file.NAME,
            lambda: expected_file.find(config.expected, config.db),
            expected_file.text,
            expected_file.parse,
            is_named=config.expected is not None,
        )
        self._settings = KeptFile[Settings](
            settings.NAME,
            lambda: settings.find(config.alerts, config.db),
            settings.text,
            settings.checked,
            is_named=config.alerts is not None,
            is_optional=True,
        )
        self._notes: tuple[int, ...] = ()
        self._file: tuple[int, ...] = ()

    def run(self) -> None:
        """Run until the end. Raises StoreHeld if another process judges, and StoreError if the
        alerts database cannot be used at the start."""
        with held(self._alerts_db, self._clock.now()):
            with open_to_write(self._alerts_db) as connection:
                check_kind(connection, self._alerts_db, of_fleet=bool(self._config.fleet))
                for each in self._files:
                    if (kept := kept_text(connection, each.name)) is not None:
                        each.take(kept.text)
            followed = "the fleet" if self._config.fleet else self._config.db
            log.info("following %s, into %s", followed, self._alerts_db)
            self._serve_on()
            with suppress(StoreError), open_to_write(self._alerts_db) as connection:
                self._delivery.stop(connection, self._steady_wall())

    @property
    def _files(self) -> tuple[KeptFile[Any], ...]:
        return self._settings, self._expected

    def _serve_on(self) -> None:
        """Serve until the end, whatever becomes of the alerts database."""
        rest, is_over = _FIRST_REST, False
        while not is_over:
            began = self._clock.elapsed()
            try:
                with open_to_write(self._alerts_db) as connection:
                    self._serve(connection)
                is_over = True
            except StoreError as err:
                log.error("%s It is tried again.", err)
                if self._clock.elapsed() - began >= _LASTING:
                    rest = _FIRST_REST
                is_over = self._wait(rest) or self._ended()
                rest = min(2 * rest, _LONGEST_REST)

    def _was_sent(self) -> None:
        """Let the loop store what became of a message; any thread calls it."""
        self._is_woken = True
        self._wake()

    def _serve(self, connection: Connection) -> None:
        self._file = _state(self._alerts_db)[:1]
        engine = self._engine(connection)
        for each in self._files:
            each.has_changed()
            self._put_in_force(each, engine, connection)
        self._notes, read_again, is_over = (), 0, False
        while not is_over:
            now = self._now()
            is_reading = now.elapsed >= read_again
            if is_reading:
                read_again = now.elapsed + _BETWEEN_READINGS
                self._read_again(engine, connection)
            engine.look(now)
            for line in engine.noted():
                log.warning("%s", line)
            if is_reading or engine.has_made_messages or self._is_woken:
                self._is_woken = engine.has_made_messages = False
                self._delivery.step(connection, self._steady_wall())
            due = engine.next_due()
            pause = _BETWEEN_LOOKS if due is None else min(due, _BETWEEN_LOOKS)
            is_over = self._wait(pause / SECOND) or self._ended()

    def _engine(self, connection: Connection) -> "Engine | FleetEngine":
        """The engine of this machine, or of the fleet, which loads psycopg."""
        if not self._config.fleet:
            place = Place(self._config.db, self._alerts_db, host_name())
            return Engine(connection, place, self._now())
        from porteye_core.alerts.fleet_engine import FleetEngine, FleetPlace  # noqa: PLC0415

        fleet = FleetPlace(self._config.fleet, self._alerts_db)
        return FleetEngine(connection, fleet, self._now())

    def _read_again(self, engine: "Engine | FleetEngine", connection: Connection) -> None:
        for each in self._files:
            if each.has_changed():
                self._put_in_force(each, engine, connection)
        state = _state(self._alerts_db)
        if state[:1] != self._file:
            raise StoreReplaced(f"{self._alerts_db} was deleted, or another file has its name.")
        if state != self._notes:
            self._notes = state
            engine.read_notes(self._now())
            self._drop_secrets(connection)

    def _put_in_force(
        self, file: KeptFile[Any], engine: "Engine | FleetEngine", connection: Connection
    ) -> None:
        now = self._now()
        if file is self._expected:
            engine.set_expected(self._expected.value, now)
        else:
            self._use(self._settings.value, engine, connection)
        engine.set_trouble(file.name, file.trouble, now)
        if file.value is None:  # gone: a wrong one that comes later does not bring it back
            with transaction(connection, self._alerts_db):
                forget_text(connection, file.name)
        if file.trouble:
            log.error("%s", file.trouble)
        elif file.value is not None:
            log.info("%s is in force", file.value.file)
            self._keep(file, connection)
        self._drop_secrets(connection)

    def _use(
        self, found: Settings | None, engine: "Engine | FleetEngine", connection: Connection
    ) -> None:
        senders = found.receivers if found else ()
        since = self._clock.now()
        shown = tuple(
            Receiver(each.name, each.kind, each.shown, each.least, since) for each in senders
        )
        engine.set_rules(Rules(found.timers, found.quiet, shown, found.page) if found else Rules())
        with transaction(connection, self._alerts_db):
            set_receivers(connection, shown)
            set_quiet(connection, found.quiet if found else (), since)
        self._delivery.use(senders)

    def _keep(self, file: KeptFile[Any], connection: Connection) -> None:
        """Keep a text for the next start; one with secrets only where nobody else may read it."""
        if file is self._settings and self._is_open_to_others:
            return
        with transaction(connection, self._alerts_db):
            keep_text(connection, file.name, file.good_text, self._clock.now())

    def _drop_secrets(self, connection: Connection) -> None:
        """Drop the kept text with secrets if its file is gone, or if others may read it by now."""
        if self._settings.value is None or self._is_open_to_others:
            with transaction(connection, self._alerts_db):
                forget_text(connection, self._settings.name)

    @property
    def _is_open_to_others(self) -> bool:
        try:
            mode = self._alerts_db.stat().st_mode
        except OSError:  # deleted, as the next reading finds
            return True
        return bool(mode & (stat.S_IRWXG | stat.S_IRWXO))

    def _now(self) -> Moment:
        wall, elapsed = moment(self._clock)
        return Moment(wall, elapsed, self._boot)

    def _steady_wall(self) -> int:
        """The wall time as it was at the start, with what has passed since: a clock that is set
        meanwhile delays no message."""
        return self._began.wall + self._clock.elapsed() - self._began.elapsed


def _state(file: Path) -> tuple[int, ...]:
    try:
        found = os.stat(file)  # noqa: PTH116 - each second: a Path takes as long again
    except OSError:
        return ()
    return found.st_ino, found.st_mtime_ns, found.st_size, found.st_mode


def _boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""
