"""Cells that a browser reports, and the listeners whose rows they are; what a browser makes of it
is in tests/browser/test_drawer.py."""

import pytest

from porteye_core.ui.row_selection import SETTLED, Cell, Selection

_COLUMNS = ("port", "process", "user")


class Table:
    """A table that is drawn again and again, and the reports about it."""

    def __init__(self) -> None:
        self.selection, self.now = Selection(), 100.0

    def draw(self, *ids: int, after: float = 2.0) -> Cell | None:
        self.now += after
        return self.selection.draw(ids, _COLUMNS, self.now)

    def report(self, place: int, column: str = "user", number: int | None = None) -> int | None:
        """The listener that is selected by a report, of the latest draw if none is named."""
        self.now += 0.1
        self.selection.report(
            self.selection.number if number is None else number, (place, column), _COLUMNS, self.now
        )
        return self.selection.take()


@pytest.fixture
def table() -> Table:
    return Table()


def test_a_click_selects_the_listener_of_its_row_once(table: Table) -> None:
    table.draw(11, 12, 13)
    assert table.report(1) == 12
    assert table.selection.take() is None


def test_a_place_is_read_in_the_draw_that_the_browser_had(table: Table) -> None:
    table.draw(11, 12, 13)
    before = table.selection.number
    table.draw(9, 10, 11, 12, 13)
    assert table.report(2, number=before) == 13


def test_the_frame_stays_on_its_listener_while_rows_come_and_go(table: Table) -> None:
    table.draw(11, 12, 13)
    table.report(1)
    assert table.draw(11, 12, 13) == (1, "port")
    assert table.draw(9, 10, 11, 12) == (3, "port")
    assert table.draw(12) == (0, "port")


def test_the_frame_of_a_listener_that_is_gone_stays_near_its_place(table: Table) -> None:
    table.draw(11, 12, 13)
    table.report(2)
    table.draw(11, 12, 13)
    assert table.draw(11, 12) == (1, "port")
    assert table.draw(10, 11, 12) == (2, "port")


def test_the_frame_leaves_a_column_that_is_shown_no_more(table: Table) -> None:
    table.draw(11, 12)
    table.report(1, "port")
    assert table.draw(11, 12) == (1, "process")
    assert table.selection.draw((11, 12), ("port", "user"), table.now) == (1, "port")


def test_an_echo_of_an_older_frame_selects_nothing(table: Table) -> None:
    table.draw(11, 12)
    assert table.report(1) == 12
    frame = table.draw(11, 12)
    before = table.selection.number
    table.draw(*range(1, 13))
    assert frame is not None
    assert table.report(*frame, number=before) is None
    assert table.draw(*range(1, 13)) == (11, "port")


def test_a_report_that_comes_twice_selects_once(table: Table) -> None:
    table.draw(11, 12)
    before = table.selection.number
    assert table.report(1) == 12
    table.draw(10, 11, 12)
    assert table.report(1, number=before) is None


def test_the_same_cell_can_be_clicked_again(table: Table) -> None:
    table.draw(11, 12)
    for column in ("user", "user", "process", "process"):
        assert table.report(1, column) == 12
        frame = table.draw(11, 12)
        assert frame is not None
        assert frame != (1, column)


def test_rows_that_came_just_before_a_report_select_nothing(table: Table) -> None:
    table.draw(11, 12)
    table.draw(9, 11, 12)
    table.selection.report(table.selection.number, (1, "user"), _COLUMNS, table.now + 0.1)
    assert table.selection.refused
    assert table.selection.take() is None
    assert not table.selection.refused
    table.draw(9, 11, 12, after=SETTLED)
    assert table.report(1) == 11
    assert not table.selection.refused


@pytest.mark.parametrize(("place", "number"), [(3, 1), (0, 99), (0, 0), (2, None)], ids=str)
def test_a_report_of_no_row_or_of_no_draw_selects_nothing(
    table: Table, place: int, number: int | None
) -> None:
    table.draw(11, 12)
    assert table.report(place, number=number) is None


def test_a_draw_of_long_ago_selects_nothing(table: Table) -> None:
    for last in range(12, 50):
        table.draw(11, last)
    assert table.report(0, number=2) is None


def test_a_table_without_rows_has_no_frame(table: Table) -> None:
    assert table.draw() is None
    assert table.draw(11) == (0, "port")
