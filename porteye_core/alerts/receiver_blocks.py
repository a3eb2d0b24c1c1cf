"""Blocks of receivers in alerts.toml, each key checked; no error shows what may be secret."""

import base64
import binascii
import ipaddress
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

from porteye_core.alerts.receivers.kinds import (
    AnyReceiver,
    Apprise,
    Command,
    JournalEntries,
    Mail,
    Syslog,
    Tls,
    Webhook,
)
from porteye_core.judging.verdicts import Verdict
from porteye_core.toml_files.reading import Reading, listed, shown

COMMON_KEYS = ("name", "kind", "least")
KEYS = {
    "webhook": ("url", "secret", "headers", "ca", "insecure"),
    "mail": ("host", "port", "tls", "user", "password", "from", "to", "ca", "insecure"),
    "journal": (),
    "syslog": ("address",),
    "command": ("command", "timeout"),
    "apprise": ("url",),
}
MAIL_PORTS = {Tls.STARTTLS: 587, Tls.IMPLICIT: 465, Tls.OFF: 25}
SYSLOG_PORT = 514
# Where the C library of the system sends, too (syslog(3)).
SYSLOG_SOCKET = "/var/run/syslog" if sys.platform == "darwin" else "/dev/log"
MAX_TIMEOUT = 300  # seconds
_SHORTEST_SECRET, _LONGEST_SECRET = 16, 64  # bytes
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,49}")
_ADDRESS = re.compile(r"[^\s@<>,;:\"()\[\]\\]{1,64}@[A-Za-z0-9.-]{1,190}", re.ASCII)
_HOST = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,251}[A-Za-z0-9])?")
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_SCHEME = re.compile(r"([a-z][a-z0-9+]{0,29})://")
# What PortEye or the protocol sets.
_TAKEN = re.compile(r"host|content-.*|transfer-encoding|connection|webhook-.*|user-agent", re.I)


