"""PortEye's real service over a database that is gone after the block."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.load.worker import PROJECT
from porteye_core.errors import StoreError
from porteye_core.store.file.connection import open_connection

_FLAGS = ("--interval", "1", "--sample-interval", "10", "--source", "auto")
_GRACE, _GLANCE = 30.0, 0.01  # seconds after SIGTERM, and between two checks for the end


class Service:
    """A service that watches, and what it has stored."""

    def __init__(self, process: "subprocess.Popen[bytes]", db: Path) -> None:
        self.pid, self.db = process.pid, db
        self._process = process

    def rows(self, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
        """The answer of its database."""
        with open_connection(self.db) as reader:
            return [tuple(row) for row in reader.execute(statement, parameters)]

    def number(self, statement: str, *parameters: object) -> int:
        """The answer of its database, where that is one number."""
        ((value,),) = self.rows(statement, *parameters)
        assert isinstance(value, int)
        return value

    def end(self, meanwhile: Callable[[], object] = lambda: None) -> float:
        """End it by SIGTERM, by force after half a minute; returns the seconds until its end.

        `meanwhile` is called again and again while it ends.
        """
        began = time.monotonic()
        self._process.send_signal(signal.SIGTERM)
        while self._process.poll() is None:
            meanwhile()
            if time.monotonic() - began > _GRACE:
                self._process.kill()
            time.sleep(_GLANCE)
        return time.monotonic() - began

    @property
    def source(self) -> str:
        """The name of the source that it watches by."""
        ((name,),) = self.rows("SELECT source FROM watch ORDER BY id DESC LIMIT 1")
        return str(name)


@contextmanager
def watching(
    *flags: str, environ: Mapping[str, str] | None = None, db: Path | None = None
) -> Iterator[Service]:
    """A service with these flags, or those of every benchmark, whose first scan is stored.

    `environ`: variables beside those of this process. `db`: a database that is there already.
    """
    with tempfile.TemporaryDirectory(prefix="porteye-benchmark-") as folder:
        db, log = db or Path(folder) / "x.db", Path(folder) / "log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [
                    sys.executable,
                    str(PROJECT / "monitor_service.py"),
                    "--exit-with-parent",
                    "--db",
                    str(db),
                    *(flags or _FLAGS),
                ],
                cwd=PROJECT,
                env={**_bare_environment(), **(environ or {})},
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        running = Service(process, db)
        try:
            if not until(lambda: process.poll() is not None or _watches(running), 60):
                raise RuntimeError("PortEye did not begin to watch within a minute")
            if process.poll() is not None:
                raise RuntimeError(f"PortEye ended: {log.read_text()}")
            yield running
        finally:
            running.end()


def _watches(service: Service) -> bool:
    """True if the watch of this process has stored a scan."""
    first = "SELECT 1 FROM tick WHERE watch_id = (SELECT max(id) FROM watch WHERE pid = ?) LIMIT 1"
    try:
        return bool(service.rows(first, service.pid))
    except StoreError:
        return False


def _bare_environment() -> dict[str, str]:
    return {k: v for k, v in os.environ.items() if not k.startswith("PORTEYE_")}


def until(condition: Callable[[], object], timeout: float, every: float = 0.1) -> bool:
    """Whether the condition came true in time."""
    end = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(every)
    return True
