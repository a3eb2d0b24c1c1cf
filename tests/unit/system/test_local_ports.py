"""The machine's range of ephemeral ports."""

from pathlib import Path

import pytest

from porteye_core.system.local_ports import ephemeral_ports

PROC = Path("/proc/sys/net/ipv4/ip_local_port_range")


@pytest.mark.skipif(not PROC.exists(), reason="not Linux")
def test_the_range_is_that_of_the_kernel() -> None:
    assert ephemeral_ports() == tuple(map(int, PROC.read_text().split()))


def test_what_an_administrator_has_set_counts(tmp_path: Path) -> None:
    told = tmp_path / "range"
    told.write_text("15000\t20000\n")
    assert ephemeral_ports(told) == (15000, 20000)


@pytest.mark.parametrize("text", ["", "1 2 3", "many", "9 1", "0 99", "1 70000"])
def test_a_range_that_is_none_is_linux_s_default(tmp_path: Path, text: str) -> None:
    told = tmp_path / "range"
    told.write_text(text)
    assert ephemeral_ports(told) == (32768, 60999)
    assert ephemeral_ports(tmp_path / "absent") == (32768, 60999)
