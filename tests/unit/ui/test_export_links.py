"""Links to the files of a view."""

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from streamlit.testing.v1 import AppTest

from porteye_core.guards.access import Access
from porteye_core.model import Filters
from porteye_core.ui import export_links
from porteye_core.ui.context import View

AT = 1_795_417_380_000_000
STAMP = "2026-11-23T07:03:00.000000+00:00"


SCRIPT = """
import streamlit as st
from porteye_core.ui import export_links

view, what, count, moments = st.session_state["asked"]
export_links.draw(view, what, view.filters, count, **moments)
"""


def links(what: str, filters: Filters, count: int, **moments: int) -> dict[str, str]:
    """The labels of the links that are drawn, with their addresses."""
    page = AppTest.from_string(SCRIPT)
    page.session_state["asked"] = View(Path("/nowhere"), filters), what, count, moments
    page.run()
    assert not page.exception
    return {link.proto.label: link.proto.url for link in page.get("link_button")}


def query(address: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}


def test_the_number_of_rows_is_said_before_the_press() -> None:
    assert list(links("history", Filters(), 51_601, newest=7)) == [
        "Download CSV (51,601 events)",
        "JSON",
    ]
    assert next(iter(links("now", Filters(), 1))) == "Download CSV (1 listener)"
    assert next(iter(links("changes", Filters(), 0, at=1, versus=2))) == "Download CSV (0 changes)"


def test_the_history_has_the_events_that_are_counted_and_no_newer_ones() -> None:
    shown = Filters(((80, 80),), process="a b", since=AT, until=AT, limit=5)
    for form, address in zip(
        ("csv", "json"), links("history", shown, 2, newest=7).values(), strict=True
    ):
        assert address.startswith(f"api/history.{form}?")
        said = query(address)
        assert said.pop("since") == said.pop("until") == "2026-11-23T07:03:00+00:00"
        assert said == {"port": "80", "process": "a b", "before": "8"}


@pytest.mark.parametrize(
    ("what", "file", "moments"),
    [
        ("now", "ports", {}),
        ("at", "moment", {"at": AT}),
        ("changes", "changes", {"at": AT, "versus": AT}),
    ],
)
def test_other_files_have_moments_and_no_range(
    what: str, file: str, moments: dict[str, int]
) -> None:
    shown = Filters(process="node", since=1, until=2)
    address = links(what, shown, 2, **moments)["JSON"]
    assert address.startswith(f"api/{file}.json?")
    assert query(address) == {"process": "node", **dict.fromkeys(moments, STAMP)}


def test_behind_a_login_an_address_has_a_ticket_for_its_file_alone() -> None:
    access = Access(login=True)
    path, _, said = export_links.address(access, "ports.csv", {"port": "1"}).partition("?")
    assert Path(path).name == "ports.csv"
    assert access.tickets.is_valid("ports.csv", said)
    assert not access.tickets.is_valid("history.csv", said)
