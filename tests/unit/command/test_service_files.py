"""The files of services: as their readers take them, whatever the path of the program is."""

import os
import plistlib
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from porteye_core.command import service_files
from tests.kit.rights import posix
from tests.kit.unit import UNIT, missing

ODD = ["a b", "50%h", "$HOME", "ü", "semi;colon"]
REFUSED = ['"q"', "back\\slash", "it's", "tab\tin"]  # by systemd, in the name of a program
TEMPLATE = UNIT.read_text()


def settings(text: str) -> list[str]:
    return [line for line in text.splitlines() if line and not line.startswith("#")]


@posix
@pytest.mark.skipif(bool(missing("systemd-analyze")), reason="there is no systemd-analyze here")
@pytest.mark.parametrize("of_user", [False, True], ids=["machine", "user"])
@pytest.mark.parametrize("name", [*ODD, *REFUSED])
def test_systemd_finds_the_program_at_an_odd_path(
    tmp_path: Path, name: str, *, of_user: bool
) -> None:
    program = tmp_path / name / "python"
    program.parent.mkdir()
    program.symlink_to(sys.executable)
    mode = ["--user"] if of_user else []
    for path, fault in ((program, name in REFUSED), (program.with_name("absent"), True)):
        words = [str(path), "-m", "x", "--db", str(path.with_name("porteye.db"))]
        unit = tmp_path / "porteye.service"
        unit.write_text(service_files.unit(TEMPLATE, words, [], of_user=of_user))
        done = subprocess.run(
            ["systemd-analyze", *mode, "verify", str(unit)],
            env={**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert ("porteye.service" in done.stderr) == fault, done.stderr


def test_the_unit_of_the_machine_is_the_one_in_deploy_with_another_program() -> None:
    unit = service_files.unit(TEMPLATE, ["/opt/p/python", "-m", "x"], [], of_user=False)
    differing = {*unit.splitlines()} ^ {*TEMPLATE.splitlines()}
    assert all(line.startswith("ExecStart=") for line in differing)
    assert "ExecStart=/opt/p/python -m x" in differing


@pytest.mark.parametrize(
    ("program", "seen"),
    [
        ("/opt/porteye/bin/python", ["ProtectHome=yes", "PrivateTmp=yes"]),
        ("/root/.pyenv/bin/python", ["ProtectHome=read-only", "PrivateTmp=yes"]),
        ("/home/ann/venv/bin/python", ["ProtectHome=read-only", "PrivateTmp=yes"]),
        ("/homes/ann/venv/bin/python", ["ProtectHome=yes", "PrivateTmp=yes"]),
        ("/var/tmp/venv/bin/python", ["ProtectHome=yes", "PrivateTmp=no"]),
    ],
)
def test_the_unit_lets_the_service_see_its_own_program(program: str, seen: list[str]) -> None:
    unit = service_files.unit(TEMPLATE, [program], [Path(program)], of_user=False)
    assert [line for line in settings(unit) if line.startswith(("ProtectHome", "PrivateT"))] == seen


def test_the_unit_of_a_user_keeps_what_needs_no_rights() -> None:
    unit = service_files.unit(TEMPLATE, ["/p"], [Path("/home/p")], of_user=True)
    kept = {*settings(unit)} - {*settings(TEMPLATE)}
    assert kept == {"ExecStart=/p", "WantedBy=default.target"}
    names = {line.partition("=")[0] for line in settings(unit)}
    assert {"Type", "WatchdogSec", "SystemCallFilter", "NoNewPrivileges"} <= names
    assert not names & {"CapabilityBoundingSet", "ProtectSystem", "StateDirectory", "PrivateTmp"}


def test_launchd_reads_the_words_as_they_are_and_starts_nothing_by_itself() -> None:
    text = service_files.property_list(["/a/python", *ODD, *REFUSED], "/l.log")
    read = plistlib.loads(service_files.stamped(text, "<!-- {} -->").encode())
    assert read["ProgramArguments"] == ["/a/python", *ODD, *REFUSED]
    assert (read["Disabled"], read["RunAtLoad"], read["Umask"]) == (True, True, 0o077)
    assert (read["KeepAlive"], read["ThrottleInterval"]) == ({"SuccessfulExit": False}, 10)
    assert read["StandardErrorPath"] == "/l.log"


@pytest.mark.parametrize(
    ("of_user", "trigger", "principal"),
    [
        (False, "BootTrigger", {"UserId": "S-1-5-18", "RunLevel": "HighestAvailable"}),
        (True, "LogonTrigger", {"LogonType": "InteractiveToken", "RunLevel": "LeastPrivilege"}),
    ],
)
def test_windows_reads_one_program_with_its_words(
    trigger: str, principal: dict[str, str], *, of_user: bool
) -> None:
    words = [r"C:\Program Files\Python\python.exe", "-m", "x", "--db", r"C:\a & b\<c>.db"]
    text = service_files.stamped(service_files.task(words, of_user=of_user), "<!-- {} -->")
    spaces = {"": "http://schemas.microsoft.com/windows/2004/02/mit/task"}
    for encoding in ("utf-16", "utf-8"):
        task = ET.fromstring(text.encode(encoding))
        assert task.findtext("Actions/Exec/Command", namespaces=spaces) == words[0]
        arguments = task.findtext("Actions/Exec/Arguments", namespaces=spaces)
        assert arguments == r'-m x --db "C:\a & b\<c>.db"'
        assert task.find(f"Triggers/{trigger}", spaces) is not None
        who = task.find("Principals/Principal", spaces)
        assert who is not None
        assert {each.tag.rpartition("}")[2]: each.text for each in who} == principal
        assert task.findtext("Settings/ExecutionTimeLimit", namespaces=spaces) == "PT0S"


def test_a_file_tells_whether_somebody_has_changed_it() -> None:
    text = service_files.stamped("[Unit]\nA=1\n", "# {}")
    assert service_files.is_untouched(text)
    assert service_files.is_untouched(text.removesuffix("\n"))
    assert not service_files.is_untouched(text.replace("A=1", "A=2"))
    assert not service_files.is_untouched(f"{text}B=1\n")
    assert not service_files.is_untouched("")
    assert not service_files.is_untouched("[Unit]\n")
