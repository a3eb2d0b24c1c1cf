"""The page over many hosts in Streamlit's own test runner."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from tests.kit.page import open_page

_VIEWS = Path("porteye_core/ui/fleet/views")


def open_fleet_page(
    address: str,
    monkeypatch: pytest.MonkeyPatch,
    view: str = "hosts",
    said: Mapping[str, str] | None = None,
) -> AppTest:
    """A view of the fleet at this address, with these parameters of the URL."""
    monkeypatch.setenv("PORTEYE_FLEET", address)
    page = open_page(Path("/nowhere/porteye.db"), monkeypatch, said)
    return page.switch_page(str(_VIEWS / f"{view}.py")).run() if view != "hosts" else page
