"""The pages over many hosts, in the order of the navigation, and the ways to the page of one."""

from pathlib import Path

import streamlit as st
from streamlit.navigation.page import StreamlitPage

from porteye_core.ui import cursor_url, url_state
from porteye_core.ui.pages import page as page_of_one_host
from porteye_core.ui.pages import parameters_of

_VIEWS = Path(__file__).parent / "views"
_PAGES = {
    "hosts": ("Hosts", ":material/dns:"),
    "now": ("Now", ":material/sensors:"),
    "exposed": ("Exposed", ":material/public:"),
    "first_seen": ("First seen", ":material/fiber_new:"),
    "history": ("History", ":material/history:"),
    "time_machine": ("Time machine", ":material/schedule:"),
    "activity": ("Activity", ":material/bar_chart:"),
    "alerts": ("Alerts", ":material/notifications:"),
}
_OF_ANY = {"alerts"}  # the same file as on the page of a machine
TITLES = tuple(title for title, _ in _PAGES.values())


def pages() -> list[StreamlitPage]:
    """Every page; the first one is what the bare address shows."""
    return [page(name) for name in _PAGES]


def page(name: str) -> StreamlitPage:
    """The page of this name, which is its path in the address."""
    title, icon = _PAGES[name]
    first = name == next(iter(_PAGES))
    views = _VIEWS.parent.parent / "views" if name in _OF_ANY else _VIEWS
    return st.Page(views / f"{name}.py", title=title, icon=icon, default=first)


def bar() -> None:
    """Links to the views; each keeps the filters, and the time machine its moment."""
    with st.container(horizontal=True, key="views"):
        for name in _PAGES:
            moment = cursor_url.parameters() if name == "time_machine" else {}
            st.page_link(page(name), query_params={**url_state.filters(), **moment})


def view_link(name: str, label: str, **parameters: str) -> None:
    """A link to a view with the filters of now and these parameters; an empty one clears its
    filter."""
    st.page_link(page(name), label=label, query_params=parameters_of(**parameters))


def go(name: str, **parameters: str) -> None:
    """Go to a view with the filters of now and these parameters."""
    st.switch_page(page(name), query_params=parameters_of(**parameters))


def go_to_host(host: str, view: str = "now", **parameters: str) -> None:
    """Go to a view of the page of one host, with the filters of now and these parameters.

    Streamlit knows a page by its path: this host's views follow from `host` in the address.
    """
    to = page(view) if view in _PAGES else page_of_one_host(view)
    st.switch_page(to, query_params={"host": host, **parameters_of(**parameters)})
