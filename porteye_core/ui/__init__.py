"""The page: sidebar to Filters, and the view that was chosen."""

from pathlib import Path

import streamlit as st
from streamlit.navigation.page import StreamlitPage

from porteye_core import __version__
from porteye_core.config import Config
from porteye_core.guards.access import Access
from porteye_core.places import IS_CHECKOUT, TOP
from porteye_core.restarts import Restarts
from porteye_core.store.database import Database
from porteye_core.ui import (
    banner,
    filter_errors,
    host_choice,
    layout,
    listener_drawer,
    lookup_dialog,
    monitor_panel,
    sidebar,
    stop_dialog,
)
from porteye_core.ui.context import View
from porteye_core.ui.markdown import code
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
        menu_items={"Get help": None, "Report a bug": None, "About": _about()},
    )
    st.logo(str(_ICON), size="large")
    if access.login and not _logged_in():
        return
    if config.fleet and "host" not in st.query_params:
        from porteye_core.ui import fleet  # noqa: PLC0415 - needs psycopg, as nothing else does

        fleet.draw(config, access)
        return
    page = st.navigation(pages(of_host=bool(config.fleet)), position="hidden")
    if not config.fleet:
        _draw(config, access, restarts, page, config.db)
    elif not page.url_path:  # a host's first page is not the fleet's
        page.run()
    elif (host := host_choice.chosen(config.fleet)) is not None:
        _draw(config, access, restarts, page, host)


def _draw(
    config: Config, access: Access, restarts: Restarts, page: StreamlitPage, db: Database
) -> None:
    """Draw a page of this machine, or of a host of the fleet: it has what makes sense from here."""
    name = "" if isinstance(db, Path) else db.name
    layout.title(page.title, anew=True, host=name)
    filter_errors.clear()
    with st.sidebar:
        lookup_dialog.button(db)
        filters, length = sidebar.filters()
        View(
            db,
            filters,
            length,
            access,
            config.expected,
            alerts_db=config.alerts_file,
            stops=config.stops and not name,
            own_db=config.db,
        ).save()
        st.divider()
        monitor_panel.panel(db, restarts)
    bar(name)
    if not stop_dialog.draw(config.db) and page.url_path != "listener":
        listener_drawer.draw(db)
    banner.draw(db, restarts)
    filter_errors.repeat_in_main()
    page.run()


def _about() -> str:
    """The version, and where help is."""
    where = "`porteye --help` in a terminal"
    if IS_CHECKOUT:
        where = f"`README.md` and the folder `docs` in {code(str(TOP))}"
    return f"""**PortEye {__version__}** shows what listens on this machine, now and before.

Help: {where}, and the [description of the API](api/docs).

Ctrl+K finds a port, a program or a pid from any view."""


def _logged_in() -> bool:
    """Draw the button of Streamlit's own login or logout; True if the viewer has logged in."""
    if not st.user.is_logged_in:
        with st.container(key="login"):
            st.title("PortEye", anchor=False)
            st.text("Log in to see what listens on this machine.")
            st.button("Log in", on_click=st.login, type="primary")
        return False
    st.sidebar.button("Log out", on_click=st.logout, icon=":material/logout:")
    return True
