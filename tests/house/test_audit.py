"""The last line of .ci/audit, for each answer of the advisory service."""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.kit.rights import posix
from tests.kit.service import PROJECT

pytestmark = posix

_AUDITED = {"name": "click", "version": "8.5.1", "vulns": []}
_FLAWED = {
    "name": "idna",
    "version": "3.20",
    "vulns": [{"id": "PYSEC-2026-1", "fix_versions": ["3.21"]}],
}
_SKIPPED = {"name": "anyio", "skip_reason": "Could not be looked up: anyio (4.16.0)"}

# An interpreter that takes pip-audit's part, and is the real one for everything else.
_INTERPRETER = """#!{python}
import os, sys
from pathlib import Path
if sys.argv[1:3] == ["-m", "pip_audit"]:
    report = {report!r}
    if report:
        Path(sys.argv[sys.argv.index("--output") + 1]).write_text(report)
    print("the network is unreachable", file=sys.stderr)
    sys.exit({status})
os.execv({python!r}, [{python!r}, *sys.argv[1:]])
"""


class Outcome(NamedTuple):
    status: int
    lines: list[str]


def audit(folder: Path, *packages: Mapping[str, object], status: int = 0) -> Outcome:
    """Run .ci/audit on a report of these packages, or on no report when there are none."""
    report = json.dumps({"dependencies": packages}) if packages else ""
    interpreter = folder / "python"
    interpreter.write_text(_INTERPRETER.format(python=sys.executable, report=report, status=status))
    interpreter.chmod(0o700)
    done = subprocess.run(
        [PROJECT / ".ci" / "audit", interpreter], capture_output=True, text=True, check=False
    )
    return Outcome(done.returncode, done.stdout.splitlines())


def test_an_answer_about_every_package_is_counted(tmp_path: Path) -> None:
    assert audit(tmp_path, _AUDITED) == Outcome(0, ["audit: 1 packages audited"])


def test_an_advisory_is_named_and_fails(tmp_path: Path) -> None:
    status, lines = audit(tmp_path, _AUDITED, _FLAWED, status=1)
    assert status == 1
    assert lines == ["audit: idna 3.20: PYSEC-2026-1, fixed in 3.21", "audit: 2 packages audited"]


def test_a_service_that_answers_about_no_package_is_not_audited(tmp_path: Path) -> None:
    status, lines = audit(tmp_path, _SKIPPED, _SKIPPED)
    assert status == 0
    assert lines[-1] == (
        "audit: not audited: no answer about any of 2 packages,"
        " such as: Could not be looked up: anyio (4.16.0)"
    )


def test_a_package_without_an_answer_is_named(tmp_path: Path) -> None:
    status, lines = audit(tmp_path, _AUDITED, _SKIPPED)
    assert (status, lines[-1]) == (0, "audit: 1 packages audited, 1 not audited: anyio")


@pytest.mark.parametrize("status", [1, 124])
def test_a_run_without_a_report_is_not_audited(tmp_path: Path, status: int) -> None:
    done = audit(tmp_path, status=status)
    assert done.status == 0
    assert done.lines[-1] == (
        f"audit: not audited: pip-audit ended with status {status} and no report:"
        " the network is unreachable"
    )


def test_an_interpreter_without_pip_audit_fails() -> None:
    done = subprocess.run(
        [PROJECT / ".ci" / "audit", "/bin/false"], capture_output=True, check=False
    )
    assert done.returncode == 1


@pytest.mark.parametrize("document", ["README.md", "SECURITY.md"])
def test_the_documents_promise_the_same(document: str) -> None:
    (sentence,) = (
        each
        for each in (PROJECT / document).read_text().replace("\n", " ").split(". ")
        if "`.ci/audit`" in each
    )
    assert '"not audited"' in sentence
