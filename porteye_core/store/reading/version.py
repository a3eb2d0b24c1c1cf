"""The version of a database: caches of answers are keyed by it."""

from typing import NamedTuple

from porteye_core.store import engine


class Version(NamedTuple):
    """Two equal versions have the same rows, but for a watch's last sign of life and an owner that
    was found later without a new process.

    Ids grow, and the oldest events are dropped first: the first and the last id tell of both.
    """

    database: str | None  # None if it was moved away while it was read
    first_event: int | None
    last_event: int | None
    last_process: int | None
    last_tick: int | None

    @property
    def of_events(self) -> "Version":
        """The version of all but the samples, which grow at every sampling tick."""
        return self._replace(last_tick=None)


def version(connection: engine.Connection) -> Version:
    """Return the version of the moment that this connection reads."""
    ids = connection.execute(
        "SELECT database_identity(), (SELECT min(id) FROM event), (SELECT max(id) FROM event),"
        " (SELECT max(id) FROM process), (SELECT max(id) FROM tick)"
    ).fetchone()
    return Version(*ids)
