"""The page: sidebar to Filters, and the view that was chosen."""

from pathlib import Path

import streamlit as st

from porteye_core.access import Access
from porteye_core.config import Config
from porteye_core.restarts import Restarts
from porteye_core.ui import banner, complaints, layout, monitor_state, quick_answers, sidebar
from porteye_core.ui.context import View
from porteye_core.ui.login import logged_in
from porteye_core.ui.pages import bar, pages

_SIDEBAR = 240  # pixels: every one is missing beside the tables
_ICON = Path(__file__).parent / "icon.svg"


def main(config: Config, access: Access, restarts: Restarts) -> None:
    """Draw the page of one session; where a login is configured, for who has logged in."""
    st.set_page_config(
        page_title="PortEye",
        page_icon=str(_ICON),
        layout="wide",
        initial_sidebar_state="auto" if layout.is_phone() else _SIDEBAR,
    )
    if access.login and not logged_in():
        return
    page = st.navigation(pages(), position="hidden")
    complaints.clear()
    with st.sidebar:
        st.header("PortEye", anchor=False)
        quick_answers.button(config.db)
        filters, length = sidebar.filters()
        st.divider()
        monitor_state.panel(config.db, restarts)
    layout.use_the_width()
    View(config.db, filters, length, access).keep()
    bar()
    banner.draw(config.db, restarts)
    complaints.repeat()
    page.run()
