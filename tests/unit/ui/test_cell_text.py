"""Texts that fit a cell, with a mark where they are cut."""

import pytest

from porteye_core.ui.cell_text import fitted, program, width_of


@pytest.mark.parametrize(
    "text",
    [
        "postgres",
        "",
        "a" * 300,
        "W" * 40,
        "日本語のサービス名前です",
        "e\u0301" * 40,
        "/srv/shop " * 9,
    ],
)
@pytest.mark.parametrize("column", [40, 92, 148, 560])
def test_a_text_takes_no_more_room_than_its_column_has(text: str, column: int) -> None:
    found = fitted(text, column)
    assert width_of(found) <= column - 16
    assert found == text or found.endswith("…")
    assert text.startswith(found.removesuffix("…"))


def test_a_text_that_fits_is_whole() -> None:
    assert fitted("postgres", 148) == "postgres"


@pytest.mark.parametrize(
    ("title", "folder", "wanted"),
    [
        ("node", "/home/dev/shop", "node · shop"),
        ("node", "/home/dev/shop/", "node · shop"),
        ("nginx", "/", "nginx"),
        ("nginx", "", "nginx"),
        ("redis-server", "/var/lib/redis", "redis-server · redis"),
        ("shop", "/srv/shop", "shop"),
        ("d.py", "/srv/d", "d.py"),
        ("redis-server", "/srv/d", "redis-server · d"),
        ("server.js (node)", "/home/dev/shop", "server.js (node) · shop"),
        ("manage.py (python)", "/home/dev/shop", "manage.py · shop"),
        ("manage.py (python)", "/srv/a-long-name-of-a-project", "manage.py · a-long-…"),
    ],
)
def test_a_program_is_told_apart_by_its_folder(title: str, folder: str, wanted: str) -> None:
    assert program(title, folder, 148) == wanted


@pytest.mark.parametrize("title", ["x", "server.js (node)", "a" * 120, "gunicorn shop.wsgi"])
@pytest.mark.parametrize("folder", ["/", "/srv/shop", "/srv/" + "b" * 200])
def test_a_program_takes_no_more_room_than_its_column_has(title: str, folder: str) -> None:
    assert width_of(program(title, folder, 148)) <= 148 - 16
