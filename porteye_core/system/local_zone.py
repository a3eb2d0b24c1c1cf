"""The time zone of this machine, or of TZ, by its name."""

import os
from collections.abc import Mapping
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_LOCALTIME = Path("/etc/localtime")  # localtime(5): a link into the zone files
_FOLDER = "zoneinfo/"


def local_zone(environ: Mapping[str, str] = os.environ, link: Path = _LOCALTIME) -> ZoneInfo:
    """The zone that TZ names, else the machine's, else UTC.

    >>> local_zone({"TZ": ":Europe/Berlin"}).key
    'Europe/Berlin'
    """
    named = environ.get("TZ", "").removeprefix(":")
    return _zone(named) or _zone(_target(link)) or _of_file(link) or ZoneInfo("UTC")


def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name) if name else None
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def _of_file(copy: Path) -> ZoneInfo | None:
    """The zone of a file that is a copy, not a link, and does not say its name."""
    try:
        with copy.open("rb") as rules:
            return ZoneInfo.from_file(rules, key="local time")
    except (OSError, ValueError):
        return None


def _target(link: Path) -> str:
    """The name of the zone that the link leads to, empty if it leads to none."""
    try:
        target = str(link.resolve())
    except (OSError, RuntimeError):
        return ""
    return target.partition(_FOLDER)[2]
