"""Pure: what was open, what the kernel announced and what a scan saw, make what changed."""

from porteye_core.tracker.hearing import Announced
from porteye_core.tracker.tracker import Changes, Scan, Tracker

__all__ = ["Announced", "Changes", "Scan", "Tracker"]
