"""The rules of the house, as part of the one test command."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.kit.service import PROJECT

STATEMENT = re.compile(
    r"\b(SELECT\s.+\sFROM|INSERT\s.*INTO|UPDATE\s.+\sSET|DELETE\s+FROM|CREATE\s+(TABLE|INDEX)|PRAGMA)\b",
    re.DOTALL,
)

# A clause as subject, where a noun or a verb says the same in fewer words.
RELATIVE = re.compile(r"(What|Who|Whom|Whose|Whether|How|When|Where|Which|That)\b")


def run(*command: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=PROJECT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_code_is_formatted_and_lint_free() -> None:
    run("ruff", "format", "--check", "-q", ".")
    run("ruff", "check", "-q", ".")


@pytest.mark.long
def test_the_types_hold() -> None:
    run("mypy")


def test_imports_point_down() -> None:
    lint = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([lint], cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", sorted(PROJECT.glob("porteye_core/**/*.py")), ids=lambda p: p.stem)
def test_no_file_outgrows_one_job(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 400


def test_each_unit_test_lies_where_its_module_does() -> None:
    """tests/unit/store/file/test_lock_race.py tests porteye_core/store/file/lock.py."""
    stray = []
    for path in sorted((PROJECT / "tests/unit").rglob("test_*.py")):
        room = PROJECT / "porteye_core" / path.parent.relative_to(PROJECT / "tests/unit")
        modules = {module.stem for module in room.glob("*.py")}
        name = path.stem.removeprefix("test_")
        if not any(name == module or name.startswith(f"{module}_") for module in modules):
            stray.append(str(path.relative_to(PROJECT)))
    assert stray == []


def test_docstrings_open_with_a_noun_or_a_verb() -> None:
    opened = [
        text
        for path in sorted(PROJECT.glob("porteye_core/**/*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and (text := ast.get_docstring(node))
    ]
    assert [text for text in opened if RELATIVE.match(text)] == []


def test_the_loop_of_the_monitor_stays_small() -> None:
    assert len((PROJECT / "porteye_core/monitor/loop.py").read_text().splitlines()) <= 200


@pytest.mark.parametrize(
    "path",
    [
        path
        for path in sorted(PROJECT.glob("porteye_core/**/*.py"))
        if "store" not in path.relative_to(PROJECT).parts
    ],
    ids=lambda p: str(p.relative_to(PROJECT / "porteye_core")),
)
def test_no_module_outside_the_store_has_a_statement(path: Path) -> None:
    texts = [
        node.value
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    assert [text for text in texts if STATEMENT.search(text)] == []


def test_the_monitor_loads_neither_openssl_nor_what_reads_a_database() -> None:
    """They take 4 and 3 of the 32 MiB that it may have."""
    code = "import sys, porteye_core.monitor.command_line; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True
    ).stdout.split()
    assert not {"_hashlib", "ssl", "secrets", "porteye_core.store.file.connection"} & set(loaded)
