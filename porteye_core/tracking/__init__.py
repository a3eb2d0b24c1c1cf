"""Pure: what was open, what the kernel announced and what a scan saw, make what changed."""

from porteye_core.tracking.comparison import Comparison
from porteye_core.tracking.hearing import Announced
from porteye_core.tracking.open_listeners import OpenListeners
from porteye_core.tracking.scan import Changes, Part, Scan
from porteye_core.tracking.tracker import Tracker

__all__ = ["Announced", "Changes", "Comparison", "OpenListeners", "Part", "Scan", "Tracker"]
