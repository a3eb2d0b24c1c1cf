"""The listener that an established connection counts for."""

from collections.abc import Container

from porteye_core.model import Family

Local = tuple[Family, str, int]
"""Family, local address and port of a TCP socket."""

_EVERY = {Family.IPV4: "0.0.0.0", Family.IPV6: "::"}  # noqa: S104 - compared, not bound


def on_every_address(local: Local) -> Local:
    """The same port at the address that stands for all."""
    family, _, port = local
    return family, _EVERY[family], port


def listening_at(local: Local, listening: Container[Local]) -> Local:
    """The listener of a connection's local end: on its own address, else on every address.

    A connection over IPv4 to a dual-stack listener stands in the IPv6 table, as ::ffff:a.b.c.d.
    """
    return local if local in listening else on_every_address(local)
