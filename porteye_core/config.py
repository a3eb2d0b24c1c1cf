"""Configuration from flags, environment and defaults, in this order of precedence."""

import os
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from porteye_core import places, units
from porteye_core.errors import ConfigError
from porteye_core.model import DEFAULT_RETENTION, RetentionPolicy

SOURCES = ("auto", "tracepoint", "sock_diag", "portable")
# A Host header has international names in their ASCII form, xn--….
_HOST = re.compile(r"\[?([0-9a-f.]*:[0-9a-f:.]+)\]?|([a-z0-9_-][a-z0-9._-]*?)\.?")
LOG_LEVELS = ("debug", "info", "warning", "error")

# Below 100 ms a psutil scan of a busy host takes longer than the interval. Polling less than once
# an hour is no monitoring.
SHORTEST_INTERVAL, LONGEST_INTERVAL = 0.1, 3600.0


@dataclass(frozen=True, slots=True)
class Config:
    """Settings of monitor and dashboard; times in seconds."""

    db: Path = field(default_factory=places.database)
    interval: float | None = None  # None: the source's default
    sample_interval: float = 10.0
    source: str = "auto"
    docker: Path | None = None  # socket of a container runtime
    once: bool = False
    backup: Path | None = None
    retention: RetentionPolicy = DEFAULT_RETENTION
    require_admin: bool = False
    elevate: bool = False
    exit_with_parent: bool = False
    give_way: bool = False
    log_level: str = "info"
    start_monitor: bool = True
    allowed_hosts: tuple[str, ...] = ()
    cors_origin: str = ""
    stops: bool = False  # the page may stop processes
    expected: Path | None = None  # None: where expected ports usually stand
    alerts: Path | None = None  # None: where the settings of alerts usually stand
    alerts_db: Path | None = None  # None: beside the database
    start_alerts: bool = True
    fleet: str = field(default="", repr=False)  # address of a fleet's server, with a password

    @property
    def alerts_file(self) -> Path:
        """The alerts database: the one that is named, else the one beside the database. That of a
        fleet has another name: this machine may judge itself, too."""
        usual = places.fleet_alerts_database if self.fleet else places.alerts_database
        return self.alerts_db or usual(self.db)


def load(flags: Mapping[str, object], environ: Mapping[str, str]) -> Config:
    """Load the configuration from flags (None: not given) and environment.

    Raises ConfigError, which names the flag or variable and the values that it accepts.
    """

    def given(flag: str, variable: str) -> tuple[str, object]:
        if flags.get(flag) is not None:
            return "--" + flag.replace("_", "-"), flags[flag]
        return variable, environ.get(variable) or None

    db = _file(*given("db", "PORTEYE_DB")) or places.database(environ)
    default = Config(db)
    interval = _seconds(*given("interval", "PORTEYE_INTERVAL"))
    samples = _seconds("--sample-interval", flags.get("sample_interval"))
    is_off = flags.get("alerts") is None and environ.get("PORTEYE_ALERTS", "").lower() == "off"
    return Config(
        db=db,
        interval=interval,
        sample_interval=max(interval or 0, default.sample_interval if samples is None else samples),
        source=_choice(*given("source", "PORTEYE_SOURCE"), SOURCES, default.source),
        docker=_socket(*given("docker", "PORTEYE_DOCKER")),
        once=bool(flags.get("once")),
        backup=_file("--backup", flags.get("backup")),
        retention=_retention(flags),
        require_admin=bool(flags.get("require_admin")),
        elevate=bool(flags.get("elevate")),
        exit_with_parent=bool(flags.get("exit_with_parent")),
        give_way=bool(flags.get("give_way")),
        log_level=_choice("--log-level", flags.get("log_level"), LOG_LEVELS, default.log_level),
        start_monitor=_choice(
            "PORTEYE_MONITOR", environ.get("PORTEYE_MONITOR") or None, ("auto", "off"), "auto"
        )
        == "auto",
        allowed_hosts=_hosts(environ.get("PORTEYE_ALLOWED_HOSTS", "")),
        cors_origin=_origin(environ.get("PORTEYE_CORS_ORIGIN", "")),
        stops=_choice("PORTEYE_STOP", environ.get("PORTEYE_STOP") or None, ("on", "off"), "off")
        == "on",
        expected=_file(*given("expected", "PORTEYE_EXPECTED")),
        alerts=None if is_off else _file(*given("alerts", "PORTEYE_ALERTS")),
        alerts_db=_file(*given("alerts_db", "PORTEYE_ALERTS_DB")),
        start_alerts=not is_off,
        fleet=_one_line(*given("fleet", "PORTEYE_FLEET")),
    )


