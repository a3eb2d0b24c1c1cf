"""What a writer writes with."""

from porteye_core.store.writing.recorder import Recorder
from porteye_core.store.writing.writer import Writer


def database_of(writer: Writer) -> Recorder:
    """The open file of this writer, which has one."""
    assert writer._recorder
    return writer._recorder
