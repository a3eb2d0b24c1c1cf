"""README says what the code does: every flag, variable and path, no more and no fewer; and what is
said to show a promise is there."""

import re
from pathlib import Path

import pytest

from benchmarks.__main__ import REGISTRY
from porteye_core import errors
from porteye_core.api import create_api
from porteye_core.config import Config
from porteye_core.monitor import command_line
from porteye_core.store.alerts import open_to_write
from porteye_core.store.file import migrations
from porteye_core.store.file.connection import open_connection
from porteye_core.store.writing.writer import Writer
from tests.kit.service import PROJECT

README = (PROJECT / "README.md").read_text()
RELIABILITY = (PROJECT / "docs" / "reliability.md").read_text()

DOCUMENTS = [*sorted(PROJECT.glob("*.md")), *sorted(PROJECT.glob("docs/*.md"))]


def first_cells(heading: str) -> set[str]:
    """The code in the first column of the table under a heading."""
    section = README.split(f"## {heading}\n", 1)[1].split("\n#", 1)[0]
    return {
        name
        for line in section.splitlines()
        if line.startswith("| `")
        for name in re.findall(r"`([^` ]+)", line.split(" | ")[0])
    }


def test_every_flag_is_in_the_table() -> None:
    flags = {
        flag
        for action in command_line.parser()._actions
        for flag in action.option_strings
        if flag.startswith("--")
    }
    assert first_cells("Flags of the monitor") == flags


def test_every_variable_is_in_the_table() -> None:
    code = "".join(path.read_text() for path in PROJECT.glob("porteye_core/**/*.py"))
    assert first_cells("Variables") == set(re.findall(r"\bPORTEYE_[A-Z_]+", code))


def test_every_path_of_the_api_is_in_the_table() -> None:
    paths = {f"/api{path}" for path in create_api(Config()).openapi()["paths"]}
    assert first_cells("API") == {*paths, "/api/docs"}


def test_every_exit_status_is_in_the_table() -> None:
    used = {
        each.exit_status
        for each in vars(errors).values()
        if isinstance(each, type) and issubclass(each, errors.PortEyeError)
    }
    assert first_cells("Exit statuses") == {str(status) for status in used | {0, errors.GAVE_WAY}}


def test_every_table_and_column_of_the_database_is_described(db: Path, writer: Writer) -> None:
    described = (PROJECT / "docs" / "database.md").read_text()
    with open_connection(db) as reader:
        tables = [
            name
            for (name,) in reader.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            if not name.startswith("sqlite_")
        ]
        for table in tables:
            section = described.split(f"## {table}\n", 1)[1].split("\n## ", 1)[0]
            for column in reader.execute(f"PRAGMA table_info({table})"):
                assert f"`{column['name']}`" in section, f"{table}.{column['name']}"
    assert f"schema {len(migrations.STEPS)}" in described


def test_every_table_and_column_of_the_alerts_database_is_described(tmp_path: Path) -> None:
    described = (PROJECT / "docs" / "database.md").read_text()
    section = described.split("## The alerts database\n", 1)[1].split("\n## ", 1)[0]
    with open_to_write(tmp_path / "porteye-alerts.db") as connection:
        columns = connection.execute(
            "SELECT t.name, c.name FROM sqlite_schema t, pragma_table_info(t.name) c"
            " WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%' AND c.name != 'one'"
        ).fetchall()
    for table, column in columns:
        assert f"| `{table}` |" in section, table
        assert f"`{column}`" in section, f"{table}.{column}"


def test_the_pictures_are_there() -> None:
    for name in re.findall(r"!\[[^]]*\]\(([^)]+)\)", README):
        assert (PROJECT / name).stat().st_size > 10_000


@pytest.mark.parametrize("command", re.findall(r"```(?:sh|bash)\n(.*?)```", README, re.DOTALL))
def test_commands_name_files_that_are_there(command: str) -> None:
    for name in re.findall(r"[\w/.-]+\.(?:py|txt)\b", command):
        assert (PROJECT / name).exists()


@pytest.mark.parametrize("named", sorted(set(re.findall(r"`(tests/[\w./:]+)`", RELIABILITY))))
def test_what_shows_a_promise_is_there(named: str) -> None:
    path, _, test = named.partition("::")
    assert (PROJECT / path).is_file()
    assert not test or f"def {test}(" in (PROJECT / path).read_text()


@pytest.mark.parametrize("named", sorted(set(re.findall(r"`benchmarks (\w+)`", RELIABILITY))))
def test_a_benchmark_that_shows_a_promise_is_there(named: str) -> None:
    assert named in REGISTRY


def anchors(document: Path) -> set[str]:
    """The anchors that a forge makes of the headings of a document."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.stem)
def test_links_of_documents_lead_somewhere(document: Path) -> None:
    text = re.sub(r"^```.*?^```$", "", document.read_text(), flags=re.DOTALL | re.MULTILINE)
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        path, _, anchor = link.partition("#")
        target = document.parent / path if path else document
        assert target.is_file(), link
        assert not anchor or anchor in anchors(target), link
