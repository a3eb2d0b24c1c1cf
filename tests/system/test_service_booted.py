"""`porteye service` of an installed program, in the hands of a systemd that is process 1."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from porteye_core.command import service_files
from tests.kit.booted import Booted, booted, unbootable
from tests.kit.installed import build, copy_checkout, needs_hatchling
from tests.kit.service import rows
from tests.kit.virtual_environment import VirtualEnvironment
from tests.kit.waiting import until

pytestmark = [
    pytest.mark.long,
    needs_hatchling,
    pytest.mark.skipif(bool(unbootable()), reason=unbootable() or "it can be"),
]
UNIT = "/etc/systemd/system/porteye.service"


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command, installed at an odd place."""
    folder = tmp_path_factory.mktemp("installed") / "a b 50%h"
    copy_checkout(folder / "clone")
    built = build(folder / "clone", folder / "dist")
    venv = VirtualEnvironment.of(folder, with_ours=True)
    venv.pip("install", "--no-index", str(built.wheel))
    return venv.folder / "bin" / "porteye"


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[Booted]:
    with booted(tmp_path, None) as running:
        yield running


def said(systemd: Booted, *words: str | Path, status: int = 0) -> str:
    """The output of a command inside, which ends with this exit status."""
    done = systemd.run(*map(str, words))
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_it_starts_only_when_asked_and_leaves_the_database_behind(
    systemd: Booted, program: Path
) -> None:
    assert "not installed" in said(systemd, program, "service", "status", status=1)
    installed = said(systemd, program, "service", "install")
    assert f"{UNIT} is written.\nIt is not enabled and not started." in installed
    assert systemd.run("systemctl", "is-enabled", "porteye").stdout == "disabled\n"
    assert systemd.shown("ActiveState") == "inactive"

    again = said(systemd, program, "service", "install", "--now")
    assert f"{UNIT} is there already.\nThe service runs" in again
    assert systemd.shown("ActiveState") == "active"
    status = said(systemd, program, "service", "status")
    assert f"{UNIT}: as this program writes it\n" in status
    assert "is-enabled porteye.service: enabled\n" in status
    assert "is-active porteye.service: active\n" in status
    db = systemd.state / "porteye" / "porteye.db"
    assert rows(db, "SELECT source FROM watch") != []
    assert said(systemd, program, "health").startswith("The monitor watches")

    removed = said(systemd, program, "service", "remove")
    assert "The database stays: /var/lib/porteye/porteye.db" in removed
    until(lambda: systemd.shown("ActiveState") != "active", "it has stopped")
    assert systemd.run("systemctl", "cat", "porteye").returncode != 0
    assert rows(db, "SELECT stopped_at IS NOT NULL FROM watch") == [(1,)]
    assert f"There is no {UNIT}." in said(systemd, program, "service", "remove")


def test_a_word_reaches_the_program_as_it_is(systemd: Booted) -> None:
    words = [
        "a b",
        "50%h",
        "$HOME",
        "${HOME}",
        '"q"',
        "back\\slash",
        "it's",
        "ü",
        ";",
        "t\tn\n",
        "",
    ]
    code = "import json, sys; json.dump(sys.argv[1:], open('/var/lib/words', 'w'))"
    start = service_files.unit(
        "ExecStart=\n", [sys.executable, "-c", code, *words], [], of_user=False
    )
    (systemd.state / "unit").write_text(f"[Service]\nType=oneshot\n{start}")
    said(systemd, "cp", "/var/lib/unit", "/run/systemd/system/words.service")
    systemd.systemctl("start", "words.service")
    assert json.loads((systemd.state / "words").read_text()) == words


def test_what_somebody_has_changed_is_kept_without_force(systemd: Booted, program: Path) -> None:
    said(systemd, program, "service", "install")
    said(systemd, "sed", "-i", "s/^MemoryMax=.*/MemoryMax=1G/", UNIT)
    for action in ("install", "remove"):
        refused = said(systemd, program, "service", action, status=1)
        assert f"{UNIT} was changed, or written by somebody else." in refused
    assert "changed, or written" in said(systemd, program, "service", "status", status=1)
    assert "MemoryMax=1G" in said(systemd, "cat", UNIT)
    said(systemd, program, "service", "install", "--force")
    assert "MemoryMax=256M" in said(systemd, "cat", UNIT)

    # What another version of PortEye wrote is no change of anybody's.
    said(systemd, program, "service", "remove")
    other = said(systemd, program, "service", "install", "--print", "--user")
    (systemd.state / "other").write_text(other)
    said(systemd, "cp", "/var/lib/other", UNIT)
    assert "by another version" in said(systemd, program, "service", "status", status=1)
    assert f"{UNIT} is written." in said(systemd, program, "service", "install")


def test_a_program_of_another_user_is_not_run_as_root(systemd: Booted, program: Path) -> None:
    package = program.parent.parent
    said(systemd, "chown", "nobody", package)
    try:
        refused = said(systemd, program, "service", "install", status=1)
    finally:
        said(systemd, "chown", "root", package)
    assert f"{package} can be changed by the user nobody" in refused
    assert systemd.run("cat", UNIT).returncode != 0


def test_a_unit_that_a_package_has_installed_is_not_hidden(systemd: Booted, program: Path) -> None:
    said(systemd, "touch", "/lib/systemd/system/porteye.service")
    refused = said(systemd, program, "service", "install", status=1)
    assert "A package has installed" in refused
    assert "installed by a package" in said(systemd, program, "service", "status", status=1)


_OF_USER = """
[Service]
Type=notify
Delegate=yes
Environment=XDG_RUNTIME_DIR=/run/user/0 HOME=/var/lib/home
ExecStartPre=mkdir -p /run/user/0 /var/lib/home
ExecStart=/lib/systemd/systemd --user --unit=basic.target
"""


def test_a_manager_of_one_user_starts_the_unit_of_that_user(systemd: Booted, program: Path) -> None:
    """With the filters that it keeps; what takes rights to set up is left out of it."""
    (systemd.state / "unit").write_text(_OF_USER)
    said(systemd, "cp", "/var/lib/unit", "/run/systemd/system/mine.service")
    systemd.systemctl("start", "mine.service")
    mine = ("env", "XDG_RUNTIME_DIR=/run/user/0", "HOME=/var/lib/home")
    service = (*mine, program, "service")

    assert "is written." in said(systemd, *service, "install", "--user", "--now")
    shown = said(systemd, *mine, "systemctl", "--user", "show", "porteye")
    assert {"ActiveState=active", "NoNewPrivileges=yes"} <= {*shown.splitlines()}
    assert "\nSystemCallFilter=" in shown
    assert f"{UNIT}: not installed" in said(systemd, *service, "status", status=1)
    assert "is-active porteye.service: active" in said(systemd, *service, "status", "--user")
    assert said(systemd, *mine, program, "health").startswith("The monitor watches")

    said(systemd, *service, "remove", "--user")
    assert "not installed" in said(systemd, *service, "status", "--user", status=1)
    assert rows(systemd.state / "porteye" / "porteye.db", "SELECT stopped_at FROM watch") != []
