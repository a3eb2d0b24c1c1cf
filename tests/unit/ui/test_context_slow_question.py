"""A question that takes too long has a sentence on the page."""

import pytest
from streamlit.testing.v1 import AppTest

from porteye_core.store.file import authorizer
from tests.kit import configuration
from tests.kit.seeding import Instant, grow
from tests.kit.service import PROJECT


def test_the_page_says_that_it_gave_up_and_what_to_do(
    seeded: Instant, monkeypatch: pytest.MonkeyPatch
) -> None:
    grow(seeded.db, 20_000)
    monkeypatch.setenv("PORTEYE_DB", str(seeded.db))
    configuration.forget()
    monkeypatch.setattr(authorizer, "MAX_QUERY_TIME", -1.0)
    page = AppTest.from_file(str(PROJECT / "streamlit_app.py"), default_timeout=120)
    page.query_params["process"] = "python"
    page.query_params["protocol"] = "udp"
    page.query_params["range"] = "all"
    page.run()
    page.switch_page("porteye_core/ui/views/history.py").run()
    assert not page.exception
    said = " ".join(each.value for each in page.warning).replace("\\", "")
    assert "took longer than 5 s and was given up" in said
    assert "Narrow it" in said
