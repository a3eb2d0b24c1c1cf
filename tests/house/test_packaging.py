"""The package: one version, two sizes, whole lists of files, commands that run from anywhere."""

import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tarfile
import tomllib
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from porteye_core import __version__
from porteye_core.alerts.receivers import apprise
from porteye_core.command import doors, fleet_extra, mcp
from tests.kit.app import dashboard
from tests.kit.installed import (
    Built,
    Installed,
    build,
    copy_checkout,
    known_to_git,
    needs_hatchling,
)
from tests.kit.service import PROJECT, rows
from tests.kit.unit import words
from tests.kit.waiting import until

METADATA = tomllib.loads((PROJECT / "pyproject.toml").read_text())
# What the program reads at the top of a checkout: the wheel has it inside of the package.
TOP = {"streamlit_app.py", ".streamlit/config.toml", "deploy/porteye.service"}
CONTAINERFILE = (PROJECT / "deploy" / "Containerfile").read_text()
INSTALL = (PROJECT / "docs" / "install.md").read_text()
# What is for those who change PortEye is in the repository alone.
NOT_IN_SDIST = re.compile(r"(?!\.gitignore$|\.streamlit/)\.|(benchmarks|tests)/|Makefile$")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Built in a clone in which somebody has worked."""
    folder = tmp_path_factory.mktemp("built")
    clone = folder / "clone"
    copy_checkout(clone)
    for stray in (
        "env/lib/python3/site-packages/other.py",
        "porteye.db",
        "notes.txt",
        "dist/porteye-0.0.1.tar.gz",
        "tests/left.txt",
        "porteye_core/__pycache__/config.cpython-311.pyc",
    ):
        (clone / stray).parent.mkdir(parents=True, exist_ok=True)
        (clone / stray).write_text("nobody's")
    return build(clone, folder / "dist")


@pytest.fixture(scope="module")
def installed(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    return Installed.of(built, tmp_path_factory.mktemp("installed"))


def test_with_the_page_the_package_requires_what_users_of_a_checkout_install() -> None:
    project = METADATA["project"]
    page = project["optional-dependencies"]["page"]
    assert [re.split("[~=]", each)[0] for each in project["dependencies"]] == ["psutil"]
    assert {*project["dependencies"], *page} == set(
        (PROJECT / "requirements.txt").read_text().split()
    )
    assert {re.split("[~=]", each)[0] for each in page} == set(doors._OF_PAGE)
    assert project["optional-dependencies"]["mcp"] == [mcp._PACKAGE]
    assert [re.split("~=", each)[0] for each in project["optional-dependencies"]["apprise"]] == [
        apprise.PACKAGE.removeprefix("porteye[").removesuffix("]")
    ]
    assert project["optional-dependencies"]["fleet"] == [fleet_extra.PACKAGE]


def test_the_version_stands_in_one_place_and_has_a_dated_section_in_the_changelog() -> None:
    assert "version" not in METADATA["project"]
    assert METADATA["project"]["dynamic"] == ["version"]
    changelog = (PROJECT / "CHANGELOG.md").read_text()
    newest = re.findall(r"^## \[(\d+\.\d+\.\d+)\] - \d{4}-\d{2}-\d{2}$", changelog, re.MULTILINE)
    assert newest[0] == __version__


@needs_hatchling
def test_the_wheel_holds_the_package_what_the_page_reads_and_nothing_else(built: Built) -> None:
    package = {name for name in known_to_git() if name.startswith("porteye_core/")}
    about = {"METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE"}
    assert built.in_wheel == {
        *package,
        *(f"porteye_core/top/{name}" for name in TOP),
        *(f"porteye-{__version__}.dist-info/{name}" for name in about),
    }


@needs_hatchling
def test_the_sdist_holds_the_program_with_its_documents_and_nothing_else(built: Built) -> None:
    ours = {name for name in known_to_git() if not NOT_IN_SDIST.match(name)}
    assert {*TOP, "docs/now.png", "requirements.lock"} <= ours
    assert built.in_sdist == {*ours, "PKG-INFO"}


@needs_hatchling
def test_the_sdist_makes_the_same_wheel(built: Built, tmp_path: Path) -> None:
    with tarfile.open(built.sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    (unpacked,) = tmp_path.iterdir()
    again = build(unpacked, tmp_path / "dist")
    assert again.in_wheel == built.in_wheel
    assert again.wheel.read_bytes() == built.wheel.read_bytes()


@needs_hatchling
def test_a_container_gets_every_file_that_the_wheel_is_built_of(
    built: Built, tmp_path: Path
) -> None:
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", CONTAINERFILE, re.MULTILINE)
    for name in " ".join(copied).split():
        if (PROJECT / name).is_file():
            (tmp_path / name).parent.mkdir(exist_ok=True)
            shutil.copy(PROJECT / name, tmp_path / name)
        else:
            shutil.copytree(
                PROJECT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__")
            )
    assert build(tmp_path, tmp_path / "dist", "wheel").in_wheel == built.in_wheel


def test_a_container_is_given_the_rights_of_the_unit_and_no_more() -> None:
    (monitor, page) = re.findall(r"^podman run (.*?)\n(?=podman|```)", INSTALL, re.M | re.S)
    (given,) = re.findall(r"--cap-add=(\S+)", monitor)
    assert {f"CAP_{name}" for name in given.split(",")} == set(words("CapabilityBoundingSet"))
    assert "--cap-add" not in page
    for command in (monitor, page):
        assert {"--cap-drop=all", "--read-only", "--security-opt=no-new-privileges"} <= set(
            command.split()
        )
    named = re.findall(r"^FROM \S+ AS (\w+)", CONTAINERFILE, re.MULTILINE)
    assert set(re.findall(r"--target (\w+)", INSTALL)) == {"monitor", "both"} <= set(named)


@needs_hatchling
@pytest.mark.parametrize("program", ["porteye", "porteye-monitor"])
def test_the_installed_monitor_watches_from_any_folder_into_the_folder_of_state(
    installed: Installed, tmp_path: Path, program: str
) -> None:
    # As any user: root's place is the machine's.
    flags = ["--once", "--source", "portable"]
    asked = ["monitor", *flags] if program == "porteye" else flags
    state = {"XDG_STATE_HOME": str(tmp_path / "state")}
    db = tmp_path / "state" / "porteye" / "porteye.db"
    if os.geteuid() == 0:
        asked += ["--db", str(db)]
    run = installed.run(*asked, cwd=tmp_path, program=program, **state)
    assert run.returncode == 0, run.stderr
    assert db.parent.stat().st_mode & 0o777 == 0o700
    with closing(sqlite3.connect(db)) as stored:
        ((version,),) = stored.execute("SELECT version FROM watch")
    assert version == __version__


@needs_hatchling
def test_the_installed_command_answers_from_any_folder(
    installed: Installed, tmp_path: Path
) -> None:
    (tmp_path / "porteye_core").mkdir()  # of somebody else
    (tmp_path / "porteye_core" / "__init__.py").write_text("raise SystemExit('not mine')")
    for asked, status in ((["--version"], 0), (["who", "1/udp", "--db", "none.db"], 1)):
        run = installed.run(*asked, cwd=tmp_path)
        assert (run.returncode, run.stderr) == (status, "")
    assert not (tmp_path / "none.db").exists()


def bound(process: "subprocess.Popen[bytes]", port: int) -> set[str]:
    """The addresses at which a process and its children listen on a port."""
    found = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
    return {
        at.laddr.ip
        for each in found
        for at in each.net_connections("inet")
        if at.status == psutil.CONN_LISTEN and at.laddr.port == port
    }


@needs_hatchling
def test_the_installed_dashboard_is_bound_to_this_machine_alone_and_starts_its_monitor(
    installed: Installed, tmp_path: Path
) -> None:
    """In a folder whose own files say otherwise."""
    for name, text in (
        (".streamlit/config.toml", '[server]\naddress = "0.0.0.0"\n[client]\ntoolbarMode="auto"\n'),
        ("porteye_core/__init__.py", "raise SystemExit('not mine')"),
        ("sqlite3.py", "raise SystemExit('not mine')"),
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    db = tmp_path / "state" / "porteye" / "porteye.db"
    command = (str(installed.folder / "bin" / "porteye"), "dashboard", "--db", str(db))
    with dashboard(Path("/nowhere.db"), tmp_path, command, **installed.variables) as app:
        port = int(app.url.rpartition(":")[2])
        assert bound(app.process, port) == {"127.0.0.1"}
        until(lambda: rows(db, "SELECT 1 FROM watch"), "its monitor watches")
        monitor = until(psutil.Process(app.process.pid).children, "its monitor is there")[0]
        module = [sys.executable, "-P", "-m", "porteye_core.command", "monitor"]
        assert monitor.cmdline()[:5] == module
        until(lambda: app.json("/api/health")["status"] == "watching", "the API says so")
        assert app.get("/")[0] == 200
    health = installed.run("health", "--json", "--db", str(db), cwd=tmp_path / ".streamlit")
    assert json.loads(health.stdout)["status"] == "stopped"
