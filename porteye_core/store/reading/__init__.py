"""The one way to read: pages, API and charts ask a Reader, and know no more of the store.

A Reader's answers are values and DataFrames. `version` says whether an answer can have changed.
"""

from porteye_core.store.export import file_name as export_name
from porteye_core.store.frames.as_of import changes as differences
from porteye_core.store.frames.beats import Beats
from porteye_core.store.frames.last_hour import LastHour
from porteye_core.store.frames.timeline import Timeline
from porteye_core.store.frames.watches import Watched as WatchTables
from porteye_core.store.moments import Gap, Watched
from porteye_core.store.reading.coverage import Coverage
from porteye_core.store.reading.reader import Reader, monitor_status, open_reader
from porteye_core.store.reading.version import Version
from porteye_core.store.records import EVENT, PORT, Field, timestamp
from porteye_core.store.status import State, Status
from porteye_core.store.story import Former, Held, Life

__all__ = [
    "EVENT",
    "PORT",
    "Beats",
    "Coverage",
    "Field",
    "Former",
    "Gap",
    "Held",
    "LastHour",
    "Life",
    "Reader",
    "State",
    "Status",
    "Timeline",
    "Version",
    "WatchTables",
    "Watched",
    "differences",
    "export_name",
    "monitor_status",
    "open_reader",
    "timestamp",
]
