"""Names of ports: by custom, by the system, and by the registry."""

import socket
from pathlib import Path

import pytest

from porteye_core import port_names
from porteye_core.port_names import service

LINES = Path(port_names.__file__).with_suffix(".txt").read_text(encoding="ascii").splitlines()


def parsed() -> list[tuple[int, str, str]]:
    return [(int(line[16:21]), line[22:], line[:15].rstrip()) for line in LINES]


def test_the_registry_is_sorted_without_a_port_twice_and_fits_its_form() -> None:
    assert {len(line) for line in LINES} == {25}
    entries = [(port, protocol) for port, protocol, _ in parsed()]
    assert entries == sorted(set(entries))
    assert len(entries) == 11_505
    assert {protocol for _, protocol in entries} == {"tcp", "udp"}
    assert all(0 <= port <= 65535 for port, _ in entries)
    assert all(name for *_, name in parsed())


def test_the_size_that_is_named_is_that_of_the_registry() -> None:
    assert f"{len(LINES):,} names" in (port_names.__doc__ or "")


def test_every_registered_name_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getservbyport", _unknown)
    service.cache_clear()
    try:
        for port, protocol, name in parsed():
            expected = port_names._CUSTOMARY.get((port, protocol), name)
            assert service(port, protocol) == expected
    finally:
        service.cache_clear()


def _unknown(port: int, protocol: str) -> str:
    raise OSError("port/proto not found")


@pytest.mark.parametrize(
    ("port", "protocol", "name"),
    [
        (443, "tcp", "https"),
        (5432, "tcp", "postgresql"),
        (27017, "tcp", "mongodb"),
        (6063, "tcp", "x11"),  # registered as a range
        (3000, "tcp", "dev server"),
        (5173, "tcp", "vite"),
        (6443, "tcp", "kubernetes"),
        (8888, "tcp", "jupyter"),
        (51820, "udp", "wireguard"),
        (51820, "tcp", ""),
        (65535, "tcp", ""),
        (4, "tcp", ""),
        (70_000, "tcp", ""),
        (-1, "udp", ""),
        (443, "sctp", ""),
    ],
)
def test_a_port_has_the_name_that_people_mean(port: int, protocol: str, name: str) -> None:
    assert service(port, protocol) == name


def test_a_name_of_the_system_is_before_that_of_the_registry(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(socket, "getservbyport", lambda port, protocol: "shop")
    service.cache_clear()
    try:
        assert service(7777, "tcp") == "shop"
        assert service(5173, "tcp") == "vite"
    finally:
        service.cache_clear()
