"""`porteye service`, where it refuses and where it only shows; tests/system has it in a systemd."""

import plistlib
import subprocess
import sys
from argparse import Namespace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from porteye_core.command import service, service_managers
from porteye_core.command.program import main
from porteye_core.command.screen import Screen
from porteye_core.errors import PortEyeError
from porteye_core.system.foreign_owners import foreign_owner
from tests.kit.command import run_command
from tests.kit.rights import posix, root
from tests.kit.service import PROJECT
from tests.kit.unit import missing

linux = pytest.mark.skipif(
    sys.platform != "linux", reason="the other managers are of other systems"
)


@pytest.mark.parametrize("user", [[], ["--user"]], ids=["machine", "user"])
def test_it_prints_the_file_of_every_system_on_any_system(user: list[str]) -> None:
    def printed(manager: str) -> str:
        run = run_command("service", "install", "--print", "--for", manager, *user)
        assert (run.returncode, run.stderr) == (0, "")
        return run.stdout

    script = str(PROJECT / "monitor_service.py")
    assert f"ExecStart={sys.executable} {script} --db /" in printed("systemd")
    assert plistlib.loads(printed("launchd").encode())["ProgramArguments"][:2] == [
        sys.executable,
        script,
    ]
    task = ET.fromstring(printed("windows"))
    (command,) = [each.text for each in task.iter() if each.tag.endswith("}Command")]
    assert command == sys.executable


@linux
@pytest.mark.parametrize("action", ["install", "status", "remove"])
def test_it_does_nothing_for_a_manager_that_is_not_here(
    action: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["porteye", "service", action, "--for", "launchd"]) == 2
    assert "There is no launchd on this system. Give --print" in capsys.readouterr().err


@linux
def test_without_a_systemd_it_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(service, "_RUNNING", Path("/nowhere"))
    for action in ("install", "remove"):
        assert main(["porteye", "service", action]) == 1
        assert "There is no systemd running here. `porteye service" in capsys.readouterr().err


@linux
def test_a_user_is_told_what_takes_no_root(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(service, "_RUNNING", tmp_path)
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setattr(sys, "argv", ["/opt/p/bin/porteye", "service", "install", "--now"])
    assert main(sys.argv) == 1
    said = capsys.readouterr().err
    assert "Run: sudo /opt/p/bin/porteye service install --now " in said
    assert "--user" in said


def test_a_system_without_a_known_manager_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "freebsd14")
    assert main(["porteye", "service", "status"]) == 2


@linux
@pytest.mark.skipif(bool(missing("systemd-analyze")), reason="there is no systemd-analyze here")
def test_a_unit_that_systemd_would_refuse_is_not_written(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)  # as where nobody has logged in
    unit = service_managers.service("systemd", {"XDG_CONFIG_HOME": str(tmp_path)}, of_user=True)
    service._check(unit)
    quoted = tmp_path / 'a "quoted" folder' / "python"
    quoted.parent.mkdir()
    quoted.symlink_to(sys.executable)
    monkeypatch.setattr(sys, "executable", str(quoted))
    refused = service_managers.service("systemd", {"XDG_CONFIG_HOME": str(tmp_path)}, of_user=True)
    with pytest.raises(PortEyeError, match="finds fault with what would be") as error:
        service._install(refused, Screen.of(sys.stdout), Namespace(force=True, now=True, user=True))
    assert error.value.hint == "Nothing is installed."
    assert not refused.path.exists()


@posix
@root
def test_a_program_that_others_may_change_is_found(open_folder: Path) -> None:
    program = open_folder / "bin" / "python"
    program.parent.mkdir()
    program.touch()
    assert foreign_owner(program) is None  # /tmp lets nobody exchange what is root's
    program.parent.chmod(0o777)
    assert foreign_owner(program) == (program.parent, "every user")
    program.parent.chmod(0o755)
    subprocess.run(["chown", "nobody", program.parent], check=True)
    assert foreign_owner(program) == (program.parent, "the user nobody")
    link = open_folder / "link"
    link.symlink_to(program.parent)
    assert foreign_owner(link) is None  # the real path is asked for, too


def test_every_way_to_this_program_is_looked_at() -> None:
    looked = service_managers.program()
    assert {Path(sys.executable), Path(sys.executable).resolve()} <= {*looked}
    assert PROJECT in {parent for path in looked for parent in path.parents}
