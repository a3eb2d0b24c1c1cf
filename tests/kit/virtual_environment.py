"""A virtual environment of its own, in which the package is installed as users install it."""

import os
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.kit.installed import pip
from tests.kit.service import environment

# Root's database lies in /var/lib: in a view of its own, which is one folder of the test.
_VIEW = 'mount --bind "$0" /var/lib && exec "$@"'


@dataclass(frozen=True, slots=True)
class VirtualEnvironment:
    """The environment, and a folder in which each user's state lies."""

    folder: Path
    state: Path

    @classmethod
    def of(cls, folder: Path, *, with_ours: bool = False) -> "VirtualEnvironment":
        """Make one; with_ours: it sees what is installed in the environment of the tests."""
        made = cls(folder / "venv", folder / "state")
        subprocess.run([sys.executable, "-m", "venv", made.folder], check=True)
        made.state.mkdir()
        if with_ours:
            (site,) = made.folder.glob("[Ll]ib/**/site-packages")
            (site / "ours.pth").write_text(sysconfig.get_path("purelib"))
        return made

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"

    @property
    def database(self) -> Path:
        """The default database, as it is seen from outside."""
        return self.state / "porteye" / "porteye.db"

    @property
    def variables(self) -> dict[str, str]:
        return {"XDG_STATE_HOME": str(self.state)}

    def words(self) -> list[str]:
        """Words before a command: they let the default database lie in the test's folder."""
        if os.geteuid() != 0:
            return []
        return ["unshare", "--mount", "--", "sh", "-c", _VIEW, str(self.state)]

    def pip(self, *arguments: str) -> str:
        return pip(*arguments, python=self.python)

    def packages(self) -> set[str]:
        """The names of what is installed."""
        return {line.partition("==")[0] for line in self.pip("list", "--format=freeze").split()}

    def download(self, *requirements: str) -> Path:
        """The packages of a registry, or of pip's cache; skips the test if none answers."""
        wheels = self.folder.with_name("wheels")
        command = [str(self.python), "-m", "pip", "download", "-q", "-d", str(wheels)]
        done = subprocess.run(
            [*command, *requirements], capture_output=True, text=True, check=False
        )
        if done.returncode:
            pytest.skip(f"no registry answers: {done.stderr.strip().splitlines()[-1]}")
        return wheels

    def porteye(self, *words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
        """Run the installed command to its end, from this folder."""
        return subprocess.run(
            [*self.words(), self.folder / "bin" / "porteye", *words],
            cwd=cwd,
            env=environment(**self.variables),
            capture_output=True,
            text=True,
            check=False,
        )
