"""The wheel in a virtual environment of its own, in both sizes: from installation to removal."""

import json
import sqlite3
import sys
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from porteye_core.command.arguments import commands
from tests.kit.app import dashboard
from tests.kit.installed import Built, build, copy_checkout, needs_hatchling
from tests.kit.service import rows
from tests.kit.virtual_environment import VirtualEnvironment
from tests.kit.waiting import until

pytestmark = [
    pytest.mark.long,
    needs_hatchling,
    pytest.mark.skipif(sys.platform == "win32", reason="the paths are those of POSIX"),
]

# Words with which a command ends, and its exit status in an installation without the page.
ENDING: Mapping[str, tuple[tuple[str, ...], int]] = {
    "monitor": (("--once", "--source", "portable"), 0),
    "backup": (("copy.db",), 0),
    "who": (("1/udp",), 1),
    "now": ((), 0),
    "history": ((), 0),
    "health": ((), 1),
    "diff": (("yesterday",), 3),  # nobody watched yesterday
    "export": (("--csv", "events.csv"), 0),
    "metrics": ((), 0),
    "completion": (("bash",), 0),
    "service": (("install", "--print"), 0),
    "dashboard": ((), 2),
    "mcp": ((), 2),
}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    folder = tmp_path_factory.mktemp("built")
    copy_checkout(folder / "clone")
    return build(folder / "clone", folder / "dist")


def recorded(db: Path) -> int:
    """The number of watches in a database that is whole."""
    with closing(sqlite3.connect(db)) as stored:
        assert stored.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        ((count,),) = stored.execute("SELECT count(*) FROM watch")
        return int(count)


def test_the_light_one_needs_psutil_alone_and_leaves_the_database_behind(
    built: Built, tmp_path: Path
) -> None:
    """No package can be got but those that are named here."""
    venv, elsewhere = VirtualEnvironment.of(tmp_path), tmp_path / "else where"
    elsewhere.mkdir()
    before = venv.packages()
    wheels = venv.download("psutil~=7.2")
    venv.pip("install", "--no-index", "--find-links", str(wheels), str(built.wheel))
    assert venv.packages() - before == {"porteye", "psutil"}

    others = dict.fromkeys(sorted({*commands()} - {*ENDING}), (("--help",), 0))
    for name, (words, status) in {**ENDING, **others}.items():
        run = venv.porteye(name, *words, cwd=elsewhere)
        assert run.returncode == status, (name, run.stderr)
        assert "Traceback" not in run.stderr
    refused = venv.porteye("dashboard", cwd=elsewhere).stderr
    assert "needs streamlit, pandas, plotly, fastapi too" in refused
    assert "-m pip install 'porteye[page]==" in refused
    assert {each.name for each in elsewhere.iterdir()} == {"copy.db", "events.csv"}

    venv.pip("uninstall", "-y", "porteye")
    assert not [*venv.folder.rglob("porteye*")]
    assert venv.database.parent.stat().st_mode & 0o777 == 0o700
    assert recorded(venv.database) == 1


def test_with_the_page_the_dashboard_watches_and_leaves_the_database_behind(
    built: Built, tmp_path: Path
) -> None:
    """The packages of the page are those of the tests' environment: nothing is got from anywhere,
    and pip finds every requirement of the extra satisfied."""
    venv = VirtualEnvironment.of(tmp_path, with_ours=True)
    venv.pip("install", "--no-index", f"porteye[page] @ {built.wheel.as_uri()}")
    venv.pip("check")

    command = (str(venv.folder / "bin" / "porteye"), "dashboard")
    python = (*venv.words(), str(venv.python))
    with dashboard(None, tmp_path, command, python, **venv.variables) as app:
        until(lambda: rows(venv.database, "SELECT 1 FROM watch"), "its monitor watches")
        until(lambda: app.json("/api/health")["status"] == "watching", "the API says so")
        assert app.get("/")[0] == 200
        port = int(app.url.rpartition(":")[2])
        listening = psutil.Process(app.process.pid).net_connections("inet")
        at = {each.laddr.ip for each in listening if each.laddr.port == port}
        assert at == {"127.0.0.1"}
        health = venv.porteye("health", "--json", cwd=tmp_path)
        assert json.loads(health.stdout)["status"] == "watching", health.stderr
        found = venv.porteye("who", str(port), cwd=tmp_path)
        assert found.returncode == 0
        assert "streamlit" in found.stdout

    venv.pip("uninstall", "-y", "porteye")
    assert not [*venv.folder.rglob("porteye*")]
    assert recorded(venv.database) >= 1
