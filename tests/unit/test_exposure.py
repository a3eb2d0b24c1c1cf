"""From where a socket can be reached."""

import pytest

from porteye_core.exposure import Bound, Exposure, Namespace, exposure
from porteye_core.reach import InterfaceKind


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("127.0.0.1", Exposure.MACHINE),
        ("127.0.0.53", Exposure.MACHINE),
        ("::1", Exposure.MACHINE),
        ("::ffff:127.0.0.1", Exposure.MACHINE),
        ("ff01::1", Exposure.MACHINE),
        ("0.0.0.0", Exposure.EVERYWHERE),
        ("::", Exposure.EVERYWHERE),
        ("::ffff:0.0.0.0", Exposure.EVERYWHERE),
        ("192.168.1.5", Exposure.NETWORK),
        ("203.0.113.9", Exposure.NETWORK),
        ("2001:db8::9", Exposure.NETWORK),
        ("239.255.255.250", Exposure.NETWORK),
        ("fe80::1", Exposure.LINK),
        ("fe80::1%eth0", Exposure.LINK),
        ("169.254.7.7", Exposure.LINK),
        ("224.0.0.251", Exposure.LINK),
        ("ff02::fb", Exposure.LINK),
        ("255.255.255.255", Exposure.LINK),
    ],
)
def test_an_address_says_who_may_come(address: str, expected: Exposure) -> None:
    assert exposure(Bound(address)) is expected


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (InterfaceKind.MACHINE, Exposure.MACHINE),
        (InterfaceKind.CONTAINERS, Exposure.CONTAINERS),
        (InterfaceKind.VRF, Exposure.NETWORK),
        (InterfaceKind.NETWORK, Exposure.NETWORK),
        (InterfaceKind.GONE, Exposure.UNKNOWN),
    ],
)
@pytest.mark.parametrize("address", ["0.0.0.0", "::", "192.168.1.5"])
def test_an_interface_lets_in_whom_it_leads_to(
    address: str, kind: InterfaceKind, expected: Exposure
) -> None:
    assert exposure(Bound(address, "x0", kind)) is expected


def test_no_interface_makes_a_loopback_address_reachable() -> None:
    for kind in InterfaceKind:
        assert exposure(Bound("127.0.0.1", "x0", kind)) is Exposure.MACHINE


def test_a_link_local_address_on_an_interface_reaches_its_link() -> None:
    assert exposure(Bound("fe80::1", "eth0", InterfaceKind.NETWORK, v6only=True)) is Exposure.LINK
    assert exposure(Bound("fe80::1", "lo", InterfaceKind.MACHINE, v6only=True)) is Exposure.MACHINE


@pytest.mark.parametrize(
    ("v6only", "expected", "shown"),
    [
        (False, Exposure.EVERYWHERE, "*"),
        (True, Exposure.IPV6, "::"),
        (None, Exposure.EVERYWHERE, "::"),
    ],
)
def test_a_socket_that_refuses_ipv4_is_told_apart(
    *, v6only: bool | None, expected: Exposure, shown: str
) -> None:
    bound = Bound("::", "", v6only=v6only)
    assert exposure(bound) is expected
    assert bound.shown == shown


def test_another_namespace_is_reachable_through_no_address_of_this_machine() -> None:
    for kind in (None, *InterfaceKind):
        inside = exposure(Bound("0.0.0.0", "x0", kind, namespace=Namespace.OTHER))
        assert inside is Exposure.CONTAINER


def test_in_a_namespace_that_is_not_known_only_a_loopback_address_says_something() -> None:
    assert exposure(Bound("0.0.0.0", namespace=Namespace.UNKNOWN)) is Exposure.UNKNOWN
    assert exposure(Bound("192.168.1.5", namespace=Namespace.UNKNOWN)) is Exposure.UNKNOWN
    assert exposure(Bound("127.0.0.1", namespace=Namespace.UNKNOWN)) is Exposure.MACHINE


def test_only_what_other_machines_may_reach_is_reachable() -> None:
    assert {each for each in Exposure if each.is_reachable} == {
        Exposure.LINK,
        Exposure.NETWORK,
        Exposure.IPV6,
        Exposure.EVERYWHERE,
    }


@pytest.mark.parametrize(
    ("bound", "shown", "in_a_sentence"),
    [
        (Bound("0.0.0.0", "lo"), "0.0.0.0%lo", "0.0.0.0%lo"),
        (Bound("0.0.0.0", ""), "0.0.0.0", "0.0.0.0"),
        (Bound("::", "", v6only=False), "*", "*"),
        (Bound("::", "lo", v6only=False), "*%lo", "*%lo"),
        (Bound("::", "lo", v6only=True), "::%lo", "[::]%lo"),
        (Bound("::1", "", v6only=False), "::1", "[::1]"),
        (Bound("fe80::1", "a%b"), "fe80::1%a%b", "[fe80::1]%a%b"),
        (Bound("fe80::1%en0"), "fe80::1%en0", "[fe80::1]%en0"),
    ],
)
def test_a_place_is_written_as_ss_writes_it(bound: Bound, shown: str, in_a_sentence: str) -> None:
    assert (bound.shown, str(bound)) == (shown, in_a_sentence)


def test_an_address_that_cannot_be_read_claims_nothing() -> None:
    assert exposure(Bound("027.0.0.1")) is Exposure.UNKNOWN