class ReceiverBlocks(Reading):
    """Reads the blocks of receivers; raises the error of the file."""

    def receivers(self, blocks: Sequence[Mapping[str, Any]]) -> tuple[AnyReceiver, ...]:
        """The receivers, each with a name of its own."""
        found = dict[str, AnyReceiver]()
        for number, block in enumerate(blocks):
            line = self.lines.of_block("receiver", number)
            receiver = self._receiver(block, line)
            if receiver.name in found:
                raise self.wrong(
                    "name", f"the name {receiver.name} is that of another receiver, too", _NAME_HINT
                )
            found[receiver.name] = receiver
        return tuple(found.values())

    def _receiver(self, block: Mapping[str, Any], line: int) -> AnyReceiver:
        self.begin(line)
        kind = self.choice(block, "kind", tuple(KEYS))
        if kind is None:
            raise self.wrong_line(line, "this receiver has no kind", f"Use {listed(tuple(KEYS))}.")
        self.known(f"of the kind {kind}", block, (*COMMON_KEYS, *KEYS[kind]), line)
        name = self.string(block, "name")
        if name is None or not _NAME.fullmatch(name):
            wrong = "this receiver has no name" if name is None else f"{shown(name)} is no name"
            raise self.wrong("name", wrong, _NAME_HINT)
        least = self.choice(block, "least", [each for each in Verdict if each != Verdict.EXPECTED])
        read: Mapping[str, Callable[..., AnyReceiver]] = {
            "webhook": self._webhook,
            "mail": self._mail,
            "journal": lambda _, **common: JournalEntries(**common),
            "syslog": self._syslog,
            "command": self._command,
            "apprise": self._apprise,
        }
        return read[kind](block, name=name, least=least or "")

    def _webhook(self, block: Mapping[str, Any], **common: Any) -> Webhook:
        url = self.url(block, ("https", "http"), "https://host.example/path")
        is_tls, host = url.scheme == "https", url.hostname or ""
        if not is_tls and not self.boolean(block, "insecure") and not _is_loopback(host):
            raise self.wrong(
                "url",
                "http:// sends everything in the clear to another machine",
                "Use https://, or write insecure = true.",
            )
        return Webhook(
            **common,
            is_tls=is_tls,
            host=host,
            port=url.port or (443 if is_tls else 80),
            path=(url.path or "/") + (f"?{url.query}" if url.query else ""),
            secret=self._secret(block),
            headers=self._headers(block),
            ca=self._readable(block, "ca"),
        )

    def _mail(self, block: Mapping[str, Any], **common: Any) -> Mail:
        host = self._needed(block, "host", 'Write host = "mail.example".')
        if not _is_host(host):
            raise self.wrong("host", f"{shown(host)} is no host", "Give its name or address alone.")
        tls = Tls(self.choice(block, "tls", list(Tls)) or Tls.STARTTLS)
        is_open = tls is Tls.OFF and not _is_loopback(host)
        if is_open and not self.boolean(block, "insecure"):
            raise self.wrong(
                "tls",
                "without TLS everything is sent in the clear to another machine",
                'Use tls = "starttls", or write insecure = true.',
            )
        user, password = self.string(block, "user"), self.string(block, "password")
        if (user is None) != (password is None):
            raise self.wrong("user", "user and password go together", "Write both, or neither.")
        if is_open and password is not None:
            raise self.wrong("password", "a password is never sent without TLS", "Use TLS.")
        for key, value in (("user", user), ("password", password)):
            if value is not None and not (value.isascii() and value.isprintable() and value):
                raise self.wrong(key, f"{key} has a character that is not of ASCII", "Change it.")
        return Mail(
            **common,
            host=host,
            port=self._port(block, MAIL_PORTS[tls]),
            tls=tls,
            sender=self._address(self._needed(block, "from", _ADDRESS_HINT), "from"),
            to=self._addresses(block),
            user=user,
            password=password,
            ca=self._readable(block, "ca"),
        )

    def _syslog(self, block: Mapping[str, Any], **common: Any) -> Syslog:
        address = self.string(block, "address") or SYSLOG_SOCKET
        if address.startswith("/"):
            if "\0" in address:
                raise self.wrong("address", "address is no path", _SYSLOG_HINT)
            return Syslog(**common, transport="unix", host=address)
        url = self.url(block, ("udp", "tcp"), _SYSLOG_HINT, "address")
        return Syslog(
            **common, transport=url.scheme, host=url.hostname or "", port=url.port or SYSLOG_PORT
        )

    def _command(self, block: Mapping[str, Any], **common: Any) -> Command:
        words = block.get("command")
        if not isinstance(words, list) or not words or not all(map(_is_word, words)):
            raise self.wrong(
                "command", "command is no list of texts", 'Write command = ["/usr/bin/tell", "x"].'
            )
        program = Path(words[0])
        if not program.is_absolute():
            raise self.wrong("command", "the program of command has no whole path", "Begin with /.")
        if not (program.is_file() and os.access(program, os.X_OK)):
            raise self.wrong(
                "command",
                f"{shown(words[0])} is no program that can be run",
                "Check its path and rights.",
            )
        seconds = self.duration(block, "timeout", 20_000_000) / 1_000_000
        if not 1 <= seconds <= MAX_TIMEOUT:
            raise self.wrong("timeout", "timeout is out of range", f"Use 1s to {MAX_TIMEOUT}s.")
        return Command(**common, words=tuple(words), timeout=seconds)

    def _apprise(self, block: Mapping[str, Any], **common: Any) -> Apprise:
        url = self._needed(block, "url", 'Write url = "ntfys://host.example/topic".')
        scheme = _SCHEME.match(url)
        if not scheme or not url.isprintable() or not url[scheme.end() :].strip():
            raise self.wrong("url", "url is no address of Apprise", "See Apprise's own pages.")
        return Apprise(**common, scheme=scheme[1], url=url)

    def _needed(self, block: Mapping[str, Any], key: str, hint: str) -> str:
        value = self.string(block, key)
        if value is None:
            raise self.wrong(key, f"this receiver has no {key}", hint)
        return value

    def url(
        self, block: Mapping[str, Any], schemes: tuple[str, ...], like: str, key: str = "url"
    ) -> SplitResult:
        """An address with a host; its text is in no error."""
        told = self._needed(block, key, f'Write {key} = "{like}".')
        try:
            if not (told.isascii() and told.isprintable()) or " " in told:
                raise ValueError
            url = urlsplit(told)
            port = url.port
        except ValueError:
            raise self.wrong(key, f"{key} is no address", f"Write one like {like}.") from None
        if url.scheme not in schemes:
            schemes_told = listed([f"{each}://" for each in schemes])
            raise self.wrong(key, f"{key} does not begin with {schemes_told}", "Change it.")
        if not url.hostname or not _is_host(url.hostname) or port == 0:
            raise self.wrong(key, f"{key} has no host", f"Write one like {like}.")
        if url.username is not None or url.password is not None:
            raise self.wrong(
                key, f"{key} has a user's name", "Send it in headers, such as Authorization."
            )
        return url

    def _secret(self, block: Mapping[str, Any]) -> bytes | None:
        told = self.string(block, "secret")
        if told is None:
            return None
        try:
            key = base64.b64decode(told.removeprefix("whsec_"), validate=True)
        except (binascii.Error, ValueError):
            key = b""
        if not told.startswith("whsec_") or not _SHORTEST_SECRET <= len(key) <= _LONGEST_SECRET:
            raise self.wrong(
                "secret",
                f"secret is not whsec_ and {_SHORTEST_SECRET} to {_LONGEST_SECRET} bytes in base64",
                "Make one: python3 -c 'import base64, os;"
                ' print("whsec_" + base64.b64encode(os.urandom(32)).decode())\'',
            )
        return key

    def _headers(self, block: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
        headers = block.get("headers", {})
        if not isinstance(headers, dict) or len(headers) > 20:
            raise self.wrong("headers", "headers is no table of at most 20", _HEADERS_HINT)
        for name, value in headers.items():
            if not _HEADER.fullmatch(name) or _TAKEN.fullmatch(name):
                raise self.wrong("headers", f"{shown(name)} is no header to set", _HEADERS_HINT)
            if not _is_word(value) or not (value.isascii() and value.isprintable()):
                raise self.wrong("headers", f"the header {name} is no text of ASCII", _HEADERS_HINT)
        return tuple(headers.items())

    def _readable(self, block: Mapping[str, Any], key: str) -> Path | None:
        told = self.string(block, key)
        if told is None:
            return None
        if "\0" in told or not os.access(told, os.R_OK):
            raise self.wrong(key, f"{shown(told)} cannot be read", "Check its path and rights.")
        return Path(told)

    def _port(self, block: Mapping[str, Any], usual: int) -> int:
        port = block.get("port", usual)
        if not isinstance(port, int) or isinstance(port, bool) or not 1 <= port <= 65535:
            raise self.wrong("port", "port is no number from 1 to 65535", f"Write port = {usual}.")
        return port

    def _addresses(self, block: Mapping[str, Any]) -> tuple[str, ...]:
        told = block.get("to")
        each = told if isinstance(told, list) else [told]
        if not 1 <= len(each) <= 50:
            raise self.wrong("to", "to has no address, or more than 50", _ADDRESS_HINT)
        return tuple(dict.fromkeys(self._address(address, "to") for address in each))

    def _address(self, told: object, key: str) -> str:
        if not isinstance(told, str) or not _ADDRESS.fullmatch(told) or not told.isascii():
            raise self.wrong(key, f"{key} is no address of mail", _ADDRESS_HINT)
        return told


_NAME_HINT = 'Write name = "ops": letters, digits, and . _ -'
_ADDRESS_HINT = 'Write "name@host.example", without a name in front.'
_HEADERS_HINT = 'Write headers = { Authorization = "Bearer …" }.'
_SYSLOG_HINT = "udp://host.example:514"


def _is_word(value: object) -> bool:
    return isinstance(value, str) and "\0" not in value


def _is_host(host: str) -> bool:
    return bool(_HOST.fullmatch(host)) or _address_of(host) is not None


def _is_loopback(host: str) -> bool:
    """Tell that a name or address is this machine's own, without asking for it."""
    address = _address_of(host)
    return host.lower() == "localhost" if address is None else address.is_loopback


def _address_of(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
