"""The token, and the addresses that need one."""

import os
from pathlib import Path

import pytest

from porteye_core.errors import ConfigError
from porteye_core.guards import access
from porteye_core.guards.access import Access

TOKEN = "correct-horse-battery-staple"


def test_a_token_comes_from_a_variable_or_the_first_line_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(TOKEN + "\n")
    file.chmod(0o600)
    assert access.token({"PORTEYE_TOKEN": TOKEN}) == TOKEN
    assert access.token({"PORTEYE_TOKEN_FILE": str(file)}) == TOKEN
    assert access.token({"PORTEYE_TOKEN": "", "PORTEYE_TOKEN_FILE": ""}) == ""


@pytest.mark.parametrize(
    "text", ["short", "x" * 513, "has a blank in the middle", "ünïcödé-token-x"]
)
def test_a_token_that_is_none_is_refused_without_being_said(text: str) -> None:
    with pytest.raises(ConfigError) as refused:
        access.token({"PORTEYE_TOKEN": text})
    assert text not in str(refused.value)
    assert "secrets.token_urlsafe" in refused.value.hint


def test_a_file_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "absent", "a\0b"):
        with pytest.raises(ConfigError, match="cannot be read"):
            access.token({"PORTEYE_TOKEN_FILE": str(path)})


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX")
def test_a_file_that_everybody_may_read_is_no_secret(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(TOKEN)
    file.chmod(0o644)
    with pytest.raises(ConfigError, match="every user") as refused:
        access.token({"PORTEYE_TOKEN_FILE": str(file)})
    assert "chmod 600" in refused.value.hint
    file.chmod(0o640)  # a group is a choice that somebody made
    assert access.token({"PORTEYE_TOKEN_FILE": str(file)}) == TOKEN


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "::1", "localhost", "::ffff:127.0.0.1"])
def test_loopback_needs_nothing(host: str) -> None:
    access.check_bound(Access(), [host])


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "::", "192.0.2.1", "::ffff:192.0.2.1", "", "no.invalid"]
)
def test_any_other_address_needs_a_token_or_a_login(host: str) -> None:
    with pytest.raises(ConfigError, match="no token"):
        access.check_bound(Access(), ["127.0.0.1", host])
    access.check_bound(Access(TOKEN), [host])
    access.check_bound(Access(login=True), [host])


def test_who_may_stop_processes_needs_a_token_or_a_login() -> None:
    access.check_stops(Access(), stops=False)
    access.check_stops(Access(TOKEN), stops=True)
    access.check_stops(Access(login=True), stops=True)
    with pytest.raises(ConfigError, match="PORTEYE_STOP=on lets the page stop processes"):
        access.check_stops(Access(), stops=True)


def test_the_token_is_in_no_representation_and_no_cookie() -> None:
    found = Access(TOKEN)
    assert TOKEN not in repr(found) + "".join(found.cookie)
    assert found.is_token(TOKEN)
    for wrong in ("", TOKEN[:-1], TOKEN + "x", TOKEN.upper(), "é\udcff"):
        assert not found.is_token(wrong)
    name, value = found.cookie
    assert found.is_cookie({name: value})
    assert not found.is_cookie({name: value[:-1]})
    assert found.cookie != Access(TOKEN + "x").cookie


def test_without_a_token_nothing_is_one() -> None:
    assert not Access().is_token("")
    assert not Access().is_cookie(dict([Access().cookie]))
    assert not Access(login=True).is_token("")
