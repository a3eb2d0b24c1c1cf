"""Notes of people, in the alerts database beside a database."""

from pathlib import Path

from porteye_core.store import alerts
from porteye_core.store.alerts import Note


def note(db: Path, note: Note) -> None:
    """Store the words and the accept of a note."""
    with alerts.writing(alerts.beside(db)) as connection:
        alerts.put_words(connection, note)
        alerts.put_accept(connection, note)
