"""The page: sidebar to Filters, and the view that was chosen."""

from pathlib import Path

import streamlit as st

from porteye_core.config import Config
from porteye_core.ui import banner, complaints, layout, monitor_state, sidebar
from porteye_core.ui.context import View

_HERE = Path(__file__).parent
_ICON, _VIEWS = _HERE / "icon.svg", _HERE / "views"


def main(config: Config) -> None:
    """Draw the page of one session."""
    st.set_page_config(page_title="PortEye", page_icon=str(_ICON), layout="wide")
    page = st.navigation(
        [
            st.Page(_VIEWS / "now.py", title="Now", icon=":material/sensors:", default=True),
            st.Page(_VIEWS / "history.py", title="History", icon=":material/history:"),
            st.Page(_VIEWS / "timeline.py", title="Timeline", icon=":material/view_timeline:"),
            st.Page(_VIEWS / "monitor.py", title="Monitor", icon=":material/monitor_heart:"),
        ],
        position="top",
    )
    complaints.clear()
    with st.sidebar:
        st.header("PortEye", anchor=False)
        filters, length = sidebar.filters()
        st.divider()
        monitor_state.panel(config.db)
    layout.use_the_width()
    View(config.db, filters, length).keep()
    banner.draw(config.db)
    complaints.repeat()
    page.run()
