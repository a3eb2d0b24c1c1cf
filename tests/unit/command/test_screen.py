"""The screen: colour and width of a terminal, and no character that moves its cursor."""

import io
from collections.abc import Mapping

import pytest

from porteye_core.command.screen import Column, Screen, Style, columns_of


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("out", "environ", "is_coloured"),
    [
        (Terminal(), {"TERM": "xterm"}, True),
        (Terminal(), {}, True),
        (Terminal(), {"NO_COLOR": "1"}, False),
        (Terminal(), {"NO_COLOR": ""}, True),
        (Terminal(), {"TERM": "dumb"}, False),
        (io.StringIO(), {"TERM": "xterm"}, False),
    ],
)
def test_colour_follows_the_terminal_and_no_color(
    out: io.StringIO, environ: Mapping[str, str], *, is_coloured: bool
) -> None:
    screen = Screen.of(out, environ)
    screen.write("nginx", Style.STRONG)
    assert screen.is_coloured == is_coloured
    assert ("\x1b" in out.getvalue()) == is_coloured


@pytest.mark.parametrize("text", ["\x1b[2J", "\x9b2J", "a\rb", "a\nb", "\x00", "\u202eabc", "\x7f"])
def test_no_control_character_is_written(text: str) -> None:
    out = io.StringIO()
    screen = Screen(out, width=60)
    screen.write(text)
    screen.write_cut(text)
    screen.write_tabs([text, None])
    screen.write_json({"name": text})
    screen.write_table([Column("NAME")], [[text]])
    written = out.getvalue().replace("\n", "").replace("\t", "")
    assert all(each.isprintable() for each in written)
    assert written.count("abc") == text.count("abc") * 5


def test_wide_letters_take_two_columns() -> None:
    out = io.StringIO()
    Screen(out, width=17).write_table(
        [Column("PROGRAM", is_cut=True), Column("PID", is_number=True)],
        [["日本語サーバー", "1"], ["e\u0301tat", "22"]],
    )
    head, wide, combined = out.getvalue().splitlines()
    assert {columns_of(line) for line in (head, combined)} == {17}
    assert columns_of(wide) <= 17
    assert "…" in wide


@pytest.mark.parametrize(
    ("width", "lines"),
    [
        (60, ["PROGRAM", "DETAIL", "MORE"]),
        (45, ["PROGRAM", "DETAIL"]),
        (20, ["PROGRAM", "DETAIL"]),
    ],
)
def test_columns_that_can_be_cut_share_what_is_too_wide(width: int, lines: list[str]) -> None:
    out = io.StringIO()
    columns = [Column("PROGRAM", is_cut=True), Column("DETAIL", is_cut=True), Column("MORE", 1)]
    Screen(out, width=width).write_table(columns, [["p" * 30, "d" * 30, "more"]])
    head, row = out.getvalue().splitlines()
    assert head.split() == lines
    assert len(row) <= width
    program, detail, *_ = row.split()
    assert abs(len(program) - len(detail)) <= 1
    assert program[-1] == detail[-1] == "…"
