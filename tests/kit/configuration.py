"""What the dashboard has read of its environment, which it reads once."""

from porteye_core.web import server


def forget() -> None:
    """The next page or request reads it anew."""
    for cached in (server.config, server.access, server.routes, server.middleware):
        cached.cache_clear()
