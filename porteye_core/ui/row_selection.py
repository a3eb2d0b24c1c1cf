"""Tables of listeners in which a click on a row, or an arrow key, selects its listener.

The browser reports the place of a cell, and rows come, go and move while the report is on its way.
A hidden field tells with each report which draw of the table the browser had, so that a place is
read in that draw alone.

One cell always has the frame of the keyboard, without which a table that gets the focus would
select its first cell by itself. The frame stays on its listener, beside the cell that was selected
last: the browser reports a cell only if the frame was not there already.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st
from pandas.io.formats.style import Styler
from streamlit.elements.arrow import DataframeStateInput

# The browser waits 150 ms before it reports a cell, and takes the place from the rows that it has
# then. Rows that came after a click would stand in for those that were clicked.
SETTLED = 0.4  # seconds
_KEPT = 16  # draws
_SCRIPT = Path(__file__).with_suffix(".js")

Cell = tuple[int, str]  # place of the row and name of the column


@dataclass(frozen=True, slots=True)
class _Draw:
    """A table as it was sent: the listeners of its rows, and the cell with the frame."""

    ids: tuple[int, ...]
    framed: Cell | None
    at: float  # when these rows were sent first


@dataclass(slots=True)
class Selection:
    """The draws of one table by their numbers, and the listener that is selected in them.

    framed: the listener and the column of the frame; place: where its row was last; refused: the
    last report came too soon after new rows. Times are seconds of a clock that never steps.
    """

    number: int = 0
    draws: dict[int, _Draw] = field(default_factory=dict)
    oldest: int = 1  # the first draw of which a report is still believed
    framed: tuple[int, str] | None = None
    place: int = 0
    new: int | None = None
    refused: bool = False

    def draw(self, ids: Sequence[int], columns: Sequence[str], now: float) -> Cell | None:
        """Note the rows that are about to be sent, and return the cell that gets the frame."""
        rows = tuple(ids)
        framed = self._frame(rows, columns)
        latest = self.draws.get(self.number)
        at = latest.at if latest is not None and latest.ids == rows else now
        new = _Draw(rows, framed, at)
        if new != latest or self.number < self.oldest:
            self.number += 1
            self.draws[self.number] = new
            self.draws.pop(self.number - _KEPT, None)
        return framed

    def report(self, number: int, cell: Cell, columns: Sequence[str], now: float) -> None:
        """Note a cell that the browser says was selected in the draw of this number.

        A report selects nothing if the frame was on the cell, if a report of the same draw was
        answered, and if the rows were so new that the cell may be one of the draw before.
        """
        draw = self.draws.get(number)
        place, column = cell
        if draw is None or number < self.oldest or cell == draw.framed or place >= len(draw.ids):
            return
        if number > 1 and now - draw.at < SETTLED:
            self.refused = True
            return
        self.new = draw.ids[place]
        self.framed = self.new, next(each for each in columns if each != column)
        self.oldest = self.number + 1

    def take(self) -> int | None:
        """The listener that was selected since this was asked last, None if none was."""
        new, self.new, self.refused = self.new, None, False
        return new

    def _frame(self, ids: tuple[int, ...], columns: Sequence[str]) -> Cell | None:
        if not ids:
            return None
        listener, column = self.framed or (None, columns[0])
        if column not in columns:  # a column that nothing is known for is not shown
            column = columns[0]
            self.framed = None if listener is None else (listener, column)
        if listener in ids:
            self.place = ids.index(listener)
        else:
            self.place = min(self.place, len(ids) - 1)
            self.framed = ids[self.place], column
        return self.place, column


def script() -> str:
    """The script of the page that lets a table report keys wherever the pointer is."""
    return _SCRIPT.read_text("utf-8")


def table(
    frame: "pd.DataFrame | Styler",
    shown: Iterable[str],
    config: Mapping[str, Any],
    *,
    key: str,
    ids: Sequence[int],
    alt: str,
    height: int,
    links: Sequence[str] = (),
    **options: Any,
) -> int | None:
    """Draw a table, and return the listener whose row the reader has just selected, else None.

    shown: at least two columns, in order; ids: the listener of each row; links: columns in which a
    click follows a link, and selects nothing; options: those of st.dataframe.
    """
    columns = list(shown)
    selection: Selection = st.session_state.setdefault(f"{key}_selection", Selection())
    framable = _framable(columns, links)
    framed = selection.draw(ids, framable, time.monotonic())
    cells = [] if framed is None else [framed]
    chosen: DataframeStateInput = {"selection": {"rows": [], "columns": [], "cells": cells}}
    kept = st.session_state.get(key)
    if kept is not None and list(map(tuple, kept["selection"]["cells"])) != cells:
        st.session_state[key] = chosen
    st.dataframe(
        frame,
        column_order=columns,
        column_config=dict(config),
        hide_index=True,
        height=height,
        key=key,
        placeholder="",
        alt=alt,
        on_select=lambda: _report(key, framable, links),
        selection_mode="single-cell",
        # A table that the browser has not drawn yet misses what the session's state says once.
        selection_default=chosen,
        **options,
    )
    # After the table: the browser has the rows of a draw before it has the draw's number.
    st.session_state[_number(key)] = str(selection.number)
    with st.container(key=f"{key}_draw_number"):
        st.text_input("Draw", key=_number(key), label_visibility="collapsed", disabled=True)
    if selection.refused:
        st.toast("The rows changed as you clicked. Click again.", icon=":material/sync:")
    return selection.take()


def _framable(columns: Sequence[str], links: Sequence[str]) -> list[str]:
    """The columns for the frame, those after the links first.

    A click on the cell with the frame is not reported, and readers click the first column most. An
    arrow key from a link comes to a link, which selects nothing.
    """
    after = 1 + max((place for place, each in enumerate(columns) if each in links), default=-1)
    return [each for each in (*columns[after:], *columns[:after]) if each not in links]


def _report(key: str, columns: Sequence[str], links: Sequence[str]) -> None:
    cells = st.session_state[key]["selection"]["cells"]
    number = st.session_state.get(_number(key), "")
    if cells and cells[0][1] not in links and number.isdecimal():
        selection: Selection = st.session_state[f"{key}_selection"]
        selection.report(int(number), tuple(cells[0]), columns, time.monotonic())


def _number(key: str) -> str:
    return f"{key}_number"
