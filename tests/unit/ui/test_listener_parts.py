"""Facts of drawer and story about a container, and about the other end of its published port."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from tests.kit.page import open_page, texts
from tests.kit.published import CONTAINER_END, HOST_END, watch_of_a_published_port


@pytest.fixture
def drawer(db: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int], AppTest]]:
    def opened(listener: int) -> AppTest:
        page = open_page(db, monkeypatch, {"listener": str(listener)})
        assert not page.exception
        return page

    with watch_of_a_published_port(db):
        yield opened


def plain(page: AppTest) -> str:
    """The texts of a page, without what keeps names from being markup."""
    return texts(page).replace("\\", "").replace("\u2060", "")


def test_a_container_is_told_by_its_names(drawer: Callable[[int], AppTest]) -> None:
    page = drawer(CONTAINER_END)
    assert "pid 300, www, container shop-web-1." in plain(page)
    for fact in (
        "**Container** shop-web-1 (docker:0123456789ab)",
        "**Image** nginx:1.27",
        "**Compose** shop / web",
    ):
        assert fact in plain(page)
    assert "docker stop shop-web-1" in [each.value for each in page.code]


def test_the_container_s_end_names_the_host_s(drawer: Callable[[int], AppTest]) -> None:
    assert "**Published on** **0.0.0.0:8080** (any network) by docker-proxy." in plain(
        drawer(CONTAINER_END)
    )


def test_the_host_s_end_names_the_container_s_and_stops_with_it(
    drawer: Callable[[int], AppTest],
) -> None:
    page = drawer(HOST_END)
    told = "**Leads to** nginx in container shop-web-1, which listens on 0.0.0.0:80."
    assert told in plain(page)
    assert "docker stop shop-web-1" in [each.value for each in page.code]


def test_both_ends_are_one_row_of_now_that_has_the_container_s_name(
    drawer: Callable[[int], AppTest],
) -> None:
    (table,) = drawer(0).dataframe
    rows = table.value[["port", "program", "home"]].to_dict("records")
    assert rows == [{"port": 8080, "program": "nginx", "home": "shop-web-1"}]


def test_a_filter_of_the_host_s_port_shows_the_container_s_program(
    db: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with watch_of_a_published_port(db):
        (table,) = open_page(db, monkeypatch, {"port": "8080"}).dataframe
    rows = table.value[["port", "program", "home"]].to_dict("records")
    assert rows == [{"port": 8080, "program": "nginx", "home": "shop-web-1"}]
