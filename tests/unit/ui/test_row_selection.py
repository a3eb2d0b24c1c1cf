"""A picked row and where it goes; what the browser makes of it is in test_browser.py."""

from typing import Any

import pytest

from porteye_core.ui import row_selection


@pytest.fixture
def state(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    monkeypatch.setattr("streamlit.session_state", kept)
    return kept


def pick(state: dict[str, Any], *rows: int) -> None:
    state["table"] = {"selection": {"rows": list(rows), "columns": [], "cells": []}}
    row_selection.pick("table")


def test_a_picked_row_stays_picked_where_others_come_above_it(state: dict[str, Any]) -> None:
    row_selection.follow("table", [11, 12, 13])
    pick(state, 1)
    row_selection.follow("table", [10, 11, 12, 13])
    assert state["table"]["selection"]["rows"] == [2]
    assert row_selection.picked("table", [10, 11, 12, 13]) == 12


def test_a_picked_row_that_is_gone_is_picked_again_when_it_is_back(state: dict[str, Any]) -> None:
    row_selection.follow("table", [11, 12])
    pick(state, 0)
    row_selection.follow("table", [12])
    assert state["table"]["selection"]["rows"] == []
    assert row_selection.picked("table", [12]) is None
    row_selection.follow("table", [12, 11])
    assert state["table"]["selection"]["rows"] == [1]
    assert row_selection.picked("table", [12, 11]) == 11


def test_a_row_can_be_let_go(state: dict[str, Any]) -> None:
    row_selection.follow("table", [11])
    pick(state, 0)
    pick(state)
    assert row_selection.picked("table", [11]) is None


def test_a_place_that_the_table_no_longer_has_picks_nothing(state: dict[str, Any]) -> None:
    row_selection.follow("table", [11])
    pick(state, 3)
    assert row_selection.picked("table", [11]) is None
