"""Tickets: URLs of files that are valid for some minutes.

Only Streamlit's pages know Streamlit's login: a logged-in browser sends the API nothing that it
could check. A page behind the login therefore puts a ticket into the URL of a file, and the API, in
the same process, checks it.
"""

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable, Mapping
from urllib.parse import parse_qsl, urlencode

# A page renews its URLs every few seconds. In a hidden tab, whose timers browsers throttle, it
# renews them once a minute.
LIFETIME = 300  # seconds
_EXPIRY, _SIGNATURE = "expires", "ticket"


class Tickets:
    """Tickets of one process, signed with its key; each is valid for one file and one query."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._key = secrets.token_bytes(32)
        self._clock = clock

    def query(self, file: str, parameters: Mapping[str, str]) -> str:
        """Query with these parameters that opens this file for LIFETIME seconds."""
        expires = str(int(self._clock()) + LIFETIME)
        signed = urlencode({**parameters, _EXPIRY: expires})
        return f"{signed}&{_SIGNATURE}={self._signature(file, signed)}"

    def is_valid(self, file: str, query: str) -> bool:
        """Check the query's ticket: for this file and these parameters, and not expired."""
        pairs = parse_qsl(query, keep_blank_values=True)
        if not pairs or pairs[-1][0] != _SIGNATURE:
            return False
        # Encoded anew: a proxy may change the encoding of a query, but not its meaning.
        signature = self._signature(file, urlencode(pairs[:-1]))
        if not hmac.compare_digest(signature.encode(), pairs[-1][1].encode()):
            return False
        return int(dict(pairs)[_EXPIRY]) > self._clock()

    def _signature(self, file: str, signed: str) -> str:
        return hmac.new(self._key, f"{file}?{signed}".encode(), hashlib.sha256).hexdigest()


def has_ticket(query: str) -> bool:
    """Tell whether the query has a ticket, valid or not."""
    return f"&{_SIGNATURE}=" in query
