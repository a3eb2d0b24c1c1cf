"""The one way to read: page, API, charts and command ask a Reader, and know no more of the store.

A Reader's answers are values and DataFrames. `version` says whether an answer can have changed.
Names that need pandas, or more than most questions do, are loaded when they are first asked for; a
RowReader does without pandas.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from porteye_core.store.reading.coverage import Coverage, Gap, MomentCoverage
from porteye_core.store.reading.followed import FollowedEvent, Newest
from porteye_core.store.reading.free_port import CANDIDATES as FREE_PORTS
from porteye_core.store.reading.free_port import FreePort
from porteye_core.store.reading.json_records import CHANGE, EVENT, MOMENT, PORT, Field, record
from porteye_core.store.reading.listener import Boot, Former, Held, Life, PortLife, PortLives
from porteye_core.store.reading.lookup_answers import Answer, answers
from porteye_core.store.reading.open_uses import OpenUse
from porteye_core.store.reading.past_uses import USE_COLUMNS, PastUse, use_of
from porteye_core.store.reading.row_reader import RowReader, monitor_status, open_row_reader
from porteye_core.store.reading.status import State, Status, health_record
from porteye_core.store.reading.version import Version

if TYPE_CHECKING:
    from porteye_core.store.reading.change_words import is_reachable, summary
    from porteye_core.store.reading.changes import Changes
    from porteye_core.store.reading.differences import Change
    from porteye_core.store.reading.export import Form, file_pieces
    from porteye_core.store.reading.file_reader import FileReader, open_file_reader
    from porteye_core.store.reading.listener_frames import changes_frame, gap_frame
    from porteye_core.store.reading.monitor_usage import MonitorUsage
    from porteye_core.store.reading.reachable import Step, Surface
    from porteye_core.store.reading.reader import Reader, open_reader
    from porteye_core.store.reading.service_rows import by_service, by_socket
    from porteye_core.store.reading.timeline import Timeline
    from porteye_core.store.reading.timeline_rows import Grouping, Row, Rows, Shape
    from porteye_core.store.reading.watches import WatchTables

__all__ = [
    "CHANGE",
    "EVENT",
    "FREE_PORTS",
    "MOMENT",
    "PORT",
    "USE_COLUMNS",
    "Answer",
    "Boot",
    "Change",
    "Changes",
    "Coverage",
    "Field",
    "FileReader",
    "FollowedEvent",
    "Form",
    "Former",
    "FreePort",
    "Gap",
    "Grouping",
    "Held",
    "Life",
    "MomentCoverage",
    "MonitorUsage",
    "Newest",
    "OpenUse",
    "PastUse",
    "PortLife",
    "PortLives",
    "Reader",
    "Row",
    "RowReader",
    "Rows",
    "Shape",
    "State",
    "Status",
    "Step",
    "Surface",
    "Timeline",
    "Version",
    "WatchTables",
    "answers",
    "by_service",
    "by_socket",
    "changes_frame",
    "file_pieces",
    "gap_frame",
    "health_record",
    "is_reachable",
    "monitor_status",
    "open_file_reader",
    "open_reader",
    "open_row_reader",
    "record",
    "summary",
    "use_of",
]

# The module of each name that is loaded later.
_LATER = {
    "Change": "differences",
    "Changes": "changes",
    "FileReader": "file_reader",
    "Form": "export",
    "Grouping": "timeline_rows",
    "MonitorUsage": "monitor_usage",
    "Reader": "reader",
    "Row": "timeline_rows",
    "Rows": "timeline_rows",
    "Shape": "timeline_rows",
    "Step": "reachable",
    "Surface": "reachable",
    "Timeline": "timeline",
    "WatchTables": "watches",
    "by_service": "service_rows",
    "by_socket": "service_rows",
    "changes_frame": "listener_frames",
    "file_pieces": "export",
    "gap_frame": "listener_frames",
    "is_reachable": "change_words",
    "open_file_reader": "file_reader",
    "open_reader": "reader",
    "summary": "change_words",
}


def __getattr__(name: str) -> Any:
    """Load a name of _LATER (PEP 562)."""
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(f"{__name__}.{_LATER[name]}"), name)
    globals()[name] = found
    return found