def _retention(flags: Mapping[str, object]) -> RetentionPolicy:
    retention = DEFAULT_RETENTION
    if (given := flags.get("keep_events")) is not None:
        retention = replace(retention, events=units.duration("--keep-events", str(given)))
    if (given := flags.get("keep_samples")) is not None:
        retention = replace(retention, samples=units.duration("--keep-samples", str(given)))
    if (given := flags.get("max_size")) is not None:
        retention = replace(retention, size=units.size("--max-size", str(given)))
    return retention


def monitor_command(db: Path) -> str:
    """Command that starts a monitor for this database, from any folder.

    It has sudo where that is installed and this user needs it to see every process. The database is
    named where it is not the default, or where root has another default than this user.
    """
    # Together 1.5 MiB, which a process that runs for months needs for no other purpose.
    import shutil  # noqa: PLC0415
    import subprocess  # noqa: PLC0415

    words = places.short_monitor_words()
    sudo = ["sudo"] if os.name != "nt" and os.geteuid() != 0 and shutil.which("sudo") else []
    if db != places.database() or (sudo and not places.IS_CHECKOUT):
        words += ["--db", str(db)]
    return subprocess.list2cmdline(words) if os.name == "nt" else shlex.join([*sudo, *words])


def _one_line(name: str, value: object) -> str:
    text = "" if value is None else str(value).strip()
    if not text.isprintable():
        raise ConfigError(f"{name} has a control character.", "Give an address of libpq.")
    return text


def _file(name: str, value: object) -> Path | None:
    return None if value is None else file_path(name, str(value))


def file_path(name: str, text: str) -> Path:
    """The path of a file that a flag or a variable of this name names; raises ConfigError."""
    if "\0" in text:
        raise ConfigError(f"{name} contains a NUL character.", "Give the path of a file.")
    try:
        path = Path(text).expanduser().absolute()
    except RuntimeError as err:  # ~ of a user that does not exist
        raise ConfigError(f"{name} {text}: {err}", "Give the path of a file.") from err
    if os.path.isdir(path):  # noqa: PTH112 - Path.is_dir raises where a folder may not be searched
        raise ConfigError(f"{name} {path} is a folder.", "Give the path of a file in it.")
    return path


def _socket(name: str, value: object) -> Path | None:
    """Path of a Unix socket from its URL."""
    if value is None:
        return None
    scheme, _, path = str(value).partition("://")
    if scheme != "unix" or not path.startswith("/") or "\0" in path:
        raise ConfigError(
            f"{name} {value!s} is not the URL of a Unix socket.",
            "Give one like unix:///run/docker.sock; no other kind is asked.",
        )
    return Path(path)


def _seconds(name: str, value: object) -> float | None:
    if value is None:
        return None
    hint = f"Give a number of seconds from {SHORTEST_INTERVAL:g} to {LONGEST_INTERVAL:g}."
    try:
        seconds = float(str(value))
    except ValueError:
        raise ConfigError(f"{name} {value!s} is not a number.", hint) from None
    if not SHORTEST_INTERVAL <= seconds <= LONGEST_INTERVAL:
        raise ConfigError(f"{name} {value!s} is out of range.", hint)
    return seconds


def _choice(name: str, value: object, choices: tuple[str, ...], default: str) -> str:
    if value is None:
        return default
    if str(value).lower() not in choices:
        raise ConfigError(f"{name} {value!s} is not known.", f"Choose from {', '.join(choices)}.")
    return str(value).lower()


def _hosts(text: str) -> tuple[str, ...]:
    words = [word.strip().lower() for word in text.split(",") if word.strip()]
    return tuple(_host(word) for word in words)


def _host(word: str) -> str:
    """Normalize a name or address of a Host header: no brackets, no root dot."""
    if match := _HOST.fullmatch(word):
        return match[1] or match[2]
    raise ConfigError(
        f"PORTEYE_ALLOWED_HOSTS {word} is not the name of a host.",
        "Give names alone, without scheme, port and asterisk: ports.example.org",
    )


def _origin(text: str) -> str:
    if text and not text.startswith(("http://", "https://")):
        raise ConfigError(
            f"PORTEYE_CORS_ORIGIN {text} is not an origin.", "Give one like https://host.example."
        )
    return text.rstrip("/")
