"""The Debian package: built by its script, installed into a root of the test's own, and purged."""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from porteye_core import __version__
from porteye_core.monitor import command_line
from tests.kit.installed import copy_checkout
from tests.kit.rights import root as only_root
from tests.kit.service import PROJECT, environment
from tests.kit.unit import UNIT, missing

needed = ("dpkg", "dpkg-deb", "awk", "unshare")
pytestmark = [
    pytest.mark.long,
    only_root,
    pytest.mark.skipif(
        bool(missing(*needed)) or not Path("/usr/bin/python3").exists(),
        reason=missing(*needed) or "there is no python3 of Debian",
    ),
]

# What the package puts into the machine is seen at its places, and nothing else is changed.
_VIEW = """
mkdir -p /opt
mount --bind "$0/opt" /opt
mount --bind "$0/var/lib" /var/lib
exec "$@"
"""


@dataclass(frozen=True, slots=True)
class DebianRoot:
    """A root in which dpkg installs."""

    folder: Path

    def dpkg(self, *words: str | Path) -> str:
        # The scripts run outside of the root, which has no shell, and know it as DPKG_ROOT.
        forced = ["--force-depends", "--force-script-chrootless"]
        done = subprocess.run(
            ["dpkg", f"--root={self.folder}", *forced, *words],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def run(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """Run a command where the package's files are in their places."""
        return subprocess.run(
            ["unshare", "--mount", "--", "sh", "-ec", _VIEW, self.folder, *words],
            cwd="/",
            env=environment(),
            capture_output=True,
            text=True,
            check=False,
        )

    def files(self) -> set[str]:
        """The files in the root beside dpkg's own notes."""
        found = {str(path.relative_to(self.folder)) for path in self.folder.rglob("*")}
        return {name for name in found if not name.startswith("var/lib/dpkg") and name != "var"}


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("debian")
    copy_checkout(folder / "clone")
    shutil.rmtree(folder / "clone" / "tests")  # nothing of them is needed
    (folder / "tmp").mkdir()
    done = subprocess.run(
        [folder / "clone" / "deploy" / "debian" / "build", folder / "out"],
        env=environment(TMPDIR=str(folder / "tmp")),
        capture_output=True,
        text=True,
        check=False,
    )
    if re.search("No matching distribution|Connection|Max retries", done.stderr):
        pytest.skip(f"no registry answers: {done.stderr.strip().splitlines()[-1]}")
    assert done.returncode == 0, done.stderr
    (built,) = (folder / "out").glob("*.deb")
    return built


@pytest.fixture
def debian(tmp_path: Path) -> DebianRoot:
    for name in ("var/lib/dpkg/info", "var/lib/dpkg/updates", "opt"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "var/lib/dpkg/status").touch()
    return DebianRoot(tmp_path)


def test_it_watches_where_it_is_installed_and_purge_leaves_the_database(
    package: Path, debian: DebianRoot
) -> None:
    assert package.name.startswith(f"porteye_{__version__}_")
    before = debian.files()
    debian.dpkg("--install", package)
    assert (debian.folder / "usr/bin/porteye").readlink() == Path("/opt/porteye/bin/porteye")

    porteye = "/opt/porteye/bin/porteye"
    once = debian.run(porteye, "monitor", "--once", "--source", "portable")
    assert once.returncode == 0, once.stderr
    health = debian.run(porteye, "health")
    assert "Database: /var/lib/porteye/porteye.db" in health.stdout, health.stderr
    assert debian.dpkg("--verify", "porteye") == ""  # the runs have changed none of its files

    debian.dpkg("--remove", "porteye")
    assert "left in /var/lib/porteye" in debian.dpkg("--purge", "porteye")
    left = debian.files() - before
    assert "var/lib/porteye/porteye.db" in left
    assert all(name.startswith("var/lib/porteye") for name in left)


def test_it_names_no_folder_that_it_was_built_in(package: Path, debian: DebianRoot) -> None:
    debian.dpkg("--unpack", package)
    done = subprocess.run(
        ["grep", "-rlF", package.parents[1], debian.folder / "opt", debian.folder / "usr"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == ""
    scripts = (debian.folder / "opt/porteye/bin").glob("porteye*")
    assert {each.read_text().splitlines()[0] for each in scripts} == {"#!/opt/porteye/bin/python"}


def test_its_unit_is_the_one_in_deploy_for_what_it_installs(
    package: Path, debian: DebianRoot
) -> None:
    debian.dpkg("--unpack", package)
    unit = (debian.folder / "usr/lib/systemd/system/porteye.service").read_text().splitlines()
    differing = {*unit} ^ {*UNIT.read_text().splitlines()}
    assert all(line.startswith("ExecStart=") for line in differing)
    (start,) = [line for line in unit if line.startswith("ExecStart=")]
    python, *words = start.removeprefix("ExecStart=").split()
    assert os.path.lexists(f"{debian.folder}{python}")
    assert words[:4] == ["-P", "-m", "porteye_core.command", "monitor"]
    given = command_line.parser().parse_args(words[4:])
    assert given.db == "/var/lib/porteye/porteye.db"


def test_its_scripts_are_those_that_dpkg_runs() -> None:
    for name in ("build", "postinst", "prerm", "postrm"):
        script = PROJECT / "deploy" / "debian" / name
        assert script.stat().st_mode & 0o111, name
        checked = subprocess.run(["bash", "-n", script], check=False)
        assert checked.returncode == 0
