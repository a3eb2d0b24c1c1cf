"""Administrative rights, found and asked for."""

import os
from pathlib import Path

import pytest

from porteye_core import privilege
from porteye_core.errors import PrivilegeError


@pytest.fixture
def not_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)


@pytest.mark.usefixtures("not_root")
@pytest.mark.parametrize(
    ("capabilities", "enough"),
    [("0000000000000000", False), ("0000000000080004", True), ("0000000000080000", False)],
)
def test_the_two_capabilities_are_as_good_as_root(
    tmp_path: Path, capabilities: str, *, enough: bool
) -> None:
    status = tmp_path / "status"
    status.write_text(f"Name:\tpython\nCapEff:\t{capabilities}\n")
    assert privilege.is_admin(status) is enough


def test_root_without_the_capabilities_is_no_admin(tmp_path: Path) -> None:
    status = tmp_path / "status"
    status.write_text("CapEff:\t0000000000000000\n")
    assert not privilege.is_admin(status)


@pytest.mark.usefixtures("not_root")
def test_without_a_procfs_only_root_is_admin(tmp_path: Path) -> None:
    assert not privilege.is_admin(tmp_path / "absent")


def test_the_command_that_elevates_is_the_same_with_sudo() -> None:
    command = privilege.how_to_elevate(["python", "monitor_service.py", "--db", "a b.db"])
    assert command == 'sudo python monitor_service.py --db "a b.db"'


def test_elevate_asks_windows_once_and_without_the_flag() -> None:
    asked = []

    def shell_execute(*arguments: object) -> int:
        asked.append(arguments)
        return 42

    privilege.elevate(["python.exe", "monitor_service.py", "--elevate", "--once"], shell_execute)
    assert asked == [(None, "runas", "python.exe", "monitor_service.py --once", None, 1)]


def test_a_user_who_says_no_to_windows_gets_a_sentence() -> None:
    with pytest.raises(PrivilegeError):
        privilege.elevate(["python.exe", "x.py"], lambda *_: 5)


def test_elevate_elsewhere_names_the_command_to_use() -> None:
    with pytest.raises(PrivilegeError) as refused:
        privilege.elevate(["python", "monitor_service.py"])
    assert "sudo python monitor_service.py" in str(refused.value)
