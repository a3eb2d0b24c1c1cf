"""What is told of the row that was picked in a table of listeners."""

import streamlit as st

from porteye_core.store.reading import Reader, Status
from porteye_core.ui.context import viewers_zone
from porteye_core.ui.markdown import literal
from porteye_core.ui.pages import story_link
from porteye_core.ui.story import sentence


def tell(reader: Reader, number: int | None, current: Status, moment: int) -> None:
    """The sentence of this listener and the way to its whole story, or how to get them."""
    life = None if number is None else reader.listener(number)
    if life is None:
        st.caption("Pick a row to read its story.")
        return
    st.markdown(literal(sentence(life, moment, viewers_zone(), current.last_watched)))
    story_link(life.id)
