"""Streamlit's own login in front of the page."""

import csv
import io

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.testclient import TestClient
from streamlit.testing.v1 import AppTest

from porteye_core.api import create_api
from porteye_core.config import Config
from porteye_core.guards.access import Access
from tests.kit.seeding import Instant
from tests.kit.service import PROJECT

ACCESS = Access(login=True)
PAGE = """
import os
from porteye_core import config, restarts, ui
from tests.unit.ui.test_pages_login import ACCESS
ui.main(config.load({}, os.environ), ACCESS, restarts.Restarts())
"""


@pytest.fixture
def app(seeded: Instant, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    monkeypatch.setenv("PORTEYE_DB", str(seeded.db))
    return AppTest.from_string(PAGE, default_timeout=120)


def test_who_has_not_logged_in_sees_a_button_and_no_data(app: AppTest) -> None:
    app.user = {"is_logged_in": False}
    app.run()
    assert not app.exception
    assert [each.label for each in app.button] == ["Log in"]
    assert not app.dataframe
    assert not app.get("link_button")
    assert not app.sidebar


def test_who_has_sees_the_page_and_may_leave(app: AppTest) -> None:
    app.user = {"is_logged_in": True}
    app.run()
    assert not app.exception
    assert app.dataframe
    assert "Log out" in [each.label for each in app.sidebar.button]


def test_who_has_logged_in_exports_the_history_and_nothing_else(
    app: AppTest, seeded: Instant
) -> None:
    app.user = {"is_logged_in": True}
    app.query_params["process"] = "python"
    app.run()
    app.switch_page(str(PROJECT / "porteye_core/ui/views/history.py")).run()
    as_csv, as_json = (each.proto.url for each in app.get("link_button"))
    api = create_api(Config(db=seeded.db), ACCESS)
    served = Starlette(routes=[Mount("/api", api)])
    with TestClient(served, base_url="http://localhost/") as client:
        lines = list(csv.DictReader(io.StringIO(client.get(as_csv).text)))
        assert [line["process"] for line in lines] == ["python3"] * 3
        assert [each["id"] for each in client.get(as_json).json()] == [
            int(line["id"]) for line in lines
        ]
        for address in (
            as_csv.replace("python", "nginx"),
            as_csv.replace("history.csv", "history"),
            as_csv.replace("history.csv", "ports"),
        ):
            refused = client.get(address)
            assert refused.status_code == 403
            assert refused.json()["error"]["code"] == "ticket_expired"
        assert client.get("/api/history.csv").status_code == 401
