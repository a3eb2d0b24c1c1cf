"""The host that an address names: one that there is not, and a server that is away, are said."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from tests.kit import configuration
from tests.kit.fleet import Fleet, fleet
from tests.kit.page import open_page, texts
from tests.kit.postgres import needs_postgres

pytestmark = needs_postgres


@pytest.fixture(scope="module")
def running() -> Iterator[Fleet]:
    with fleet() as made:
        yield made


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    yield
    configuration.forget()


def page_of(server: str, monkeypatch: pytest.MonkeyPatch, host: str) -> AppTest:
    monkeypatch.setenv("PORTEYE_FLEET", server)
    page = open_page(Path("/nowhere/porteye.db"), monkeypatch, {"host": host})
    assert not page.exception
    return page


@pytest.mark.parametrize("name", ["nobody", "**bold** [x](http://x)", "", "x" * 3000])
def test_a_host_that_there_is_not_is_said(
    running: Fleet, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    page = page_of(running.address, monkeypatch, name)
    (said,) = page.warning
    assert said.value.startswith("No host “")
    assert "[x](http" not in said.value
    assert [link.proto.label for link in page.get("page_link")] == ["All hosts"]


def test_a_server_that_is_away_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    page = page_of("host=/nowhere dbname=none", monkeypatch, "web1")
    assert "**The fleet cannot be shown.** The fleet's server cannot be asked" in texts(page)
