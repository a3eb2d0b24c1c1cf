"""Managers of services: where each has its files, and the commands that it takes."""

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from porteye_core import places
from porteye_core.command import service_files
from porteye_core.command.arguments import MANAGERS
from porteye_core.errors import ConfigError

_PLATFORMS = dict(zip(MANAGERS, ("linux", "darwin", "win32"), strict=True))
_UNIT = "porteye.service"
# Where packages of a distribution put their units.
_PACKAGED = (Path("/usr/lib/systemd/system"), Path("/lib/systemd/system"))

Commands = Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True)
class Service:
    """The monitor as a service of one manager.

    content: of its file, without the stamp; check: the command that judges a file of this content;
    written: what the manager has to be told then; start, stop: also at the start of the machine;
    removed: what it has to be told in the end; asked: what is running, the last one says whether.
    """

    manager: str
    path: Path
    content: str
    comment: str
    database: Path
    encoding: str = "utf-8"
    packaged: Path | None = None
    check: Sequence[str] = ()
    written: Commands = ()
    start: Commands = ()
    stop: Commands = ()
    removed: Commands = ()
    asked: Commands = ()

    @property
    def text(self) -> str:
        """The whole file."""
        return service_files.stamped(self.content, self.comment)


def here() -> str:
    """Name of the manager of this system. Raises ConfigError."""
    for name, platform in _PLATFORMS.items():
        if sys.platform == platform:
            return name
    raise ConfigError(
        f"PortEye knows no manager of services on {sys.platform}.",
        "Start `porteye monitor` by whatever starts programs there.",
    )


def program() -> list[Path]:
    """The files and folders of this program, as they are named and as they really are."""
    own = [Path(sys.executable), Path(sys.prefix), Path(sys.base_prefix), Path(places.__file__)]
    return list(dict.fromkeys([*own, *(path.resolve() for path in own)]))


def service(manager: str, environ: Mapping[str, str], *, of_user: bool) -> Service:
    """The service of this installed program, for a user or for the machine. Raises ConfigError."""
    make = {"systemd": _systemd, "launchd": _launchd, "windows": _windows}[manager]
    platform = _PLATFORMS[manager]
    folder = places.state_folder(environ, platform, is_root=None if of_user else True)
    if of_user and places.IS_CHECKOUT:
        folder = places.TOP
    return make(environ, folder / "porteye.db", of_user=of_user)


def _words(db: Path) -> list[str]:
    return [*places.monitor_words(), "--db", str(db)]


def _systemd(environ: Mapping[str, str], db: Path, *, of_user: bool) -> Service:
    mine = ["--user"] if of_user else []
    folder, packaged = Path("/etc/systemd/system"), None
    if of_user:
        settings = Path(environ.get("XDG_CONFIG_HOME", ""))
        base = settings if settings.is_absolute() else Path.home() / ".config"
        folder = base / "systemd" / "user"
    else:
        found = (each / _UNIT for each in _PACKAGED if (each / _UNIT).is_file())
        packaged = next(found, None)
    template = (places.TOP / "deploy" / _UNIT).read_text("utf-8")
    return Service(
        manager="systemd",
        path=folder / _UNIT,
        content=service_files.unit(template, _words(db), program(), of_user=of_user),
        comment="# {}",
        database=db,
        packaged=packaged,
        check=["systemd-analyze", *mine, "verify"],
        written=[["systemctl", *mine, "daemon-reload"]],
        start=[["systemctl", *mine, "enable", _UNIT], ["systemctl", *mine, "restart", _UNIT]],
        stop=[["systemctl", *mine, "disable", "--now", _UNIT]],
        removed=[["systemctl", *mine, "daemon-reload"]],
        asked=[["systemctl", *mine, "is-enabled", _UNIT], ["systemctl", *mine, "is-active", _UNIT]],
    )


def _launchd(_: Mapping[str, str], db: Path, *, of_user: bool) -> Service:
    domain = f"gui/{os.getuid() if hasattr(os, 'getuid') else 0}" if of_user else "system"
    library = Path.home() / "Library" if of_user else Path("/Library")
    path = (
        library / ("LaunchAgents" if of_user else "LaunchDaemons") / f"{service_files.LABEL}.plist"
    )
    name = f"{domain}/{service_files.LABEL}"
    return Service(
        manager="launchd",
        path=path,
        content=service_files.property_list(_words(db), str(library / "Logs" / "porteye.log")),
        comment="<!-- {} -->",
        database=db,
        check=["plutil", "-lint"],
        start=[["launchctl", "enable", name], ["launchctl", "bootstrap", domain, str(path)]],
        stop=[["launchctl", "bootout", name], ["launchctl", "disable", name]],
        asked=[["launchctl", "print", name]],
    )


def _windows(_: Mapping[str, str], db: Path, *, of_user: bool) -> Service:
    path = db.with_name("porteye.xml")
    create = ["schtasks", "/Create", "/TN", "PortEye", "/XML", str(path), "/F"]
    return Service(
        manager="windows",
        path=path,
        content=service_files.task(_words(db), of_user=of_user),
        comment="<!-- {} -->",
        database=db,
        encoding="utf-16",
        start=[create, ["schtasks", "/Run", "/TN", "PortEye"]],
        stop=[
            ["schtasks", "/End", "/TN", "PortEye"],
            ["schtasks", "/Delete", "/TN", "PortEye", "/F"],
        ],
        asked=[["schtasks", "/Query", "/TN", "PortEye"]],
    )
