"""Secrets that no flag and no name announces, but their place among a client's arguments."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

FARTHEST = 32  # words behind the client's name: no line is read twice for each of its words
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w{0,64}=.")
_SWITCHES = re.compile(r"-[A-Za-z]{1,16}")


@dataclass(frozen=True, slots=True)
class Place:
    """A secret in one word of a command line."""

    shown: int = 0  # characters at the start of the word
    second_part: bool = False  # only the part behind the first colon or equals sign is secret


@dataclass(frozen=True, slots=True)
class _Step:
    """An argument, or the value of a flag."""

    flag: str
    what: str


@dataclass(frozen=True, slots=True)
class Usage:
    """A command of a client that takes secrets, as `clients.toml` writes it."""

    switches: tuple[str, ...]
    steps: tuple[_Step, ...]
    is_at_start: bool

    @classmethod
    def parse(cls, text: str) -> "Usage":
        """Read `[-b] add * {}`."""
        words = text.split()
        switches = tuple(word[1:-1] for word in words if word.startswith("["))
        steps: list[_Step] = []
        flag = ""
        for word in words:
            if word.startswith("-"):
                flag = word
            elif word != "^" and not word.startswith("["):
                steps.append(_Step(flag, word))
                flag = ""
        first = steps[0]
        is_at_start = "^" in words or bool(first.flag) or first.what[0] in "*{"
        return cls(switches, tuple(steps), is_at_start)


class Arguments:
    """The words behind the name of a client."""

    def __init__(
        self, words: Sequence[str], *, valued: Sequence[str] = (), slash_flags: bool = False
    ) -> None:
        self._words = words[:FARTHEST]
        self._positions = [
            at
            for at, word in enumerate(self._words)
            if not word.startswith("-")
            and not (slash_flags and word.startswith("/"))
            and not (at > 0 and self._words[at - 1] in valued)
        ]

    def places(self, usages: Iterable[Usage]) -> Iterator[tuple[int, Place]]:
        """The places of secrets; where an earlier usage began, a later one is not looked for."""
        taken: set[int] = set()
        for usage in usages:
            if all(map(self._is_given, usage.switches)):
                for start in self._starts(usage):
                    found = [] if start in taken else self._found(usage.steps, start)
                    if found:
                        taken.add(start)
                        yield from found
                        break

    def _starts(self, usage: Usage) -> list[int]:
        if usage.is_at_start:
            return [0]
        first = usage.steps[0].what
        return [at for at in self._positions if _fits(first, self._words[at])]

    def _found(self, steps: Iterable[_Step], start: int) -> list[tuple[int, Place]]:
        """The places of these steps from this word on, if all of them are there."""
        found: list[tuple[int, Place]] = []
        at = start
        for step in steps:
            place = self._value(step.flag, at) if step.flag else self._argument(at)
            if place is None or not _fits(step.what, self._words[place[0]][place[1] :]):
                return []
            at, shown = place
            if step.what == "{=}":
                return [*found, *self._assignments(at)]
            if step.what[0] == "{":
                found.append((at, Place(shown, step.what == "{:}")))
            at += 1
        return found

    def _argument(self, start: int) -> tuple[int, int] | None:
        return next(((at, 0) for at in self._positions if at >= start), None)

    def _value(self, flag: str, start: int) -> tuple[int, int] | None:
        """The word that is, or holds, the value of a flag, and where in the word it starts."""
        for at in range(start, len(self._words)):
            word = self._words[at]
            if word == flag:
                return (at + 1, 0) if at + 1 < len(self._words) else None
            if word.startswith(flag + "="):
                return at, len(flag) + 1
            if len(flag) == 2 and word.startswith(flag) and not word.startswith("--"):
                return at, len(flag)
        return None

    def _assignments(self, start: int) -> list[tuple[int, Place]]:
        return [
            (at, Place(self._words[at].index("=") + 1))
            for at in self._positions
            if at >= start and _ASSIGNMENT.match(self._words[at])
        ]

    def _is_given(self, switch: str) -> bool:
        """Tell if a switch is among the words, alone or among others, as b in -nbB."""
        if switch in self._words:
            return True
        clusters = filter(_SWITCHES.fullmatch, self._words)
        return len(switch) == 2 and any(switch[1] in each for each in clusters)


def _fits(what: str, word: str) -> bool:
    if what == "{token}":
        return not _ASSIGNMENT.match(word)
    if what == "{:}":
        return any(each in word for each in ":%=,")
    if what[0] == "{" or what == "*":
        return word != "*"  # which asks for the secret
    if what.endswith("*"):
        return word.startswith(what[:-1])
    return word.lower() == what.lower()
