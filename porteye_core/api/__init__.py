"""The JSON API, and the guard in front of it and the page."""

from porteye_core.api.app import create_api
from porteye_core.api.guard import HostGuard

__all__ = ["HostGuard", "create_api"]
