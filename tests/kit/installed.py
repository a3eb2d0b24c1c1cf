"""The package as users get it: built from a copy of what git knows, installed into a folder."""

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.kit.service import PROJECT, environment

needs_hatchling = pytest.mark.skipif(
    find_spec("hatchling") is None, reason="hatchling is not installed (requirements-dev.txt)"
)


def known_to_git() -> set[str]:
    """Every file of this checkout that git does not ignore."""
    # A checkout of another user is no danger to a listing.
    command = ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others"]
    listed = subprocess.run(
        [*command, "--exclude-standard"], cwd=PROJECT, capture_output=True, text=True, check=True
    ).stdout.split("\0")
    return {name for name in listed if name and (PROJECT / name).is_file()}


@dataclass(frozen=True, slots=True)
class Built:
    """Wheel and sdist, and the lists of their files."""

    wheel: Path
    sdist: Path

    @property
    def in_wheel(self) -> set[str]:
        with zipfile.ZipFile(self.wheel) as archive:
            return set(archive.namelist())

    @property
    def in_sdist(self) -> set[str]:
        """Without the folder of name and version."""
        with tarfile.open(self.sdist) as archive:
            return {each.name.partition("/")[2] for each in archive.getmembers()}


def copy_checkout(to: Path) -> None:
    """Copy what git knows, as a new clone has it."""
    for name in known_to_git():
        (to / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(PROJECT / name, to / name)


def build(checkout: Path, into: Path, *targets: str) -> Built:
    """Build wheel and sdist, or one of them, without a network."""
    flags = [flag for target in targets for flag in ("-t", target)]
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-d", str(into), *flags],
        cwd=checkout,
        capture_output=True,
        text=True,
        check=True,
    )
    (made,) = {path.name.removesuffix("-py3-none-any.whl") for path in into.glob("*.whl")}
    return Built(into / f"{made}-py3-none-any.whl", into / f"{made}.tar.gz")


def pip(*arguments: str, python: Path | str = sys.executable) -> str:
    """Run pip, and return what it says."""
    done = subprocess.run(
        [python, "-m", "pip", "--disable-pip-version-check", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@dataclass(frozen=True, slots=True)
class Installed:
    """The wheel in a folder, over the packages of this environment."""

    folder: Path

    @classmethod
    def of(cls, built: Built, folder: Path) -> "Installed":
        pip("install", "--no-deps", "--no-index", "--target", str(folder), str(built.wheel))
        return cls(folder)

    @property
    def variables(self) -> dict[str, str]:
        """PYTHONPATH stands in for the environment that the wheel would be installed into."""
        others = [each for each in sys.path if each and Path(each) != PROJECT]
        return {"PYTHONPATH": os.pathsep.join([str(self.folder), *others])}

    def run(
        self, *words: str, cwd: Path, program: str = "porteye", **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Run the installed command to its end."""
        return subprocess.run(
            [self.folder / "bin" / program, *words],
            cwd=cwd,
            env=environment(**self.variables, **variables),
            capture_output=True,
            text=True,
            check=False,
        )
