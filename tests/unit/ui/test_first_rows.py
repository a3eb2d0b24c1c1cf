"""The first rows of a table as HTML: what the columns say, and no markup of a name."""

import re

import pandas as pd
from streamlit import column_config as forms

from porteye_core.ui.first_rows import first_rows

COLUMNS = {
    "port": forms.NumberColumn("Port", format="%d", width=54),
    "program": forms.TextColumn("Program", width=148),
    "exposure": forms.MultiselectColumn(
        "Reachable from", options=["any", "local"], color=["#B34700", "#5B6875"], width=108
    ),
    "cpu": forms.NumberColumn("CPU", format="%.1f %%", width=50),
    "absent": forms.TextColumn("Absent", width=10),
}


def cells(html: str, tag: str = "td") -> list[str]:
    return re.findall(rf"<{tag}(?: [^>]*)?>(.*?)</{tag}>", html)


def drawn(count: int = 1, program: str = "node · shop") -> str:
    row = {"port": 3000, "program": program, "exposure": ["any"], "cpu": 12.34, "other": 1}
    table = pd.DataFrame([row] * count)
    return first_rows(table, COLUMNS, row=30, header=36)


def test_the_cells_have_the_forms_and_widths_of_the_columns() -> None:
    html = drawn()
    assert cells(html, "th") == ["Port", "Program", "Reachable from", "CPU"]
    chip = '<span style="background: #B34700">any</span>'
    assert cells(html) == ["3000", "node · shop", chip, "12.3 %"]
    assert "min-width: 148px" in html
    assert "--row: 30px; --header: 36px" in html


def test_a_name_is_text() -> None:
    html = drawn(program="<img src=x onerror=alert(1)>")
    assert "&lt;img src=x onerror=alert(1)&gt;" in cells(html)
    assert "<img" not in html


def test_what_is_unknown_is_empty() -> None:
    table = pd.DataFrame([{"port": None, "program": None, "exposure": [], "cpu": float("nan")}])
    assert cells(first_rows(table, COLUMNS, row=30, header=36)) == ["", "", "", ""]


def test_more_rows_than_a_screen_has_are_left_to_the_table() -> None:
    assert drawn(1000).count("<tr>") == 1 + 25
