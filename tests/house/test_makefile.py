"""The Makefile, CI and pre-commit run the commands that README, .ci/run and the suite run."""

import re
import shutil
import subprocess

import pytest

from tests.kit.service import PROJECT

MAKEFILE = (PROJECT / "Makefile").read_text()
needs_make = pytest.mark.skipif(shutil.which("make") is None, reason="there is no make")


def commands(target: str) -> str:
    """The commands of a target, with the variables of the Makefile filled in."""
    done = subprocess.run(
        ["make", "--dry-run", target], cwd=PROJECT, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@needs_make
def test_a_bare_make_prints_every_target() -> None:
    printed = subprocess.run(["make"], cwd=PROJECT, capture_output=True, text=True, check=True)
    targets = re.findall(r"^([a-z]+):", MAKEFILE, re.MULTILINE)
    assert len(targets) > 10
    assert re.findall(r"^make ([a-z]+) +\S", printed.stdout, re.MULTILINE) == targets
    assert re.search(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)[1].split() == targets  # type: ignore[index]


@needs_make
def test_setup_and_test_are_the_commands_of_the_readme() -> None:
    section = (PROJECT / "README.md").read_text().split("\n## Tests\n")[1]
    (command,) = re.findall(r"\A.*?```sh\n(.*?)\n```", section, re.DOTALL)
    assert " && ".join([commands("setup"), commands("test")]) == command


@needs_make
@pytest.mark.parametrize("tool", ["ruff format --check", "ruff check", "lint-imports", "mypy"])
def test_a_commit_runs_what_lint_and_types_run(tool: str) -> None:
    hooks = (PROJECT / ".pre-commit-config.yaml").read_text()
    assert f".venv/bin/{tool}" in re.findall(r"^ +entry: (.*)$", hooks, re.MULTILINE)
    assert f".venv/bin/{tool}" in commands("lint") + commands("types")


@needs_make
def test_the_workflow_runs_the_script_of_ci() -> None:
    workflow = (PROJECT / ".github/workflows/ci.yml").read_text()
    assert commands("ci") == ".ci/run"
    assert ".ci/run" in re.findall(r"^ +- run: (.*)$", workflow, re.MULTILINE)
    assert (PROJECT / ".ci/run").stat().st_mode & 0o100
