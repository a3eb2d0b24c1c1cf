"""The page in Streamlit's own test runner, and what it shows."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import ButtonGroup

from tests.kit import configuration
from tests.kit.service import PROJECT

VIEWS = PROJECT / "porteye_core" / "ui" / "views"


def open_page(
    db: Path, monkeypatch: pytest.MonkeyPatch, said: Mapping[str, str] | None = None
) -> AppTest:
    monkeypatch.setenv("PORTEYE_DB", str(db))
    configuration.forget()
    page = AppTest.from_file(str(PROJECT / "streamlit_app.py"), default_timeout=120)
    for name, value in (said or {}).items():
        page.query_params[name] = value
    return page.run()


def address(page: AppTest) -> dict[str, str]:
    """Parameters of the URL: one value a name, which the test runner keeps bare or in a list."""
    return {
        name: value if isinstance(value, str) else value[-1]
        for name, value in page.query_params.items()
    }


def switch(page: AppTest, view: str) -> AppTest:
    return page.switch_page(str((VIEWS / f"{view}.py").relative_to(PROJECT))).run()


def table(page: AppTest) -> pd.DataFrame:
    assert not page.exception
    assert len(page.dataframe) == 1
    found: pd.DataFrame = page.dataframe[0].value
    return found


def metrics(page: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in page.metric}


def filters_of_now(page: AppTest) -> list[str]:
    """The filters above the table of Now, with their numbers."""
    (show,) = (each for each in page.get("button_group") if each.proto.label == "Show")
    return [option.content for option in show.proto.options]


def texts(page: AppTest) -> str:
    kinds = (page.info, page.warning, page.error, page.caption, page.markdown)
    return "\n".join(element.value for kind in kinds for element in kind)


def html(page: AppTest) -> str:
    return "\n".join(element.proto.body for element in page.get("html"))


def choose_range(page: AppTest, name: str) -> AppTest:
    """Press the pill of a time range, by its name in the URL."""
    (pills,) = (each for each in page.get("button_group") if each.proto.label == "Time range")
    assert isinstance(pills, ButtonGroup)
    found: AppTest = pills.set_value(name).run()
    return found
