"""Places: the database lies beside the program in a checkout, else where the system keeps state."""

from pathlib import Path

import pytest

from porteye_core import config, places
from porteye_core.errors import ConfigError
from porteye_core.places import state_folder
from tests.kit.service import PROJECT

HOME = Path("/home/ann")
STATE = HOME / ".local" / "state" / "porteye"


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(HOME))


@pytest.mark.parametrize(
    ("platform", "is_root", "environ", "folder"),
    [
        ("linux", True, {"XDG_STATE_HOME": "/elsewhere"}, Path("/var/lib/porteye")),
        ("darwin", True, {}, Path("/var/lib/porteye")),
        ("linux", False, {}, STATE),
        ("linux", False, {"XDG_STATE_HOME": ""}, STATE),
        ("linux", False, {"XDG_STATE_HOME": "relative/state"}, STATE),
        ("linux", False, {"XDG_STATE_HOME": "/a b/state"}, Path("/a b/state/porteye")),
        ("freebsd14", False, {}, STATE),
        ("darwin", False, {}, HOME / "Library" / "Application Support" / "PortEye"),
        ("win32", False, {"LOCALAPPDATA": "/C/Local"}, Path("/C/Local/PortEye")),
        ("win32", True, {}, HOME / "AppData" / "Local" / "PortEye"),
    ],
)
def test_an_installed_program_keeps_its_database_where_the_system_keeps_state(
    platform: str, environ: dict[str, str], folder: Path, *, is_root: bool
) -> None:
    assert state_folder(environ, platform, is_root=is_root) == folder
    assert places.is_own_folder(folder)


def test_a_checkout_keeps_its_database_beside_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    assert places.database() == PROJECT / "porteye.db"
    assert config.load({}, {}).db == config.Config().db == PROJECT / "porteye.db"
    monkeypatch.setattr(places, "IS_CHECKOUT", False)
    default = state_folder({"XDG_STATE_HOME": "/x"}) / "porteye.db"
    assert config.load({}, {"XDG_STATE_HOME": "/x"}).db == default
    named = {"XDG_STATE_HOME": "/x", "PORTEYE_DB": "/y.db"}
    assert config.load({}, named).db == Path("/y.db")


def test_a_user_without_a_home_is_told_to_name_the_database(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def homeless() -> Path:
        raise RuntimeError

    monkeypatch.setattr(places, "IS_CHECKOUT", False)
    monkeypatch.setattr(Path, "home", homeless)
    monkeypatch.setattr("os.geteuid", lambda: 12345)
    with pytest.raises(ConfigError, match="no home") as refused:
        config.load({}, {})
    assert "--db or PORTEYE_DB" in refused.value.hint
    assert config.load({"db": "/y.db"}, {}).db == Path("/y.db")
