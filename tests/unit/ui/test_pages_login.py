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
from porteye_core.store.alerts import beside, notes, open_to_read
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


def test_an_accept_has_the_name_of_its_login(app: AppTest, seeded: Instant) -> None:
    seeded.db.with_name("expected.toml").write_text("[[expected]]\nport = 1\n")
    app.user = {"is_logged_in": True, "email": "ada@example.org"}
    app.query_params["listener"] = "1"
    app.run()
    next(each for each in app.button if each.label == "Accept").click().run()
    with open_to_read(beside(seeded.db)) as connection:
        assert [each.author for each in notes(connection)] == ["ada@example.org"]


def test_nothing_is_written_for_who_has_not_logged_in() -> None:
    app = AppTest.from_string("""
import streamlit as st
from pathlib import Path
from porteye_core.guards.access import Access
from porteye_core.model import Filters
from porteye_core.ui import notebook
from porteye_core.ui.context import View
view = View(Path("/nowhere/porteye.db"), Filters(), access=Access(login=True))
st.text(notebook.write(view, lambda to, who: st.text("written")))
""")
    app.user = {"is_logged_in": False}
    app.run()
    assert [each.value for each in app.text] == ["Nobody has logged in. Log in, and try again."]
