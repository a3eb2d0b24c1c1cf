"""The dictionary of docs/architecture.md has a word for each column, API field and label."""

import ast
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest
from streamlit.testing.v1 import AppTest

from porteye_core.api import create_api
from porteye_core.config import Config
from porteye_core.store.writing.writer import Writer
from porteye_core.ui import now_filters, table_columns
from porteye_core.ui.fleet import pages as fleet_pages
from tests.kit import configuration
from tests.kit.page import switch
from tests.kit.seeding import Instant
from tests.kit.service import PROJECT

_HEAD = "| Word | Meaning | Class | Table | API | Label |"
_WIDGETS = ("text_input", "number_input", "selectbox", "button", "toggle", "datetime_input")
_ABOVE_THE_CHARTS = {
    "text_input": ("words_at",),
    "datetime_input": ("pick_since_0", "pick_until_0"),
    "button_group": ("range_pills_0",),
}


class Word(NamedTuple):
    """A row of the dictionary: what each cell names."""

    word: str
    classes: frozenset[str]
    columns: frozenset[str]
    fields: frozenset[str]
    labels: frozenset[str]


def dictionary() -> list[Word]:
    """The rows of the dictionary. A name stands in backticks, a label in quotation marks."""
    text = (PROJECT / "docs" / "architecture.md").read_text()
    lines = text.split(f"{_HEAD}\n", 1)[1].split("\n\n", 1)[0].splitlines()[1:]
    words = []
    for line in lines:
        word, _meaning, *names, labels = line.removeprefix("| ").removesuffix(" |").split(" | ")
        classes, columns, fields = (frozenset(re.findall(r"`([^`]+)`", cell)) for cell in names)
        shown = frozenset(re.findall(r"“([^”]+)”", labels))
        words.append(Word(word, classes, columns, fields, shown))
    return words


def named(cell: str) -> set[str]:
    """Everything that one column of the dictionary names."""
    return {name for word in dictionary() for name in getattr(word, cell)}


def columns_of(db: Path) -> set[tuple[str, str]]:
    """Table and column of everything that the database stores."""
    with closing(sqlite3.connect(f"{db.as_uri()}?mode=ro", uri=True)) as connection:
        return set(
            connection.execute(
                "SELECT t.name, c.name FROM sqlite_master AS t, pragma_table_xinfo(t.name) AS c"
                " WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%'"
            )
        )


def api_fields() -> set[str]:
    """The fields of every answer and the parameters of every question, of a fleet too."""
    described = [create_api(each).openapi() for each in (Config(), Config(fleet="of tests"))]
    fields = {
        field
        for api in described
        for shape in api["components"]["schemas"].values()
        for field in shape.get("properties", ())
    }
    return fields | {
        parameter["name"]
        for api in described
        for path in api["paths"].values()
        for method in path.values()
        for parameter in method.get("parameters", ())
    }


def labels_of_tables() -> set[str]:
    """The labels of the columns of every table: shared ones, and those of a single table."""
    found = {column.label for column in table_columns._COLUMNS.values()}
    for path in (PROJECT / "porteye_core" / "ui").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and re.fullmatch(r"\w+Column", node.func.attr)
                and isinstance(node.args[0], ast.Constant)
            ):
                found.add(str(node.args[0].value))
    return found


@pytest.fixture
def page(seeded: Instant, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    monkeypatch.setenv("PORTEYE_DB", str(seeded.db))
    configuration.forget()
    page = AppTest.from_file(str(PROJECT / "streamlit_app.py"), default_timeout=30)
    page.query_params["range"] = "custom"  # which has most widgets
    page.run()
    assert not page.exception
    return page


def labels_of_widgets(page: AppTest) -> set[str]:
    """The labels of the sidebar, of the filters above the table of Now, and of the fields above the
    charts of the Timeline."""
    of_now = {
        *(widget.proto.label for kind in _WIDGETS for widget in page.sidebar.get(kind)),
        *now_filters._LABELS.values(),
    }
    timeline = switch(page, "timeline")
    return of_now | {
        field.proto.label
        for kind, keys in _ABOVE_THE_CHARTS.items()
        for field in timeline.main.get(kind)
        if field.key in keys
    }


def names_of_views(page: AppTest) -> set[str]:
    """The links of the navigation."""
    return {link.proto.label for link in page.get("page_link")}


def test_every_word_stands_once() -> None:
    words = [word.word for word in dictionary()]
    assert len(words) > 50
    assert sorted(words) == sorted(set(words))


def test_every_column_of_the_database_has_a_word(db: Path, writer: Writer) -> None:
    known = named("columns")
    found = columns_of(db)
    assert len(found) > 100
    tables = {f"{table}.*" for table, _ in found}
    assert {name for name in tables if name not in known} == set()
    assert {
        f"{table}.{column}"
        for table, column in found
        if column not in known and f"{table}.{column}" not in known
    } == set()


def test_every_column_that_the_dictionary_names_is_there(db: Path, writer: Writer) -> None:
    found = columns_of(db)
    spelled = {name for table, column in found for name in (column, f"{table}.{column}")}
    assert named("columns") - {f"{table}.*" for table, _ in found} - spelled == set()


def test_every_field_of_the_api_has_a_word_and_no_other() -> None:
    assert len(api_fields()) > 50
    assert named("fields") == api_fields()


def test_every_label_of_the_page_has_a_word_and_no_other(page: AppTest) -> None:
    views = names_of_views(page) | set(fleet_pages.TITLES)
    heads, widgets = labels_of_tables(), labels_of_widgets(page)
    assert len(views) >= 4
    assert len(heads) > 30
    assert len(widgets) > 8
    assert named("labels") == views | heads | widgets


def test_every_class_that_the_dictionary_names_is_there() -> None:
    code = "".join(path.read_text() for path in (PROJECT / "porteye_core").rglob("*.py"))
    classes = set(re.findall(r"^class (\w+)", code, re.MULTILINE))
    assert named("classes") - classes == set()


def test_every_folder_has_a_purpose() -> None:
    table = (PROJECT / "docs" / "architecture.md").read_text()
    table = table.split("| Folder of `porteye_core/` | Purpose |\n")[1].split("\n\n")[0]
    package = PROJECT / "porteye_core"
    folders = {path.parent.relative_to(package).as_posix() for path in package.rglob("*.py")}
    assert set(re.findall(r"^\| `([\w/]+)` \|", table, re.MULTILINE)) == folders - {"."}
