"""Streamlit's own login in front of the page."""

import pytest
from streamlit.testing.v1 import AppTest

from tests.kit.seeding import Instant

PAGE = """
import os
from porteye_core import config, ui
ui.main(config.load({}, os.environ), login=True)
"""


@pytest.fixture
def app(seeded: Instant, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    monkeypatch.setenv("PORTEYE_DB", str(seeded.db))
    return AppTest.from_string(PAGE, default_timeout=30)


def test_who_has_not_logged_in_sees_a_button_and_no_data(app: AppTest) -> None:
    app.user = {"is_logged_in": False}
    app.run()
    assert not app.exception
    assert [each.label for each in app.button] == ["Log in"]
    assert not app.dataframe
    assert not app.sidebar


def test_who_has_sees_the_page_and_may_leave(app: AppTest) -> None:
    app.user = {"is_logged_in": True}
    app.run()
    assert not app.exception
    assert app.dataframe
    assert "Log out" in [each.label for each in app.sidebar.button]
