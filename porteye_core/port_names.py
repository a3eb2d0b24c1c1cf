"""Names of the services that usually have a port: a habit, which says nothing of the program.

port_names.txt holds IANA's registry of service names and port numbers as of 2025-02-25, that is its
11,505 names of TCP and UDP ports, of which a port with several has the first. IANA and the IETF
Trust dedicated their registries to the public domain (CC0 1.0; joint statement of 10 November 2021,
https://www.iana.org/help/licensing-terms). Each line has as many bytes as any other, and they stand
in the order of port and protocol.
"""

import socket
from bisect import bisect_left
from functools import cache, lru_cache
from pathlib import Path

# Habits that the registry does not know: it has no name for these ports, or one that hardly
# anybody means today (3000 is hbci there, and 9090 websm).
_CUSTOMARY = {
    (1521, "tcp"): "oracle",
    (2181, "tcp"): "zookeeper",
    (3000, "tcp"): "dev server",
    (3001, "tcp"): "dev server",
    (3100, "tcp"): "loki",
    (4200, "tcp"): "angular",
    (4222, "tcp"): "nats",
    (4321, "tcp"): "astro",
    (4646, "tcp"): "nomad",
    (5000, "tcp"): "dev server",
    (5173, "tcp"): "vite",
    (5601, "tcp"): "kibana",
    (6006, "tcp"): "storybook",
    (6443, "tcp"): "kubernetes",
    (7860, "tcp"): "gradio",
    (8000, "tcp"): "dev server",
    (8086, "tcp"): "influxdb",
    (8096, "tcp"): "jellyfin",
    (8123, "tcp"): "home assistant",
    (8200, "tcp"): "vault",
    (8384, "tcp"): "syncthing",
    (8500, "tcp"): "consul",
    (8501, "tcp"): "streamlit",
    (8888, "tcp"): "jupyter",
    (9000, "tcp"): "php-fpm",
    (9042, "tcp"): "cassandra",
    (9090, "tcp"): "prometheus",
    (9092, "tcp"): "kafka",
    (9093, "tcp"): "alertmanager",
    (9100, "tcp"): "node exporter",
    (9200, "tcp"): "elasticsearch",
    (9229, "tcp"): "node inspector",
    (9443, "tcp"): "portainer",
    (10250, "tcp"): "kubelet",
    (11211, "tcp"): "memcached",
    (11434, "tcp"): "ollama",
    (15672, "tcp"): "rabbitmq",
    (19999, "tcp"): "netdata",
    (25565, "tcp"): "minecraft",
    (26257, "tcp"): "cockroachdb",
    (32400, "tcp"): "plex",
    (41641, "udp"): "tailscale",
    (51820, "udp"): "wireguard",
}
_LINE, _NAME = 26, 15  # bytes of a line, and of its name


@lru_cache(maxsize=4096)
def service(port: int, protocol: str) -> str:
    """The name by custom, else that of this system's services file, else the registered one; empty
    if there is none.

    >>> service(22, "tcp"), service(6443, "tcp"), service(631, "tcp")
    ('ssh', 'kubernetes', 'ipp')
    """
    if customary := _CUSTOMARY.get((port, protocol)):
        return customary
    try:
        return socket.getservbyport(port, protocol)
    except (OSError, OverflowError):
        return _registered(port, protocol)


def _registered(port: int, protocol: str) -> str:
    """The name of IANA's registry."""
    lines, wanted = _lines(), f"{port:>5} {protocol}".encode()

    def key(number: int) -> bytes:
        return lines[number * _LINE + _NAME + 1 : (number + 1) * _LINE - 1]

    count = len(lines) // _LINE
    found = bisect_left(range(count), wanted, key=key)
    if found == count or key(found) != wanted:
        return ""
    return lines[found * _LINE :][:_NAME].decode().rstrip()


@cache
def _lines() -> bytes:
    return Path(__file__).with_suffix(".txt").read_bytes()
