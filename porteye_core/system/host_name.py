"""The name of this machine, by which a file of many hosts means it."""

import socket


def host_name() -> str:
    """The name that the machine gives itself, as `hostname` prints it."""
    return socket.gethostname()
