"""Connections to receivers: TCP within a time limit, TLS with a check of the certificate."""

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from porteye_core.alerts.receivers.not_sent import NotSent
from porteye_core.alerts.receivers.time_limit import TimeLimit

_CONNECT = 5.0  # seconds for each address of a name


def connect(host: str, port: int, limit: TimeLimit) -> socket.socket:
    """A connection that the time limit watches. Raises OSError."""
    error: OSError = OSError("it has no address")
    for family, kind, protocol, _, address in socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM):
        connection = socket.socket(family, kind, protocol)
        try:
            connection.settimeout(min(_CONNECT, limit.left()))
            connection.connect(address)
            connection.settimeout(limit.left())
            limit.watch(connection)
        except OSError as err:
            connection.close()
            error = err
        except BaseException:
            connection.close()
            raise
        else:
            return connection
    raise error


def context(ca: Path | None) -> ssl.SSLContext:
    """The check of certificates: by those of the system, or of this file alone. Raises NotSent."""
    try:
        return ssl.create_default_context(cafile=None if ca is None else str(ca))
    except OSError as err:  # ssl.SSLError, too
        raise NotSent(f"The certificates of {ca} cannot be read: {_reason(err)}.") from None


@contextmanager
def to_sentence(host: str, limit: TimeLimit) -> Iterator[None]:
    """Turn an error of a connection to a host into NotSent."""
    try:
        yield
    except (OSError, EOFError) as err:
        raise NotSent(_sentence(host, err, limit)) from None


def _sentence(host: str, err: Exception, limit: TimeLimit) -> str:
    """The first that fits; those of TLS are errors of the system, too."""
    if limit.is_over or isinstance(err, TimeoutError):
        return f"{host} did not answer within {limit.seconds:g} s."
    sentences: tuple[tuple[type[Exception], str], ...] = (
        (socket.gaierror, "The name {host} has no address: {reason}."),
        (ssl.SSLCertVerificationError, "The certificate of {host} is not trusted: {reason}."),
        (ssl.SSLError, "TLS with {host} failed: {reason}."),
        (ConnectionRefusedError, "{host} refuses the connection."),
        (ConnectionError, "{host} closed the connection."),
        (EOFError, "{host} closed the connection."),
        (Exception, "{host} cannot be reached: {reason}."),
    )
    said = next(text for kind, text in sentences if isinstance(err, kind))
    return said.format(host=host, reason=_reason(err))


def _reason(err: Exception) -> str:
    names = ("verify_message", "reason", "strerror")
    found = next((told for name in names if (told := getattr(err, name, None))), str(err))
    said = str(found).rstrip(".").replace("_", " ")
    # OpenSSL's reasons are capitals alone, and sentences begin with one: "IP" stays.
    is_sentence = said[1:2].islower()
    return said.lower() if said.isupper() else said[:1].lower() + said[1:] if is_sentence else said
