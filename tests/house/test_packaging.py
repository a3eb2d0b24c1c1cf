"""The package: one version, the requirements of users, every data file, and a command that runs."""

import os
import re
import sqlite3
import subprocess
import sys
import tomllib
import zipfile
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path

import pytest

from porteye_core import __version__
from tests.kit.service import PROJECT, environment

METADATA = tomllib.loads((PROJECT / "pyproject.toml").read_text())
needs_hatchling = pytest.mark.skipif(
    find_spec("hatchling") is None, reason="hatchling is not installed (requirements-dev.txt)"
)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout, built without a network."""
    folder = tmp_path_factory.mktemp("wheel")
    pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(PROJECT))
    (built,) = folder.glob("porteye-*.whl")
    return built


def pip(*arguments: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_package_depends_on_what_users_install() -> None:
    assert METADATA["project"]["dependencies"] == (
        (PROJECT / "requirements.txt").read_text().split()
    )


def test_the_version_stands_in_one_place_and_has_a_dated_section_in_the_changelog() -> None:
    assert "version" not in METADATA["project"]
    assert METADATA["project"]["dynamic"] == ["version"]
    changelog = (PROJECT / "CHANGELOG.md").read_text()
    newest = re.findall(r"^## \[(\d+\.\d+\.\d+)\] - \d{4}-\d{2}-\d{2}$", changelog, re.MULTILINE)
    assert newest[0] == __version__


@needs_hatchling
def test_a_wheel_has_every_file_of_the_package(wheel: Path) -> None:
    ours = {
        path.relative_to(PROJECT).as_posix()
        for path in (PROJECT / "porteye_core").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert any(name.endswith(".toml") for name in ours)
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert packed == ours


@needs_hatchling
def test_the_installed_command_watches_from_any_folder(wheel: Path, tmp_path: Path) -> None:
    installed, db = tmp_path / "installed", tmp_path / "x.db"
    pip("install", "--no-deps", "--no-index", "--target", str(installed), str(wheel))
    # PYTHONPATH stands in for the environment that the wheel would be installed into.
    run = subprocess.run(
        [installed / "bin" / "porteye-monitor", "--once", "--source", "portable", "--db", db],
        cwd=tmp_path,
        env=environment(PYTHONPATH=os.pathsep.join([str(installed), *sys.path])),
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    with closing(sqlite3.connect(db)) as stored:
        ((version,),) = stored.execute("SELECT version FROM watch")
    assert version == __version__


@needs_hatchling
def test_the_installed_command_answers_from_any_folder(wheel: Path, tmp_path: Path) -> None:
    installed = tmp_path / "installed"
    pip("install", "--no-deps", "--no-index", "--target", str(installed), str(wheel))
    for words, status in ((["--version"], 0), (["who", "1/udp", "--db", "none.db"], 1)):
        run = subprocess.run(
            [installed / "bin" / "porteye", *words],
            cwd=tmp_path,
            env=environment(PYTHONPATH=os.pathsep.join([str(installed), *sys.path])),
            capture_output=True,
            text=True,
            check=False,
        )
        assert (run.returncode, run.stderr) == (status, "")
    assert not (tmp_path / "none.db").exists()
