"""`porteye history`: what opened and closed, and what does so from now on."""

import time
from argparse import Namespace
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

from porteye_core.command.exits import HELD
from porteye_core.command.question import Question
from porteye_core.command.screen import Column, Screen, Style
from porteye_core.model import Filters
from porteye_core.spoken_times import clock
from porteye_core.store.reading import open_row_reader

_INTERVAL = 1.0  # seconds between two readings of what is new
_COLUMNS = (
    Column("TIME"),
    Column("SEEN", 6),
    Column("EVENT"),
    Column("PORT", is_number=True),
    Column("PROTOCOL", 4),
    Column("ADDRESS", 5),
    Column("PROGRAM", is_cut=True),
    Column("PID", 1, is_number=True),
    Column("USER", 3),
    Column("REACHABLE FROM", 2),
)
_FIELDS = (
    *("id", "timestamp", "status", "seen", "port", "protocol", "address", "interface"),
    *("exposure", "title", "pid", "user", "unit", "container", "cmdline"),
)
# A line of what follows has widths that do not wait for the lines after it.
_FOLLOWED = "{:<23}  {:<6}  {:>5}/{:<3}  {}"


def history(
    given: Namespace,
    question: Question,
    screen: Screen,
    wait: Callable[[float], None] = time.sleep,
) -> int:
    """List events, newest first, or follow them, oldest first; returns the exit status."""
    wanted = question.filters(given)
    with open_row_reader(question.db) as reader:
        last = reader.newest_event()
        records = reader.event_records(wanted, given.before)
    if given.follow:
        _Following(question, screen, wanted).run(records, last, wait)
        return HELD
    if question.is_json:
        screen.write_json(records)
    elif screen.is_terminal:
        _show(records, question, screen)
        if len(records) == wanted.limit:
            screen.write(f"Older ones: --before {records[-1]['id']}", Style.FAINT)
    else:
        screen.write_tabs(_FIELDS)
        for each in records:
            screen.write_tabs(each[name] for name in _FIELDS)
    return HELD


def _show(records: Sequence[dict[str, Any]], question: Question, screen: Screen) -> None:
    if not records:
        screen.write("Nothing opened or closed that the filters let through.")
        return
    screen.write_table(
        _COLUMNS,
        [
            (
                *(_time(each, question), each["seen"], each["status"], str(each["port"])),
                *(each["protocol"], each["address"], each["title"] or each["hidden"]),
                *("" if each["pid"] is None else str(each["pid"]), each["user"]),
                each["exposure"],
            )
            for each in records
        ],
    )


def _time(record: dict[str, Any], question: Question) -> str:
    at = clock(question.micros(record["timestamp"]), question.zone)
    return f"{at:%Y-%m-%d %H:%M:%S}"


class _Following:
    """The events from now on, each written when it is stored."""

    def __init__(self, question: Question, screen: Screen, wanted: Filters) -> None:
        self._question, self._screen = question, screen
        self._wanted = replace(wanted, limit=1000)

    def run(
        self, first: Sequence[dict[str, Any]], last: int, wait: Callable[[float], None]
    ) -> None:
        """Write these and what comes, until the reader of the output or the user ends it."""
        if not (self._question.is_json or self._screen.is_terminal):
            self._screen.write_tabs(_FIELDS)
        self._write(reversed(first))
        while True:
            wait(_INTERVAL)
            with open_row_reader(self._question.db) as reader:
                newest = reader.newest_event()
                while found := reader.records_after(self._wanted, last):
                    self._write(reversed(found))
                    last = found[0]["id"]
            last = max(last, newest)

    def _write(self, records: Iterable[dict[str, Any]]) -> None:
        for each in records:
            if self._question.is_json:
                self._screen.write_json(each, in_one_line=True)
            elif self._screen.is_terminal:
                owner = each["title"] or each["hidden"]
                at = _time(each, self._question)
                line = _FOLLOWED.format(at, each["status"], each["port"], each["protocol"], owner)
                self._screen.write_cut(line)
            else:
                self._screen.write_tabs(each[name] for name in _FIELDS)
        self._screen.flush()
