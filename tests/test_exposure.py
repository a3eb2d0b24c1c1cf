"""From where an address can be reached."""

import pytest

from porteye_core.exposure import Exposure, exposure


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("127.0.0.1", Exposure.MACHINE),
        ("127.0.0.53", Exposure.MACHINE),
        ("::1", Exposure.MACHINE),
        ("::ffff:127.0.0.1", Exposure.MACHINE),
        ("0.0.0.0", Exposure.EVERYWHERE),
        ("::", Exposure.EVERYWHERE),
        ("::ffff:0.0.0.0", Exposure.EVERYWHERE),
        ("192.168.1.5", Exposure.NETWORK),
        ("203.0.113.9", Exposure.NETWORK),
        ("fe80::1%eth0", Exposure.NETWORK),
    ],
)
def test_an_address_says_who_may_come(address: str, expected: Exposure) -> None:
    assert exposure(address) is expected


def test_another_namespace_is_reachable_through_no_address_of_this_machine() -> None:
    inside = exposure("0.0.0.0", elsewhere=True)
    assert inside is Exposure.CONTAINER
    assert not inside.is_reachable
    assert exposure("10.0.0.1").is_reachable
