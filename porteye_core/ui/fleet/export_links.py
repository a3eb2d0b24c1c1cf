"""Links that bring the rows of many hosts as a file, of any size, by one press."""

from collections.abc import Mapping

import streamlit as st

from porteye_core.filters import parameters
from porteye_core.model import Filters
from porteye_core.store.reading import Form
from porteye_core.ui.export_links import address
from porteye_core.ui.fleet.context import FleetView

_UTC = "Times in the file are in UTC (ISO 8601)."


def draw_links(view: FleetView, file: str, filters: Filters, **more: str) -> None:
    """Draw a link for each format of a file of the API; more: its parameters beside the filters."""
    which = {**parameters(filters), **_hosts(view), **more}
    with st.container(
        horizontal=True, vertical_alignment="center", width="content", key=f"export_{file}"
    ):
        for form, label, help_ in (
            (Form.CSV, "Download CSV", f"Every event of the filters. {_UTC}"),
            (Form.JSON, "JSON", f"The same as JSON. {_UTC}"),
        ):
            st.link_button(
                label,
                address(view.access, f"{file}.{form}", which),
                icon=":material/download:",
                help=help_,
                key=f"export_{file}_{form}",
            )


def _hosts(view: FleetView) -> Mapping[str, str]:
    """The parameter that names hosts; a single name with a comma, for without it the API answers
    as for one host alone."""
    if not view.patterns:
        return {}
    text = ",".join(view.patterns)
    return {"host": text if len(view.patterns) > 1 else f"{text},"}
