"""The pages, in the order of the navigation, and links from one to another."""

from pathlib import Path

import streamlit as st
from streamlit.navigation.page import StreamlitPage

from porteye_core.ui import cursor_url, layout, url_state
from porteye_core.ui.markdown import literal

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
_OF_THIS_MACHINE = {"alerts"}
_OF_HOST = "pages_of_host"  # in the session
_RANGE = {"range", "since", "until"}


def pages(*, of_host: bool = False) -> list[StreamlitPage]:
    """Every page; the first one is what the bare address shows. of_host: of a host of a fleet,
    where that is the page of all hosts."""
    st.session_state[_OF_HOST] = of_host
    if not of_host:
        return [*(page(name) for name in _PAGES), _old_address()]
    of_any = (page(name) for name in _PAGES if name not in _OF_THIS_MACHINE)
    return [all_hosts(), *of_any, _old_address()]


def page(name: str) -> StreamlitPage:
    """The page of this name, which is its path in the address."""
    title, icon = _PAGES[name]
    first = name == next(iter(_PAGES)) and not st.session_state.get(_OF_HOST)
    return st.Page(_VIEWS / f"{name}.py", title=title, icon=icon, default=first)


def all_hosts() -> StreamlitPage:
    """The way from a host to the fleet, whose own first page has the same path; an address of it
    that names a host means that host's Now."""

    def go_to_now() -> None:
        st.switch_page(page("now"), query_params=st.query_params.to_dict())

    icon = ":material/arrow_back:"
    return st.Page(go_to_now, title="All hosts", icon=icon, url_path="hosts", default=True)


def _old_address() -> StreamlitPage:
    """The address of the time machine, which is now the cursor of the Timeline."""
    view, (title, icon) = _VIEWS / "timeline.py", _PAGES["timeline"]
    return st.Page(view, title=title, icon=icon, url_path="time_machine", visibility="hidden")


def bar(host: str = "") -> None:
    """Links to the views; each keeps the filters, and the Timeline its moments. host: name of the
    host of a fleet that they are of."""
    left_out = _NOT_IN_BAR | _OF_THIS_MACHINE if host else _NOT_IN_BAR
    with st.container(horizontal=True, key="views"):
        if host:
            all_hosts_link()
            if not layout.is_phone():
                _name(host)
        for name in _PAGES:
            if name in left_out:
                continue
            moments = cursor_url.parameters() if name == "timeline" else {}
            st.page_link(page(name), query_params={**url_state.kept(), **moments})
    if host and layout.is_phone():
        _name(host)


def _name(host: str) -> None:
    with st.container(key="host_name", width="content"):
        st.markdown(f"**{literal(host)}**")


def all_hosts_link() -> None:
    """A link to the fleet, with the filters of now."""
    st.page_link(all_hosts(), query_params=url_state.filters())


def story_link(listener: int, label: str) -> None:
    """A link to a listener's story."""
    st.page_link(
        page("listener"),
        label=label,
        icon=":material/article_person:",
        query_params={"listener": str(listener), **url_state.kept()},
    )


def view_link(name: str, label: str, **parameters: str) -> None:
    """A link to a view with the filters of now and these parameters; an empty one clears its
    filter."""
    st.page_link(page(name), label=label, query_params=parameters_of(**parameters))


def parameters_of(**parameters: str) -> dict[str, str]:
    """The URL's parameters for a link with these; a time range replaces the one of now."""
    kept = url_state.kept()
    if parameters.keys() & _RANGE:
        kept = {each: value for each, value in kept.items() if each not in _RANGE}
    return {**kept, **parameters}
