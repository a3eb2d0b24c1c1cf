"""Wrong tokens, counted for each address that sends them."""

import asyncio
import ipaddress
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

_BURST = 10  # a person who mistypes, or a script with yesterday's token
_A_SECOND = 1.0
_PAUSE = 1.0  # seconds that an answer is held back
# An address takes some 300 bytes; one that is forgotten has a new burst, and no more.
_MAX_ADDRESSES = 1024
# Each answer that is held back holds a connection.
_MAX_WAITING = 64
_NETWORK = 64  # bits: an IPv6 host has all addresses of its network (RFC 4291, section 2.5.1)


@dataclass(slots=True)
class _Bucket:
    """The guesses that an address has left, at a time of the clock."""

    left: float
    at: float


class Guesses:
    """A bucket of wrong guesses for each address, refilled once a second.

    Who has emptied it is answered late. A right token is never counted and never held back, from
    whichever address: else whoever guesses could keep its owner out.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._clock = clock
        self._pause = pause
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()
        self._waiting = 0

    async def was_wrong(self, address: str) -> bool:
        """Count a wrong token, and return True after a pause if it was one too many."""
        bucket = self._bucket(_of_one_host(address))
        if bucket.left >= 1:
            bucket.left -= 1
            return False
        if self._waiting < _MAX_WAITING:
            self._waiting += 1
            try:
                await self._pause(_PAUSE)
            finally:
                self._waiting -= 1
        return True

    def _bucket(self, host: str) -> _Bucket:
        now = self._clock()
        bucket = self._buckets.pop(host, None) or _Bucket(_BURST, now)
        bucket.left = min(_BURST, bucket.left + (now - bucket.at) * _A_SECOND)
        bucket.at = now
        self._buckets[host] = bucket
        if len(self._buckets) > _MAX_ADDRESSES:
            self._buckets.popitem(last=False)
        return bucket


def _of_one_host(address: str) -> str:
    """The text for all addresses of a host; empty for a text that is no address."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return ""
    if found.version == 4:
        return str(found)
    return str(found.ipv4_mapped or ipaddress.ip_network((found, _NETWORK), strict=False))
