"""Tickets: addresses of files that are valid for some minutes.

Streamlit's login is known to its pages alone, and a browser that has logged in shows the API
nothing that the API could check. A page behind that login puts a ticket into the address of a file;
the API, in the same process, checks it.
"""

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable, Mapping
from urllib.parse import parse_qsl, urlencode

# A page renews its addresses every few seconds, and once a minute in a tab that is not shown:
# browsers slow the timers of hidden tabs down to that.
LIFETIME = 300  # seconds
_EXPIRY, _SIGNATURE = "expires", "ticket"


class Tickets:
    """The tickets of one process, whose key ends with it; each opens one file with one query."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._key = secrets.token_bytes(32)
        self._clock = clock

    def query(self, file: str, parameters: Mapping[str, str]) -> str:
        """The parameters as a query that opens the file of this name for LIFETIME seconds."""
        expires = str(int(self._clock()) + LIFETIME)
        signed = urlencode({**parameters, _EXPIRY: expires})
        return f"{signed}&{_SIGNATURE}={self._signature(file, signed)}"

    def is_valid(self, file: str, query: str) -> bool:
        """Check that the query has a ticket for this file and these parameters that has not
        expired."""
        pairs = parse_qsl(query, keep_blank_values=True)
        if not pairs or pairs[-1][0] != _SIGNATURE:
            return False
        # Encoded anew: on its way a query may change its encoding, and not its meaning.
        signature = self._signature(file, urlencode(pairs[:-1]))
        if not hmac.compare_digest(signature.encode(), pairs[-1][1].encode()):
            return False
        return int(dict(pairs)[_EXPIRY]) > self._clock()

    def _signature(self, file: str, signed: str) -> str:
        return hmac.new(self._key, f"{file}?{signed}".encode(), hashlib.sha256).hexdigest()


def has_ticket(query: str) -> bool:
    """Tell whether the query has a ticket, valid or not."""
    return f"&{_SIGNATURE}=" in query
