"""Rows of containers: each is stored once, its names as soon as they are known."""

import sqlite3

from porteye_core.containers import Container
from porteye_core.store.tables.revisions import revise

_MAX_CACHED = 1024
_NAMES = (
    *("container_name", "image", "compose_project", "compose_service", "pod", "pod_namespace"),
    *("published", "addresses"),
)
_SELECTED = "host_id = ? AND runtime = ? AND runtime_id = ?"


class ContainerTable:
    """Finds or inserts rows, with a cache of their ids; call forget() after a rollback."""

    def __init__(self, connection: sqlite3.Connection, host: int) -> None:
        self._connection = connection
        self._host = host
        self._ids: dict[str, int] = {}  # by the container of a process

    def forget(self) -> None:
        """Empty the cache: it may have rows of a transaction that failed, or that were deleted."""
        self._ids.clear()

    def row(self, text: str) -> int | None:
        """Id of the row of a process's container, which is inserted if needed; None without one."""
        if not text:
            return None
        if text not in self._ids:
            if len(self._ids) >= _MAX_CACHED:
                self._ids.clear()
            self._ids[text] = self._row(Container.of(text))
        return self._ids[text]

    def name(self, container: Container) -> None:
        """Store the names of a container; a name that is not known any more stays."""
        row = self._row(container)
        told = {name: getattr(container, name) for name in _NAMES}
        known = {name: text for name, text in told.items() if text}
        if known:
            changes = ", ".join(f"{name} = ?" for name in known)
            self._connection.execute(
                f"UPDATE container SET {changes} WHERE id = ?", (*known.values(), row)
            )
            within = self._connection.execute(
                "SELECT l.id FROM listener l JOIN process p ON p.id = l.process_id"
                " WHERE l.closed_at IS NULL AND p.container_id = ?",
                (row,),
            )
            revise(self._connection, (listener_id for (listener_id,) in within.fetchall()))

    def _row(self, container: Container) -> int:
        key = self._host, container.runtime, container.runtime_id
        found = self._connection.execute(
            f"SELECT id FROM container WHERE {_SELECTED}", key
        ).fetchone()
        if found:
            return int(found[0])
        texts = [getattr(container, name) for name in _NAMES]
        made = self._connection.execute(
            f"INSERT INTO container (host_id, runtime, runtime_id, {', '.join(_NAMES)})"
            f" VALUES (?, ?, ?{', ?' * len(_NAMES)})",
            (*key, *texts),
        )
        return int(made.lastrowid or 0)
