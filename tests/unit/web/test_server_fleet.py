"""The dashboard of a fleet needs psycopg, which the dashboard of one machine does not."""

import pytest

from porteye_core.web import server
from tests.kit import configuration


def test_without_psycopg_the_process_ends_with_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(server, "find_spec", lambda _: None)
    configuration.forget()
    assert not server.config().fleet
    monkeypatch.setenv("PORTEYE_FLEET", "dbname=fleet")
    configuration.forget()
    with pytest.raises(SystemExit) as ended:
        server.config()
    assert ended.value.code == 2
    said = "PortEye: PORTEYE_FLEET needs psycopg, which is not installed."
    assert capsys.readouterr().err.startswith(said)
