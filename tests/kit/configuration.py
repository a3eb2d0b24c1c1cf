"""What the dashboard has read of its environment, which it reads once."""

from porteye_core import dashboard


def forget() -> None:
    """The next page or request reads it anew."""
    for cached in (dashboard.config, dashboard.access, dashboard.routes, dashboard.middleware):
        cached.cache_clear()
