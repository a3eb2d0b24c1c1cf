"""Wrong tokens are counted for each address, in bounded memory."""

import asyncio

import pytest

from porteye_core.guards import rate_limit
from porteye_core.guards.rate_limit import Guesses


class Clock:
    """A clock that tests wind on."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


async def at_once(seconds: float) -> None:
    assert seconds > 0


def refused(counted: Guesses, address: str, times: int) -> int:
    """The number of wrong tokens from this address that were too many."""

    async def guess() -> int:
        return sum([await counted.was_wrong(address) for _ in range(times)])

    return asyncio.run(guess())


def test_each_address_has_a_burst_and_one_more_a_second() -> None:
    clock = Clock()
    counted = Guesses(clock, at_once)
    assert refused(counted, "192.0.2.1", 12) == 2
    assert refused(counted, "192.0.2.2", 10) == 0
    clock.now += 3
    assert refused(counted, "192.0.2.1", 5) == 2
    clock.now += 1000
    assert refused(counted, "192.0.2.1", 12) == 2, "a burst is all that is saved up"


@pytest.mark.parametrize(
    "addresses",
    [
        *(("2001:db8::1", "2001:db8::ffff:1"), ("fe80::1%eth0", "fe80::2%eth1")),
        *(("192.0.2.1", "::ffff:192.0.2.1"), ("", "unix socket", "x" * 10_000)),
    ],
)
def test_a_host_is_counted_once_whichever_address_it_takes(addresses: tuple[str, ...]) -> None:
    counted = Guesses(Clock(), at_once)
    assert refused(counted, addresses[0], 10) == 0
    for address in addresses:
        assert refused(counted, address, 1) == 1


def test_so_many_addresses_are_remembered_and_no_more() -> None:
    counted = Guesses(Clock(), at_once)
    refused(counted, "192.0.2.1", 10)
    for number in range(2 * rate_limit._MAX_ADDRESSES):
        refused(counted, f"2001:db8:0:{number:x}::1", 1)
        if number < rate_limit._MAX_ADDRESSES:
            assert refused(counted, "192.0.2.1", 1) == 1, "who goes on is not forgotten"
    assert len(counted._buckets) == rate_limit._MAX_ADDRESSES
    assert refused(counted, "192.0.2.1", 1) == 0


def test_so_many_answers_are_held_back_and_the_rest_are_given_at_once() -> None:
    async def flood() -> tuple[int, int]:
        held = asyncio.Event()
        counted = Guesses(Clock(), lambda _seconds: held.wait())
        for _ in range(10):
            assert not await counted.was_wrong("192.0.2.1")
        most = rate_limit._MAX_WAITING
        tasks = [asyncio.create_task(counted.was_wrong("192.0.2.1")) for _ in range(most + 20)]
        done, waiting = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        found = len(done), len(waiting)
        held.set()
        assert all(await asyncio.gather(*tasks))
        assert counted._waiting == 0
        return found

    assert asyncio.run(flood()) == (20, rate_limit._MAX_WAITING)
