"""PortEye's dashboard and JSON API: `streamlit run streamlit_app.py`."""

import streamlit as st

from porteye_core import ui
from porteye_core.web import server

# `streamlit run` finds the application only as a literal call at module level, and runs this file
# again for every session, in which alone there is a page to draw.
app = st.App(
    __file__,
    routes=server.routes(),
    middleware=server.middleware(),
    lifespan=server.lifespan,
)

if st.runtime.exists():
    ui.main(server.config(), server.access(), server.restarts())
