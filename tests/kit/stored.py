"""What a writer writes with."""

from porteye_core.store.database import Database
from porteye_core.store.writer import Writer


def database_of(writer: Writer) -> Database:
    """The open file of this writer, which has one."""
    assert writer._database
    return writer._database
