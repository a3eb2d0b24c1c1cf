"""The page over many hosts: sidebar to filters, and the view that was chosen."""

import streamlit as st

from porteye_core.config import Config
from porteye_core.guards.access import Access
from porteye_core.ui import filter_errors, layout, sidebar
from porteye_core.ui.context import View
from porteye_core.ui.fleet import pages
from porteye_core.ui.fleet.context import FleetView


def draw(config: Config, access: Access) -> None:
    """Draw the page of one session over all hosts of the fleet."""
    page = st.navigation(pages.pages(), position="hidden")
    layout.title(page.title, anew=True)
    filter_errors.clear()
    with st.sidebar:
        patterns = sidebar.hosts()
        filters, length = sidebar.filters()
    FleetView(config, filters, patterns, length, access).save()
    # The view Alerts is that of a machine, with a host for each row.
    View(
        config.db,
        filters,
        length,
        access,
        config.expected,
        alerts_db=config.alerts_file,
        of_fleet=True,
        hosts=patterns,
    ).save()
    pages.bar()
    filter_errors.repeat_in_main()
    page.run()
