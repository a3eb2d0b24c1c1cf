"""Damage that a disk, a memory or a person does to a file, at random from a seed."""

from collections.abc import Callable
from random import Random

SECTOR, HEADER = 512, 100
Damage = Callable[[bytearray, Random, int], None]


def truncated(whole: bytearray, chance: Random, _page: int) -> None:
    del whole[chance.randrange(1, len(whole)) :]


def sector_overwritten(whole: bytearray, chance: Random, _page: int) -> None:
    at = chance.randrange(len(whole) // SECTOR) * SECTOR
    whole[at : at + SECTOR] = chance.randbytes(SECTOR)


def header_changed(whole: bytearray, chance: Random, _page: int) -> None:
    """Four bytes of the header are others."""
    for at in chance.sample(range(HEADER), 4):
        whole[at] ^= chance.randrange(1, 256)


def bit_flipped(whole: bytearray, chance: Random, _page: int) -> None:
    whole[chance.randrange(len(whole))] ^= 1 << chance.randrange(8)


def bytes_changed(whole: bytearray, chance: Random, _page: int) -> None:
    """Sixteen bytes anywhere are others."""
    for at in chance.sample(range(len(whole)), 16):
        whole[at] ^= chance.randrange(1, 256)


def page_zeroed(whole: bytearray, chance: Random, page: int) -> None:
    at = chance.randrange(len(whole) // page) * page
    whole[at : at + page] = bytes(page)


def pages_swapped(whole: bytearray, chance: Random, page: int) -> None:
    one, other = (number * page for number in chance.sample(range(len(whole) // page), 2))
    kept = whole[one : one + page]
    whole[one : one + page] = whole[other : other + page]
    whole[other : other + page] = kept


KINDS: list[Damage] = [
    truncated,
    sector_overwritten,
    header_changed,
    bit_flipped,
    bytes_changed,
    page_zeroed,
    pages_swapped,
]
