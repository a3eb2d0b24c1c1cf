"""Linux's text tables of sockets, read only far enough to see whether the listening ones changed.

Format: Documentation/networking/proc_net_tcp.rst in the Linux sources. State 0A is LISTEN, and 07
is what an unconnected UDP socket shows.
"""

import re
from pathlib import Path

_TABLES = ("tcp", "tcp6", "udp", "udp6")
_LISTENING = re.compile(
    rb"^ *\d+: ([0-9A-F]+:[0-9A-F]{4} 0+:0000 (?:0A|07)) \S+ \S+ \S+ +\d+ +\d+ (\d+)", re.MULTILINE
)


def fingerprint(folder: Path = Path("/proc/net")) -> frozenset[bytes] | None:
    """Addresses and inodes of this network namespace's listening sockets.

    None where there are no such tables, or they cannot be read: then only a full scan tells.
    """
    try:
        return frozenset(
            name.encode() + b" " + b" ".join(match)
            for name in _TABLES
            if (folder / name).exists() or name in ("tcp", "udp")
            for match in _LISTENING.findall((folder / name).read_bytes())
        )
    except OSError:
        return None
