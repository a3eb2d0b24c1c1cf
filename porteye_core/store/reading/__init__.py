"""The one way to read: pages, API and charts ask a Reader, and know no more of the store.

A Reader's answers are values and DataFrames. `version` says whether an answer can have changed.
"""

from porteye_core.store.reading.changes import Changes
from porteye_core.store.reading.coverage import Coverage, Gap, MomentCoverage
from porteye_core.store.reading.differences import Change, differences
from porteye_core.store.reading.export import Form
from porteye_core.store.reading.free_port import CANDIDATES as FREE_PORTS
from porteye_core.store.reading.free_port import FreePort
from porteye_core.store.reading.json_records import CHANGE, EVENT, MOMENT, PORT, Field
from porteye_core.store.reading.listener import Former, Held, Life, PortLife, PortLives
from porteye_core.store.reading.monitor_usage import MonitorUsage
from porteye_core.store.reading.reachable import Step, Surface
from porteye_core.store.reading.reader import Reader, monitor_status, open_reader
from porteye_core.store.reading.service_rows import by_service, by_socket
from porteye_core.store.reading.status import State, Status
from porteye_core.store.reading.timeline import Timeline
from porteye_core.store.reading.timeline_rows import Grouping, Row, Rows, Shape
from porteye_core.store.reading.version import Version
from porteye_core.store.reading.watches import WatchTables

__all__ = [
    "CHANGE",
    "EVENT",
    "FREE_PORTS",
    "MOMENT",
    "PORT",
    "Change",
    "Changes",
    "Coverage",
    "Field",
    "Form",
    "Former",
    "FreePort",
    "Gap",
    "Grouping",
    "Held",
    "Life",
    "MomentCoverage",
    "MonitorUsage",
    "PortLife",
    "PortLives",
    "Reader",
    "Row",
    "Rows",
    "Shape",
    "State",
    "Status",
    "Step",
    "Surface",
    "Timeline",
    "Version",
    "WatchTables",
    "by_service",
    "by_socket",
    "differences",
    "monitor_status",
    "open_reader",
]
