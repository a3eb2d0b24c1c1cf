"""Pure: what was open, what the kernel announced and what a scan saw, make what changed."""

from porteye_core.tracker.comparison import Comparison
from porteye_core.tracker.hearing import Announced
from porteye_core.tracker.open_listeners import OpenListeners
from porteye_core.tracker.scan import Changes, Part, Scan
from porteye_core.tracker.tracker import Tracker

__all__ = ["Announced", "Changes", "Comparison", "OpenListeners", "Part", "Scan", "Tracker"]
