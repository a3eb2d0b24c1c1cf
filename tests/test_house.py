"""The rules of the house, as part of the one test command."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.kit.service import PROJECT


def run(*command: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=PROJECT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_code_is_formatted_and_lint_free() -> None:
    run("ruff", "format", "--check", "-q", ".")
    run("ruff", "check", "-q", ".")


def test_the_types_hold() -> None:
    run("mypy")


def test_imports_point_down() -> None:
    lint = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([lint], cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", sorted(PROJECT.glob("porteye_core/**/*.py")), ids=lambda p: p.stem)
def test_no_file_outgrows_one_job(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 400


def test_the_monitor_loads_neither_openssl_nor_what_reads_a_database() -> None:
    """They take 4 and 3 of the 32 MiB that it may have."""
    code = "import sys, porteye_core.cli; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True
    ).stdout.split()
    assert not {"_hashlib", "ssl", "secrets", "porteye_core.store.connection"} & set(loaded)
