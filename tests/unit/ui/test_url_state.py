"""Links of the page: what they say becomes the filters, and a slow answer is not taken for one."""

import pytest
from streamlit.testing.v1 import AppTest

from porteye_core.ui import url_state
from porteye_core.ui.pages import parameters_of
from tests.kit.page import address, choose_range, open_page, switch, table
from tests.kit.seeding import Instant


@pytest.fixture
def page(seeded: Instant, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    return open_page(seeded.db, monkeypatch)


def follow(page: AppTest, **said: str) -> AppTest:
    """Arrive as a link leads: with its parameters in the address and the widgets as they were."""
    page.query_params.clear()
    for name, value in said.items():
        page.query_params[name] = value
    return page.run()


def test_a_link_sets_the_filters_that_it_names_and_leaves_the_others(page: AppTest) -> None:
    page.text_input(key="process").set_value("ng").run()
    follow(page, port="80")
    assert page.text_input(key="port").value == "80"
    assert page.text_input(key="process").value == "ng"
    assert list(table(page)["port"]) == [80]
    assert address(page) == {"port": "80", "process": "ng"}
    follow(page, port="5432", process="")
    assert list(table(page)["port"]) == [5432]
    assert address(page) == {"port": "5432"}


def test_an_address_from_before_the_last_answer_is_no_link(page: AppTest) -> None:
    page.text_input(key="port").set_value("80").run()
    page.query_params.clear()  # the browser has not heard of the answer
    page.text_input(key="process").set_value("nginx").run()
    assert address(page) == {"port": "80", "process": "nginx"}
    page.query_params.clear()
    page.query_params["port"] = "80"  # of the answer before the last one
    page.run()
    assert address(page) == {"port": "80", "process": "nginx"}


def test_a_link_replaces_a_time_range_as_a_whole(page: AppTest) -> None:
    choose_range(switch(page, "history"), "7d")
    bounds = {"since": "2026-01-01T00:00:00Z", "until": "2026-01-02T00:00:00Z"}
    follow(page, **bounds)
    assert address(page) == {"range": "custom", **bounds}
    later = {"since": "2026-01-05T00:00:00Z", "until": "2026-01-06T00:00:00Z"}
    follow(page, **later)
    assert address(page) == {"range": "custom", **later}
    follow(page, range="1h")
    assert address(page) == {"range": "1h"}


def test_a_link_to_a_moment_is_followed_and_no_other_link_forgets_it(page: AppTest) -> None:
    switch(page, "timeline")
    follow(page, at="2026-01-01T00:00:00Z")
    assert address(page)["at"] == "2026-01-01T00:00:00Z"
    follow(page, port="80")
    assert address(page) == {"port": "80", "at": "2026-01-01T00:00:00Z"}
    follow(page, at="2026-01-02T00:00:00Z", versus="2026-01-03T00:00:00Z")
    assert address(page)["versus"] == "2026-01-03T00:00:00Z"


def test_a_link_carries_the_filters_of_now_and_its_own_parameters(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said = {"port": "80", "range": "7d"}
    monkeypatch.setattr(url_state, "filters", lambda: said)
    assert parameters_of(listener="3") == {"port": "80", "range": "7d", "listener": "3"}
    assert parameters_of(since="a", until="b") == {"port": "80", "since": "a", "until": "b"}
    assert parameters_of(port="") == {"port": "", "range": "7d"}
