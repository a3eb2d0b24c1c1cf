"""The form of an answer of `porteye fleet`, and its word on hosts whose present is not known."""

from argparse import Namespace
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from porteye_core.command.question import Question
from porteye_core.command.screen import Column, Screen, Style, warn
from porteye_core.store.fleet.hosts import HostState
from porteye_core.store.fleet.many_hosts.doubts import Doubts, named

_WHY = {HostState.NEVER: "they have never shipped"}


@dataclass(frozen=True, slots=True)
class FleetForm:
    """The form of an answer, and the moment and zone in which its times are told."""

    screen: Screen
    question: Question
    is_csv: bool

    @classmethod
    def of(cls, given: Namespace, screen: Screen, environ: Mapping[str, str]) -> "FleetForm":
        """The form that a command line asks for; raises ConfigError."""
        return cls(screen, Question.of(given, environ), given.csv)

    @property
    def is_json(self) -> bool:
        """Tell whether the answer is records."""
        return self.question.is_json

    @property
    def is_table(self) -> bool:
        """Tell whether the answer is a table on a terminal."""
        return self.screen.is_terminal and not self.is_json and not self.is_csv

    @property
    def now(self) -> int:
        """The moment of the question."""
        return self.question.now

    @property
    def zone(self) -> ZoneInfo:
        """The zone of the times."""
        return self.question.zone

    def write(
        self, records: Sequence[dict[str, Any]], columns: Sequence[Column], rows: Iterable[Any]
    ) -> None:
        """Write the records, or on a terminal the rows of a table in their place."""
        if self.is_json:
            self.screen.write_json(records)
        elif self.is_table:
            self.screen.write_table(columns, list(rows))
        elif records:
            self.screen.write_tabs(records[0])
            for each in records:
                self.screen.write_tabs(each.values())

    def say(self, sentence: str, style: Style = Style.WARNING) -> None:
        """Write a sentence that is no part of the records."""
        if self.is_table:
            self.screen.write(sentence, style)
        else:
            warn(sentence)

    def say_doubts(self, of: Doubts) -> None:
        """Say of which hosts it is not known what they have, or had at a moment."""
        for state, hosts in of.items():
            why = _WHY.get(state, f"they are {state.value}")
            self.say(f"Not certain, for {why}: {named([host.name for host in hosts])}.")
