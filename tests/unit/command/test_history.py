"""`porteye history`: events by the filters of the API, and those that come."""

import io
import json

import pytest

from porteye_core.command.arguments import parser
from porteye_core.command.history import history
from porteye_core.command.question import Question
from porteye_core.command.screen import Screen
from porteye_core.model import Precision
from porteye_core.store.writing.writer import Closing, Opening, Writer
from tests.kit.command import Command
from tests.kit.seeding import Instant
from tests.kit.values import SECOND, endpoint, owned, process


class Ended(Exception):
    """The end of what would go on for ever."""


def test_a_program_gets_tabs_newest_first(seeded: Instant, porteye: Command) -> None:
    head, *lines = porteye("history").out.splitlines()
    assert head.split("\t")[:5] == ["id", "timestamp", "status", "seen", "port"]
    assert [line.split("\t")[2:5] for line in lines[:3]] == [
        ["opened", "poll", "8765"],
        ["closed", "poll", "8765"],
        ["opened", "poll", "8765"],
    ]
    assert len(lines) == 6


@pytest.mark.parametrize(
    ("words", "count"),
    [
        ([], 6),
        (["--kind", "closed"], 1),
        (["--port", "8765"], 3),
        (["--process", "nginx"], 1),
        (["--since", "40 min ago"], 3),
        (["--since", "25 min ago", "--until", "5 min ago"], 1),
        (["--limit", "2"], 2),
        (["--before", "2"], 1),
        (["--exposure", "reachable"], 1),
    ],
)
def test_filters_are_those_of_the_api(
    seeded: Instant, porteye: Command, words: list[str], count: int
) -> None:
    answered = porteye("history", *words, "--json")
    assert len(json.loads(answered.out)) == count
    assert answered.status == 0


def on_terminal(db: Instant, width: int, *words: str) -> list[str]:
    out = io.StringIO()
    given = parser().parse_args(["history", "--db", str(db.db), *words])
    assert history(given, Question.of(given), Screen(out, is_terminal=True, width=width)) == 0
    return out.getvalue().splitlines()


def test_a_terminal_gets_a_table_that_leads_to_older_events(seeded: Instant) -> None:
    head, line, last = on_terminal(seeded, 140, "--limit", "1")
    columns = "TIME SEEN EVENT PORT PROTOCOL ADDRESS PROGRAM PID USER REACHABLE FROM"
    assert " ".join(head.split()) == columns
    cells = "poll opened 8765 tcp 127.0.0.1 http.server (python) 300 www this machine only"
    assert " ".join(line.split()[2:]) == cells
    assert last == "Older ones: --before 6"
    narrow, *_ = on_terminal(seeded, 60)
    assert "SEEN" not in narrow
    assert len(narrow) <= 60
    assert on_terminal(seeded, 60, "--port", "9") == [
        "Nothing opened or closed that the filters let through."
    ]


@pytest.mark.parametrize("form", ["tabs", "json", "terminal"])
def test_what_follows_is_written_when_it_is_stored_oldest_first(
    seeded: Instant, writer_of_now: Writer, form: str
) -> None:
    out, turns = io.StringIO(), []
    words = ["--follow", "--port", "8765,4000-5000", "--limit", "1"]
    words += ["--json"] if form == "json" else []
    given = parser().parse_args(["history", "--db", str(seeded.db), *words])

    def wait(_: float) -> None:
        turns.append(len(out.getvalue().splitlines()))
        if len(turns) == 3:
            raise Ended
        at = seeded.now + len(turns) * SECOND
        opening = [
            Opening(owned(endpoint(port), process(7)), at, Precision.POLL)
            for port in (4001, 9, 4002)
        ]
        lives = writer_of_now.record_changes(at, opening)
        writer_of_now.record_changes(at + 1, closed=[Closing(lives[0], at + 1, Precision.POLL)])

    screen = Screen(out, is_terminal=form == "terminal", width=80)
    with pytest.raises(Ended):
        history(given, Question.of(given), screen, wait)
    lines = out.getvalue().splitlines()
    if form == "tabs":
        assert lines.pop(0).startswith("id\t")
    assert len(lines) == 7
    assert [count - (form == "tabs") for count in turns] == [1, 4, 7]
    if form == "json":
        told = [(each["port"], each["status"]) for each in map(json.loads, lines)]
        again = [(4001, "opened"), (4002, "opened"), (4001, "closed")]
        assert told == [(8765, "opened"), *again, *again]


def test_without_a_database_there_is_no_past(porteye: Command) -> None:
    for words in ([], ["--follow"], ["--json"]):
        answered = porteye("history", *words)
        assert (answered.status, answered.out) == (3, "")
        assert answered.err.startswith("porteye: Nothing is recorded yet")


def test_without_a_monitor_the_past_is_there(abandoned: Instant, porteye: Command) -> None:
    assert len(json.loads(porteye("history", "--json").out)) == 6


@pytest.mark.parametrize(
    "words",
    [["--limit", "0"], ["--limit", "x"], ["--kind", "x"], ["--since", "soon"], ["--before", "-1"]],
)
def test_a_wrong_filter_is_wrong_use(seeded: Instant, porteye: Command, words: list[str]) -> None:
    answered = porteye("history", *words)
    assert (answered.status, answered.out) == (2, "")
