"""The pages, in the order of the navigation, and links from one to another."""

from pathlib import Path

import streamlit as st
from streamlit.navigation.page import StreamlitPage

from porteye_core.ui import cursor_url, url_state

_VIEWS = Path(__file__).parent / "views"
_PAGES = {
    "now": ("Now", ":material/sensors:"),
    "listener": ("Listener", ":material/article_person:"),
    "timeline": ("Timeline", ":material/view_timeline:"),
    "history": ("History", ":material/history:"),
    "alerts": ("Alerts", ":material/notifications:"),
    "monitor": ("Monitor", ":material/monitor_heart:"),
}
_NOT_IN_BAR = {"listener"}  # it opens from a row
_RANGE = {"range", "since", "until"}


def pages() -> list[StreamlitPage]:
    """Every page; the first one is what the bare address shows."""
    return [*(page(name) for name in _PAGES), _old_address()]


def page(name: str) -> StreamlitPage:
    """The page of this name, which is its path in the address."""
    title, icon = _PAGES[name]
    first = name == next(iter(_PAGES))
    return st.Page(_VIEWS / f"{name}.py", title=title, icon=icon, default=first)


def _old_address() -> StreamlitPage:
    """The address of the time machine, which is now the cursor of the Timeline."""
    view, (title, icon) = _VIEWS / "timeline.py", _PAGES["timeline"]
    return st.Page(view, title=title, icon=icon, url_path="time_machine", visibility="hidden")


def bar() -> None:
    """Links to the views; each keeps the filters, and the Timeline its moments."""
    with st.container(horizontal=True, key="views"):
        for name in _PAGES:
            if name in _NOT_IN_BAR:
                continue
            moments = cursor_url.parameters() if name == "timeline" else {}
            st.page_link(page(name), query_params={**url_state.filters(), **moments})


def story_link(listener: int, label: str) -> None:
    """A link to a listener's story."""
    st.page_link(
        page("listener"),
        label=label,
        icon=":material/article_person:",
        query_params={"listener": str(listener), **url_state.filters()},
    )


def view_link(name: str, label: str, **parameters: str) -> None:
    """A link to a view with the filters of now and these parameters; an empty one clears its
    filter."""
    st.page_link(page(name), label=label, query_params=parameters_of(**parameters))


def parameters_of(**parameters: str) -> dict[str, str]:
    """The URL's parameters for a link with these; a time range replaces the one of now."""
    kept = url_state.filters()
    if parameters.keys() & _RANGE:
        kept = {each: value for each, value in kept.items() if each not in _RANGE}
    return {**kept, **parameters}
