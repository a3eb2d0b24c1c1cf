"""Kinds of receivers, as alerts.toml describes them; no secret is in their text (repr)."""

import ipaddress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import ClassVar

from porteye_core.system.journal import SOCKET


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kind:
    """A receiver; least: the least grave verdict that it is told, empty for all.

    seconds: the longest time of a try, unless the file says it.
    """

    kind: ClassVar[str]
    seconds: ClassVar[float] = 20.0
    name: str
    least: str = ""

    @property
    def longest(self) -> float:
        """Seconds after which a try is given up."""
        return self.seconds

    @property
    def shown(self) -> str:
        """Its way in short, without anything secret."""
        return self.kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook(_Kind):
    """An address that takes JSON by POST; path: with its query. secret: key of the signature."""

    kind = "webhook"
    is_tls: bool
    host: str
    port: int
    path: str = field(repr=False)
    secret: bytes | None = field(default=None, repr=False)
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    ca: Path | None = None

    @property
    def shown(self) -> str:
        """Host, and port if it is not the usual one: the path may be secret."""
        usual = 443 if self.is_tls else 80
        return f"webhook {_at(self.host, self.port if self.port != usual else None)}"


class Tls(StrEnum):
    """Encryption of a connection for mail."""

    STARTTLS = "starttls"
    IMPLICIT = "implicit"
    OFF = "off"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail(_Kind):
    """A mail server, and the addresses that get each message in one mail."""

    kind = "mail"
    # Servers let strangers wait before they greet and after DATA; RFC 5321 allows them minutes.
    seconds = 60.0
    host: str
    port: int
    tls: Tls
    sender: str
    to: tuple[str, ...]
    user: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    ca: Path | None = None

    @property
    def shown(self) -> str:
        """Addresses and server."""
        return f"mail {', '.join(self.to)} by {self.host}"


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalEntries(_Kind):
    """systemd's journal of this machine."""

    kind = "journal"
    seconds = 5.0
    socket: str = SOCKET

    @property
    def shown(self) -> str:
        """Its name."""
        return "journal of this machine"


@dataclass(frozen=True, slots=True, kw_only=True)
class Syslog(_Kind):
    """A syslog server: the socket of this machine, or an address by UDP or TCP."""

    kind = "syslog"
    seconds = 10.0
    transport: str  # unix, udp or tcp
    host: str  # the path of a socket
    port: int = 0

    @property
    def shown(self) -> str:
        """Its address."""
        if self.transport == "unix":
            return f"syslog {self.host}"
        return f"syslog {self.transport}://{_at(self.host, self.port)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Command(_Kind):
    """A program that gets the JSON on its standard input; its arguments may be secret."""

    kind = "command"
    words: tuple[str, ...] = field(repr=False)
    timeout: float = 20.0

    @property
    def longest(self) -> float:
        """Seconds after which it is ended."""
        return self.timeout

    @property
    def shown(self) -> str:
        """Its program."""
        return f"command {self.words[0]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Apprise(_Kind):
    """An address of Apprise, which is secret as a whole but for its scheme."""

    kind = "apprise"
    seconds = 30.0
    scheme: str
    url: str = field(repr=False)

    @property
    def shown(self) -> str:
        """The service, by its scheme."""
        return f"apprise {self.scheme}"


AnyReceiver = Webhook | Mail | JournalEntries | Syslog | Command | Apprise


def _at(host: str, port: int | None) -> str:
    try:
        named = f"[{host}]" if ipaddress.ip_address(host).version == 6 else host
    except ValueError:
        named = host
    return named if port is None else f"{named}:{port}"
