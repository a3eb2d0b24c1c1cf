"""One host's page after another's in the same session: nothing of the first is shown as the
second's."""

import pytest
from streamlit.testing.v1 import AppTest

from tests.kit.fleet import Fleet
from tests.kit.fleet_page import open_fleet_page
from tests.kit.page import switch, table, texts
from tests.kit.postgres import needs_postgres

pytestmark = needs_postgres


def opened(fleet: Fleet, monkeypatch: pytest.MonkeyPatch, view: str, host: str) -> AppTest:
    page = open_fleet_page(fleet.address, monkeypatch, said={"host": host, "range": "all"})
    return switch(page, view)


def turn_to(page: AppTest, host: str) -> AppTest:
    page.query_params["host"] = host
    return page.run()


@pytest.mark.parametrize("view", ["now", "history"])
def test_a_view_of_the_second_host_has_its_rows_alone(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch, view: str
) -> None:
    ((few,),) = fleet.ask("SELECT host_id FROM host WHERE name = 'beta'")
    fleet.ask("DELETE FROM event WHERE host_id = %s AND id > 20", few)
    alone = table(opened(fleet, monkeypatch, view, "alpha"))
    page = opened(fleet, monkeypatch, view, "beta")
    assert not table(page).equals(alone)
    assert table(turn_to(page, "alpha")).equals(alone)


def test_a_paused_view_of_the_second_host_is_that_of_the_second(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = table(opened(fleet, monkeypatch, "now", "alpha"))
    page = opened(fleet, monkeypatch, "now", "beta")
    page.button(key="pause").click().run()
    turn_to(page, "alpha")
    assert "Paused: this is what listened at" in texts(page)
    assert list(table(page)["port"]) == list(alone["port"])
