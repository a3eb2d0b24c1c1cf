"""Access to dashboard and API: for everybody on this machine, or with a token or a login."""

import errno
import hashlib
import hmac
import ipaddress
import os
import socket
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from porteye_core.errors import ConfigError
from porteye_core.guards.tickets import Tickets

# Nobody can guess 16 random characters, at any speed.
SHORTEST_TOKEN, LONGEST_TOKEN = 16, 512
_MAKE_ONE = "Make one: python3 -c 'import secrets; print(secrets.token_urlsafe(32))'"
_READABLE_BY_OTHERS = stat.S_IRWXO


@dataclass(frozen=True, slots=True)
class Access:
    """Credentials that a request needs.

    The token opens page and API. If `login` is set, Streamlit's own login guards the page instead;
    the API knows no logins and takes the token, or a ticket of a page behind the login.
    """

    token: str = field(default="", repr=False)
    login: bool = False
    tickets: Tickets = field(default_factory=Tickets, repr=False, compare=False)

    @property
    def is_guarded(self) -> bool:
        """Tell that requests need credentials."""
        return bool(self.token) or self.login

    def is_token(self, given: str) -> bool:
        """Compare with the token, in constant time."""
        return bool(self.token) and hmac.compare_digest(
            self._digest("token", given), self._digest("token", self.token)
        )

    def is_cookie(self, cookies: Mapping[str, str]) -> bool:
        """Find the cookie that stands for the token among these, in constant time."""
        name, value = self.cookie
        given = cookies.get(name, "").encode("utf-8", "surrogateescape")
        return bool(self.token) and hmac.compare_digest(given, value.encode())

    @property
    def cookie(self) -> tuple[str, str]:
        """Name and value of the cookie that stands for the token; neither reveals it.

        The name depends on the token as well. Browsers send a cookie to every port of a host, so
        with one name two dashboards on a machine would log each other's users out.
        """
        value = self._digest("cookie", self.token).hex()
        return f"porteye_{self._digest('name', self.token).hex()[:8]}", value

    def _digest(self, purpose: str, text: str) -> bytes:
        message = f"porteye {purpose}\n{text}".encode("utf-8", "surrogateescape")
        return hmac.new(self.token.encode(), message, hashlib.sha256).digest()


def token(environ: Mapping[str, str]) -> str:
    """Token of PORTEYE_TOKEN or of the file PORTEYE_TOKEN_FILE; empty if neither is set.

    Raises ConfigError, whose text never contains the token.
    """
    given, path = environ.get("PORTEYE_TOKEN", ""), environ.get("PORTEYE_TOKEN_FILE", "")
    if given and path:
        raise ConfigError("PORTEYE_TOKEN and PORTEYE_TOKEN_FILE are both set.", "Set one of them.")
    name = "PORTEYE_TOKEN" if given else f"PORTEYE_TOKEN_FILE {path}"
    return _checked(name, given or _of_file(path)) if given or path else ""


def check_bound(access: Access, addresses: Iterable[str]) -> None:
    """Raise ConfigError if other machines reach one of these addresses without credentials."""
    exposed = [each for each in addresses if not is_loopback(each)]
    if exposed and not access.is_guarded:
        raise ConfigError(
            f"On {exposed[0] or 'every address'} other machines reach the page, and no token keeps"
            " them out.",
            "Set PORTEYE_TOKEN or PORTEYE_TOKEN_FILE, or configure a login under [auth] in"
            " Streamlit's secrets, or listen on 127.0.0.1.",
        )


def check_stops(access: Access, *, stops: bool) -> None:
    """Raise ConfigError if the page may stop processes and asks nobody for credentials."""
    if stops and not access.is_guarded:
        raise ConfigError(
            "PORTEYE_STOP=on lets the page stop processes, and nothing asks who uses it.",
            "Set PORTEYE_TOKEN or PORTEYE_TOKEN_FILE, or configure a login under [auth] in"
            " Streamlit's secrets, or leave PORTEYE_STOP off.",
        )


def is_loopback(host: str) -> bool:
    """Tell that this address, or every address of this name, belongs to this machine alone.

    >>> is_loopback("127.0.0.1"), is_loopback("::ffff:127.0.0.1"), is_loopback("0.0.0.0")
    (True, True, False)
    """
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return _names_loopback(host)
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


def _names_loopback(name: str) -> bool:
    try:
        found = {str(each[4][0]) for each in socket.getaddrinfo(name or None, 0)} if name else set()
    except OSError:
        return False
    return bool(found) and all(ipaddress.ip_address(each).is_loopback for each in found)


def _of_file(path: str) -> str:
    try:
        place = Path(path).expanduser()
        with open(place, "rb", opener=_open_at_once) as file:
            mode = os.fstat(file.fileno()).st_mode
            if not stat.S_ISREG(mode):
                raise OSError(errno.EINVAL, "Not a plain file")
            text = file.read(LONGEST_TOKEN + 2)  # with the line's end
    except (OSError, RuntimeError, ValueError) as err:
        raise ConfigError(
            f"PORTEYE_TOKEN_FILE {path} cannot be read: {getattr(err, 'strerror', None) or err}.",
            "Give the path of a file whose only line is the token.",
        ) from err
    if os.name == "posix" and mode & _READABLE_BY_OTHERS:
        raise ConfigError(
            f"PORTEYE_TOKEN_FILE {path} is open to every user of this machine.",
            f"Close it: chmod 600 {path}",
        )
    return text.decode("utf-8", "replace").rstrip("\r\n")


def _open_at_once(path: str, flags: int) -> int:
    """Open a file without waiting for a writer if it is a FIFO."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _checked(name: str, text: str) -> str:
    if not SHORTEST_TOKEN <= len(text) <= LONGEST_TOKEN:
        raise ConfigError(
            f"{name}: a token has {SHORTEST_TOKEN} to {LONGEST_TOKEN} characters.", _MAKE_ONE
        )
    if not (text.isascii() and text.isprintable()) or " " in text:
        raise ConfigError(
            f"{name}: a token is letters, digits and signs of ASCII without a blank.", _MAKE_ONE
        )
    return text
