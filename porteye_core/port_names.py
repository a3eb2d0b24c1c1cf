"""Well-known service names of ports."""

import socket
from functools import lru_cache

# Registered or customary names that are missing in a slim system's services file.
_CUSTOMARY = {
    22: "ssh",
    80: "http",
    443: "https",
    1883: "mqtt",
    2375: "docker",
    3306: "mysql",
    5432: "postgresql",
    5672: "amqp",
    6379: "redis",
    8080: "http-alt",
    8501: "streamlit",
    8888: "jupyter",
    9090: "prometheus",
    9200: "elasticsearch",
    11211: "memcached",
    27017: "mongodb",
}


@lru_cache(maxsize=4096)
def service(port: int, protocol: str) -> str:
    """Name of the service that customarily uses this port; empty if none.

    >>> service(22, "tcp")
    'ssh'
    """
    try:
        return socket.getservbyport(port, protocol)
    except OSError:
        return _CUSTOMARY.get(port, "") if protocol == "tcp" else ""
