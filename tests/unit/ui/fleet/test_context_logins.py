"""A login that only reads sees every view over many hosts."""

import pytest

from tests.kit.fleet import Fleet
from tests.kit.fleet_page import open_fleet_page
from tests.kit.page import texts
from tests.kit.postgres import needs_postgres

pytestmark = needs_postgres

VIEWS = ("hosts", "now", "exposed", "first_seen", "history", "time_machine", "activity")


@pytest.fixture(scope="module")
def reader(fleet: Fleet) -> str:
    """The address with such a login."""
    fleet.ask("CREATE ROLE page_of_test LOGIN IN ROLE porteye_reader")
    return fleet.address.replace("user=porteye", "user=page_of_test")


@pytest.mark.parametrize("rows", ["", "hosts", "listeners"])
@pytest.mark.parametrize("view", VIEWS)
def test_every_view_is_shown(
    reader: str, monkeypatch: pytest.MonkeyPatch, view: str, rows: str
) -> None:
    said = {"range": "all", "rows": rows, "hosts": "*" if rows else ""}
    page = open_fleet_page(reader, monkeypatch, view, {n: v for n, v in said.items() if v})
    assert not page.exception
    assert not page.error
    assert page.dataframe
    assert "The fleet keeps what was since" in texts(page)


def test_an_agent_of_a_host_sees_nothing(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    fleet.ask("CREATE ROLE agent_of_test LOGIN IN ROLE porteye_agent")
    address = fleet.address.replace("user=porteye", "user=agent_of_test")
    page = open_fleet_page(address, monkeypatch, "now")
    (error,) = page.error
    assert "permission denied" in error.value
