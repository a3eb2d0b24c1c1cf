"""Completion: a real shell reads the script and completes commands and flags."""

import shutil
import subprocess

import pytest

from porteye_core.command.arguments import commands
from porteye_core.command.completion import SHELLS, completion
from tests.kit.command import run_command

_COMPLETE = """
COMP_WORDS=({words}) COMP_CWORD={place}
_porteye
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


@pytest.fixture(scope="module")
def script() -> str:
    """The script for bash, as the command prints it: to start that takes a second."""
    return run_command("completion", "bash").stdout


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash on this system")
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["porteye", "wh"], ["who"]),
        (["porteye", "h"], ["history", "health"]),
        (["porteye", "who", "--a"], ["--at"]),
        (["porteye", "now", "--ex"], ["--exposed", "--exposure"]),
        (["porteye", "history", "--f"], ["--follow"]),
        (["porteye", "monitor", "--keep-"], ["--keep-events", "--keep-samples"]),
        (["porteye", "who", "x"], [""]),
    ],
)
def test_bash_completes_commands_and_flags(
    script: str, words: list[str], expected: list[str]
) -> None:
    asked = _COMPLETE.format(words=" ".join(words), place=len(words) - 1)
    run = subprocess.run(
        ["bash", "--norc", "-c", script + asked], capture_output=True, text=True, check=False
    )
    assert (run.stdout.splitlines(), run.stderr) == (expected, "")


@pytest.mark.parametrize("shell", SHELLS)
def test_every_shell_can_read_its_script(shell: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"no {shell} on this system")
    run = subprocess.run(
        [shell, "-n"],
        input=completion(shell, commands()),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.returncode, run.stderr) == (0, "")


@pytest.mark.parametrize("shell", SHELLS)
def test_every_command_and_flag_is_in_the_script(shell: str) -> None:
    script = completion(shell, commands())
    for name in commands():
        assert name in script
    for flag in ("at", "exposed", "follow", "json"):
        assert f"-l {flag}\n" in script if shell == "fish" else f"--{flag}" in script
