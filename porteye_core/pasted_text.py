"""Meaning of what people paste to find a listener: a port, an error message, a line of `ss`; pure.

The first pattern that fits gives the meaning. What fits none is part of a name.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address

from porteye_core.model import Protocol

HIGHEST_PORT = 65535
LONGEST = 4000  # characters of a paste; the port stands in the first lines of a message
_LONGEST_NAME = 256

_FLAGS = re.IGNORECASE | re.ASCII

Ranges = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Meaning:
    """Meaning of a text: what is given is to be found, a bare number as a port or as a pid.

    ports: inclusive ranges. home: part of the name of a unit or container. name: part of a
    program's name, title or command line, or of a home.
    """

    ports: Ranges = ()
    protocol: Protocol | None = None
    pid: int | None = None
    user: str = ""
    home: str = ""
    address: str = ""
    name: str = ""


def meaning(text: str) -> Meaning:
    """Read a text; nothing is given if it is empty.

    >>> meaning("Error: listen EADDRINUSE: address already in use :::3000").ports
    ((3000, 3000),)
    """
    said = _bare(text)
    if not said:
        return Meaning()
    for reading in _READINGS:
        found = reading(said)
        if found is not None:
            return found
    return Meaning(name=said[:_LONGEST_NAME].strip())


_CONTROLS = re.compile(r"\x1b\[[0-9;]*[A-Za-z]|[\x00-\x1f\x7f\u200b\ufeff]")
_QUOTES = "\"'`“”‘’"
_DASH = re.compile(r"[–—‒−]|\.\.+|…")


def _bare(text: str) -> str:
    """The text on one line, without colours and the quotation marks around it."""
    said = " ".join(_CONTROLS.sub(" ", text[:LONGEST]).split())
    while len(said) > 1 and said[0] in _QUOTES and said[-1] in _QUOTES:
        said = said[1:-1].strip()
    return said


_ONE = re.compile(
    r"(?:(?P<before>tcp|udp)6?[/: ]+)?(?::::|:)?(?P<low>\d{1,6})(?:\s*-\s*(?P<high>\d{1,6}))?"
    r"(?:\s*[/ ]\s*(?P<after>tcp|udp)6?)?:?",
    _FLAGS,
)


def port_list(text: str) -> Meaning | None:
    """Read a list of ports and ranges, None if it has anything else.

    >>> port_list(":3000, 8000-8999 53").ports
    ((3000, 3000), (8000, 8999), (53, 53))
    """
    said = re.sub(r"\s*-\s*", "-", _DASH.sub("-", _bare(text)))
    said = re.sub(r"\s+(?=(?:tcp|udp)\b)|(?<=tcp|udp)\s+", "/", said, flags=_FLAGS)
    said = re.sub(r"^ports?\b[ :=#]*", "", said, flags=_FLAGS)
    parts = [part for part in re.split(r"[\s,;]+(?:and\b\s*|&\s*|\+\s*)?", said) if part]
    ranges, protocols = [], set()
    for part in parts:
        one = _ONE.fullmatch(part)
        if one is None:
            return None
        low, high = int(one["low"]), int(one["high"] or one["low"])
        if not low <= high <= HIGHEST_PORT or (one["before"] and one["after"]):
            return None
        ranges.append((low, high))
        protocols.add((one["before"] or one["after"] or "").lower())
    if not ranges or len(protocols) > 1:
        return None
    (protocol,) = protocols
    return Meaning(tuple(ranges), Protocol(protocol) if protocol else None)


def _number(said: str) -> Meaning | None:
    """A number alone is a port, a pid, or the id of a container that has no letter."""
    if not (said.isascii() and said.isdecimal()):
        return None
    if len(said) > 10:
        return Meaning(home=said[:12]) if len(said) in {12, 64} else None
    number = int(said)
    return Meaning(((number, number),) if number <= HIGHEST_PORT else (), pid=number)


_VERBS = "logs|stop|start|restart|kill|rm|exec|inspect|port|top|stats|pause|unpause|attach"
_LABELS = {
    "pid": re.compile(r"(?:pid|process(?!\d))[ :=#]*(\d{1,10})", _FLAGS),
    "user": re.compile(r"(?:user|uid|owner)\s*[:=]\s*(\S+)|user (\S+)", _FLAGS),
    "home": re.compile(
        r"(?:unit|service|container|pod|home)\s*[:=]\s*(\S+)"
        r"|(?:unit|container|pod) (\S+)"
        r"|((?:docker|containerd|podman|cri-o|libpod|lxc):\S+)"
        r"|(?:sudo )?systemctl (?:--?\S+ )*[a-z-]+ (\S+)"
        rf"|(?:sudo )?(?:docker|podman) (?:container )?(?:{_VERBS}) (?:-\S+ )*([\w.-]+)"
        r"|(?:sudo )?journalctl .*-u ?(\S+)"
        r"|([0-9a-f]{12}|[0-9a-f]{64})",
        _FLAGS,
    ),
    "address": re.compile(r"(?:address|addr|host|ip)\s*[:=]\s*(\S+)", _FLAGS),
}
_KILL = re.compile(r"(?:sudo )?(?:kill|strace|gdb|pwdx)\b(?: -\S+)* (\d{1,10})")


def _labelled(said: str) -> Meaning | None:
    """`pid 812`, `user:dev`, `container:web`, a command that names one, an id of a container."""
    if (killed := _KILL.fullmatch(said)) is not None:
        return Meaning(pid=int(killed[1]))
    for label, pattern in _LABELS.items():
        found = pattern.fullmatch(said)
        value = next(filter(None, found.groups()), "") if found else ""
        if value:
            return _of_label(label, value.strip(_QUOTES + ".,;"))
    return None


def _of_label(label: str, value: str) -> Meaning | None:
    if label == "pid":
        return Meaning(pid=int(value))
    if label == "user":
        return Meaning(user=value)
    if label == "home":
        is_id = re.fullmatch(r"[0-9a-f]{13,64}", value)
        return Meaning(home=value[:12] if is_id else value)
    return _address(value)


_ADDRESS = re.compile(r"\[?([0-9a-f:.]+)(%[\w.-]+)?\]?", _FLAGS)


def _address(said: str) -> Meaning | None:
    """An address without a port."""
    found = _ADDRESS.fullmatch(said)
    if found is None:
        return None
    try:
        ip_address(found[1])
    except ValueError:
        return None
    return Meaning(address=f"{found[1]}{found[2] or ''}")


# https://www.iana.org/assignments/uri-schemes and the customary ports of the databases.
_SCHEMES = {
    "http": 80,
    "ws": 80,
    "https": 443,
    "wss": 443,
    "ftp": 21,
    "ssh": 22,
    "sftp": 22,
    "redis": 6379,
    "rediss": 6379,
    "postgres": 5432,
    "postgresql": 5432,
    "mysql": 3306,
    "mariadb": 3306,
    "mongodb": 27017,
    "amqp": 5672,
    "mqtt": 1883,
    "ldap": 389,
    "ldaps": 636,
    "smtp": 25,
    "imap": 143,
    "git": 9418,
    "rtsp": 554,
    "vnc": 5900,
    "rdp": 3389,
}
_URL = re.compile(
    r"(?:[a-z]+:)?([a-z][a-z0-9+.-]*)://(?:[^\s/@]*@)?(\[[^\]\s]*\]|[^\s/:?#]*)\S*", re.I
)


def _url(said: str) -> Meaning | None:
    """A URL alone that names no port: the one of its scheme."""
    found = _URL.fullmatch(said)
    if found is None or re.match(r":\d", said[found.end(2) :]):
        return None
    port = _SCHEMES.get(found[1].partition("+")[0].lower())
    return None if port is None else Meaning(((port, port),))


_OCTET = r"(?:25[0-5]|2[0-4]\d|1?\d?\d)"
_V4 = rf"(?<![\d.]){_OCTET}(?:\.{_OCTET}){{3}}(?:%[\w.-]+)?"
_V6 = r"\[[0-9a-f:.]*:[0-9a-f:.]*(?:%[\w.-]+)?\](?:%[\w.-]+)?"
_END = r"(?!\d|[.:]\d)"
_UNPORTED = (
    r"(?:py|js|ts|mjs|cjs|jsx|tsx|go|rs|rb|java|kt|c|cc|cpp|h|php|ex|exs|cs|lua|sh|conf|ya?ml)"
)
# In this order: what is certain stands before what also fits a time, a line of code or an errno.
_PATTERNS = (
    # docker: the port of the host, before the arrow.
    r"(?<![\d.]):?(\d{1,5})\s*->\s*\d{1,5}(?:/(?P<docker>tcp|udp))?",
    # Python: ('127.0.0.1', 8000), also with two more numbers for IPv6.
    r"\(\s*['\"][^'\"]*['\"]\s*,\s*(\d{1,5})\s*[,)]",
    rf"(?:{_V4}|{_V6})[:](\d{{1,5}}){_END}",
    rf"(?<![\w:.])(?:::|\*(?:%[\w.-]+)?:|:::|\*\.)(\d{{1,5}}){_END}",
    rf"(?<![\w:.])[0-9a-f]{{0,4}}(?:::?[0-9a-f]{{1,4}})*::[0-9a-f]{{0,4}}[.:](\d{{1,5}}){_END}",
    rf"{_V4}\.(\d{{1,5}}){_END}",
    r"(?<![\w:.\])])::?(\d{2,5})(?!\w|[.:]\d)",
    r"(?<![\w.-])(?:[a-z]+\+?[a-z]*://(?:[^\s/@]*@)?)(?:[\w.-]+):(\d{1,5})\b",
    r"\blocalhost:(\d{1,5})\b",
    r"\|[^|\s]*\|:(\d{1,5})",
    r"\bports?\b(?: number)?\s*(?:\[|\(|is |to |TCP |UDP |[:=#'\"])*\s*(\d{1,5})\b(?!\.\d)",
    (
        r"(?<!\S)(?:-p|-P|--port|--publish|--listen|PORT)[ =]?(?:[\d.]+:(?=\d+:))?"
        r"(\d{1,5})(?::\d{1,5})?(?![\w.])"
    ),
    r"(?<!\S)-i[46]?(?:tcp|udp)?:(\d{1,5})\b",
    r"(?<![\w/.:-])(?:tcp|udp)6?[/:](\d{1,5})(?![\w/])",
    r"(?<![\w/.:-])(\d{1,5})/(?:tcp|udp)\b",
    (
        rf"(?<![\w/@.:-])(?!node:|[\w./-]*\.{_UNPORTED}:)"
        r"[a-z_](?:[\w.-]*\w)?:(\d{2,5})(?!\w|[.:-]\w)"
    ),
    r"(?<![\w.:-])(?:localhost|\d+\.\d+\.\d+\.\d+) (\d{1,5})\b",
)
_PORTS = [re.compile(pattern, _FLAGS) for pattern in _PATTERNS]
_PROTOCOL = re.compile(r"(?:(?<![\w/])|(?<=\d/)|(?<=-i))(tcp|udp)(?:4|6|46)?(?![\w])", _FLAGS)


def _in_words(said: str) -> Meaning | None:
    """The port that a message, a command or a line of a table names."""
    for pattern in _PORTS:
        for found in pattern.finditer(said):
            port = int(next(filter(None, found.groups())))
            if 0 < port <= HIGHEST_PORT:
                return Meaning(((port, port),), _protocol(said, found))
    return None


def _protocol(said: str, found: re.Match[str]) -> Protocol | None:
    """The only protocol that the text names."""
    named = {each.lower() for each in _PROTOCOL.findall(said)}
    if (docker := found.groupdict().get("docker")) is not None:
        named = {docker.lower()}
    return Protocol(named.pop()) if len(named) == 1 else None


_UNIT = re.compile(r"(?<![\w@.-])([\w@\\:.-]+\.(?:service|socket|scope|slice))\b")
_PID = re.compile(r"\bpid\b[ :=#(\[]*(\d{1,10})\b", _FLAGS)


def _unit(said: str) -> Meaning | None:
    found = _UNIT.search(said)
    return Meaning(home=found[1]) if found else None


def _pid(said: str) -> Meaning | None:
    found = _PID.search(said)
    return Meaning(pid=int(found[1])) if found else None


_FAILED = re.compile(
    r"in use|EADDRINUSE|EACCES|ECONNREFUSED|refused|bind|listen|connect|already allocated|port",
    _FLAGS,
)
_ERRNO = re.compile(
    r"errno\W*-?\d+|\(\d+\b|code:? ?\d+|\d+ ?ms\b|\d+:\d+:\d+|\d{4}-\d\d-\d\d", re.I
)


def _last_number(said: str) -> Meaning | None:
    """The last number of what reads like an error, times and numbers of errors aside."""
    if " " not in said or not _FAILED.search(said):
        return None
    numbers = re.findall(r"(?<![\w.:/-])(\d{2,5})(?![\w:/-]|\.\d)", _ERRNO.sub(" ", said))
    ports = [int(each) for each in numbers if int(each) <= HIGHEST_PORT]
    return Meaning(((ports[-1], ports[-1]),)) if ports else None


_READINGS: tuple[Callable[[str], Meaning | None], ...] = (
    _number,
    port_list,
    _labelled,
    _address,
    _url,
    _in_words,
    _unit,
    _pid,
    _last_number,
)
