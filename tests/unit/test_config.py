"""Flags over environment over default."""

import os
import sys
from pathlib import Path

import pytest

from porteye_core import config, places
from porteye_core.errors import ConfigError


def test_a_flag_goes_before_a_variable_and_that_before_the_default(tmp_path: Path) -> None:
    environ = {"PORTEYE_INTERVAL": "5", "PORTEYE_DB": str(tmp_path / "a.db")}
    both = config.load({"interval": "3"}, environ)
    assert both.interval == 3
    assert both.db == tmp_path / "a.db"
    assert config.load({}, {}).interval is None  # the source knows best


def test_the_default_database_stands_beside_the_application(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    default = config.load({}, {}).db
    assert default.name == "porteye.db"
    assert (default.parent / "streamlit_app.py").exists()


def test_samples_are_never_asked_for_more_often_than_scans() -> None:
    assert config.load({"interval": "60"}, {}).sample_interval == 60


@pytest.mark.parametrize(
    ("flags", "environ", "named"),
    [
        ({"interval": "fast"}, {}, "--interval fast"),
        ({"interval": "0"}, {}, "--interval 0"),
        ({"interval": "nan"}, {}, "--interval nan"),
        ({"sample_interval": "-1"}, {}, "--sample-interval -1"),
        ({"source": "ebpf"}, {}, "--source ebpf"),
        ({"log_level": "loud"}, {}, "--log-level loud"),
        ({"db": "/"}, {}, "--db /"),
        ({}, {"PORTEYE_INTERVAL": "1e9"}, "PORTEYE_INTERVAL 1e9"),
        ({}, {"PORTEYE_SOURCE": "x"}, "PORTEYE_SOURCE x"),
        ({}, {"PORTEYE_MONITOR": "maybe"}, "PORTEYE_MONITOR maybe"),
        ({}, {"PORTEYE_STOP": "yes"}, "PORTEYE_STOP yes"),
        ({}, {"PORTEYE_CORS_ORIGIN": "*"}, "PORTEYE_CORS_ORIGIN *"),
        ({}, {"PORTEYE_DB": "a\0b"}, "PORTEYE_DB"),
        ({}, {"PORTEYE_ALLOWED_HOSTS": "https://a.example"}, "PORTEYE_ALLOWED_HOSTS https://"),
        ({}, {"PORTEYE_ALLOWED_HOSTS": "a.example, b.example:80"}, "PORTEYE_ALLOWED_HOSTS b."),
        ({}, {"PORTEYE_ALLOWED_HOSTS": "*.example"}, "PORTEYE_ALLOWED_HOSTS *.example"),
        ({}, {"PORTEYE_ALLOWED_HOSTS": "pörts.example"}, "PORTEYE_ALLOWED_HOSTS pörts"),
    ],
)
def test_a_wrong_value_is_refused_with_its_name_and_what_to_give(
    flags: dict[str, object], environ: dict[str, str], named: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        config.load(flags, environ)
    assert refused.value.message.startswith(named)
    assert refused.value.hint


def test_allowed_hosts_are_kept_as_a_host_header_has_them() -> None:
    given = "Ports.Example.Org, ports.example. ,192.0.2.1,[2001:DB8::1],fd00::2,,"
    found = config.load({}, {"PORTEYE_ALLOWED_HOSTS": given}).allowed_hosts
    names = ("ports.example.org", "ports.example", "192.0.2.1")
    assert found == (*names, "2001:db8::1", "fd00::2")


def test_the_page_stops_nothing_unless_it_is_told_to() -> None:
    assert not config.load({}, {}).stops
    assert not config.load({}, {"PORTEYE_STOP": "off"}).stops
    assert config.load({}, {"PORTEYE_STOP": "ON"}).stops


def test_an_empty_variable_counts_as_not_set() -> None:
    assert config.load({}, {"PORTEYE_DB": "", "PORTEYE_MONITOR": ""}) == config.Config()


def test_the_command_for_a_monitor_is_that_of_this_interpreter_and_database(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(places, "TOP", tmp_path)
    monkeypatch.setattr(sys, "executable", str(tmp_path / ".venv" / "bin" / "python"))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.chdir(tmp_path)  # whoever reads it may be in another folder
    started = f"{tmp_path}/.venv/bin/python {tmp_path}/monitor_service.py"
    assert config.monitor_command(config.Config().db) == started
    assert config.monitor_command(tmp_path / "other.db") == f"{started} --db {tmp_path}/other.db"


def test_the_command_of_an_installed_program_names_the_database_that_root_would_not_find(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(places, "IS_CHECKOUT", False)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    module, db = f"{tmp_path}/python -P -m porteye_core.command monitor", config.Config().db
    assert config.monitor_command(db) == module  # there is no sudo
    (tmp_path / "sudo").touch(0o755)
    assert config.monitor_command(db) == f"sudo {module} --db {tmp_path}/porteye/porteye.db"
    (tmp_path / "porteye").touch(0o755)
    assert config.monitor_command(db).startswith(f"sudo {tmp_path}/porteye monitor --db ")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    db = Path("/var/lib/porteye/porteye.db")
    assert config.monitor_command(db) == f"{tmp_path}/porteye monitor"


def test_the_command_asks_for_rights_where_they_are_missing_and_sudo_is_there(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    sudo = tmp_path / "sudo"
    sudo.touch(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert config.monitor_command(config.Config().db).startswith(f"sudo {sys.executable} ")
    sudo.unlink()
    assert config.monitor_command(config.Config().db).startswith(sys.executable)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    sudo.touch(0o755)
    assert config.monitor_command(config.Config().db).startswith(sys.executable)


def test_alerts_have_their_settings_and_their_database_from_flag_or_variable() -> None:
    variables = {"PORTEYE_ALERTS": "/a.toml", "PORTEYE_ALERTS_DB": "/a.db"}
    named = config.load({}, variables)
    assert (named.alerts, named.alerts_db) == (Path("/a.toml"), Path("/a.db"))
    assert named.start_alerts
    assert config.load({"alerts": "/b.toml"}, variables).alerts == Path("/b.toml")


def test_the_address_of_a_fleet_is_a_line_and_is_kept_out_of_the_representation() -> None:
    named = config.load({}, {"PORTEYE_FLEET": " postgresql://reader:secret@db/fleet\n"})
    assert named.fleet == "postgresql://reader:secret@db/fleet"
    assert "secret" not in repr(named)
    with pytest.raises(ConfigError, match="PORTEYE_FLEET has a control character"):
        config.load({}, {"PORTEYE_FLEET": "dbname=fleet\nhost=db"})


def test_off_starts_no_alerts_process_and_names_no_file() -> None:
    off = config.load({}, {"PORTEYE_ALERTS": "off"})
    assert not off.start_alerts
    assert off.alerts is None
