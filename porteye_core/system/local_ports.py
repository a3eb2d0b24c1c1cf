"""Local ports that the kernel gives to sockets which ask for none."""

from pathlib import Path

_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")  # see ip(7)
_DEFAULT = 32768, 60999


def ephemeral_ports(path: Path = _RANGE) -> tuple[int, int]:
    """The first and the last ephemeral port of this machine; Linux's default where it does not
    tell."""
    try:
        first, last = map(int, path.read_text().split())
    except (OSError, ValueError):
        return _DEFAULT
    return (first, last) if 0 < first <= last <= 65535 else _DEFAULT
