"""Completion of commands and flags: a script for bash, zsh or fish, made from the parsers."""

import argparse
from collections.abc import Iterator, Mapping

SHELLS = ("bash", "zsh", "fish")
# bashcompinit lets zsh run what completes for bash (zshcompsys(1)).
_IN_ZSH = "autoload -U +X compinit && compinit\nautoload -U +X bashcompinit && bashcompinit\n"
_BASH = """\
_porteye() {{
    local word="${{COMP_WORDS[COMP_CWORD]}}" words=""
    if [ "$COMP_CWORD" -eq 1 ]; then
        words="{commands}"
    else
        case "${{COMP_WORDS[1]}}" in
{cases}
        esac
    fi
    COMPREPLY=($(compgen -W "$words" -- "$word"))
}}
complete -o default -F _porteye porteye
"""


def completion(shell: str, commands: Mapping[str, argparse.ArgumentParser]) -> str:
    """The script that a shell reads to complete these commands."""
    if shell == "fish":
        return "".join(f"{line}\n" for line in _fish(commands))
    cases = "\n".join(
        f'        {name}) words="{" ".join(_flags(command))}" ;;'
        for name, command in commands.items()
    )
    script = _BASH.format(commands=" ".join(commands), cases=cases)
    return _IN_ZSH + script if shell == "zsh" else script


def _flags(command: argparse.ArgumentParser) -> list[str]:
    return [
        flag
        for action in command._actions  # noqa: SLF001 - argparse tells its flags nowhere else
        for flag in action.option_strings
        if flag.startswith("--")
    ]


def _fish(commands: Mapping[str, argparse.ArgumentParser]) -> Iterator[str]:
    for name in commands:
        yield f"complete -c porteye -n __fish_use_subcommand -f -a {name}"
    for name, command in commands.items():
        for flag in _flags(command):
            seen = f"'__fish_seen_subcommand_from {name}'"
            yield f"complete -c porteye -n {seen} -l {flag.removeprefix('--')}"
