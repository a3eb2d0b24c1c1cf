"""`porteye diff`: what changed between two moments."""

import io
import json

import pytest

from porteye_core.command.arguments import parser
from porteye_core.command.diff import diff
from porteye_core.command.question import Question
from porteye_core.command.screen import Screen
from porteye_core.model import AttributedSocket, Precision
from porteye_core.store.reading import CHANGE
from porteye_core.store.writing.writer import Closing, Opening, Writer
from tests.kit.command import Command
from tests.kit.seeding import MINUTE, PLAN, Instant
from tests.kit.values import endpoint, owned, process


def on_terminal(db: Instant, *words: str, width: int = 200) -> tuple[int, list[str]]:
    out = io.StringIO()
    given = parser().parse_args(["diff", "--db", str(db.db), *words])
    status = diff(given, Question.of(given), Screen(out, is_terminal=True, width=width))
    return status, out.getvalue().splitlines()


def test_a_terminal_gets_a_sentence_with_the_times_that_were_understood(seeded: Instant) -> None:
    status, (sentence, head, row) = on_terminal(seeded, "35 min ago", "25 min ago")
    assert status == 1
    assert sentence.startswith("From ")
    times, _, said = sentence.partition(" UTC: ")
    assert times.count(" UTC to ") == 1
    assert said == "8765 http.server (python) (local) opened."
    assert head.split() == ["CHANGE", "PORT", "PROTOCOL", "PROGRAM", "DETAIL"]
    assert row.split(maxsplit=3)[:3] == ["opened", "8765", "tcp"]
    assert row.endswith("this machine only")


def test_the_second_time_is_now_and_the_order_is_that_of_time(seeded: Instant) -> None:
    there = on_terminal(seeded, "15 min ago")
    assert there[1][0].endswith(": 8765 http.server (python) (local) opened.")
    assert on_terminal(seeded, "now", "15 min ago")[1][1:] == there[1][1:]


def test_nothing_changed_is_the_status_0_as_that_of_diff(seeded: Instant) -> None:
    status, (sentence,) = on_terminal(seeded, "15 min ago", "5 min ago")
    assert status == 0
    assert sentence.endswith(": nothing changed.")


def test_a_time_before_the_first_watch_says_where_the_comparison_begins(seeded: Instant) -> None:
    _, (sentence, *_, last) = on_terminal(seeded, "yesterday", "25 min ago")
    begins = sentence.removeprefix("From ").partition(" to ")[0]
    assert last == f"Nothing was recorded before {begins}."


def test_no_event_is_so_old_that_it_could_be_said(seeded: Instant, porteye: Command) -> None:
    answered = porteye("diff", "3 days ago", "2 days ago")
    assert (answered.status, answered.out) == (3, "")
    assert answered.err.startswith("porteye: Nothing was recorded yet at ")


def test_the_records_are_those_of_the_api(seeded: Instant, porteye: Command) -> None:
    answered = porteye("diff", "35 min ago", "15 min ago", "--json")
    (record,) = json.loads(answered.out)
    assert list(record) == list(CHANGE)
    assert (record["change"], record["openings"]) == ("opened and closed", "1 opening of 10 min")
    assert record["at"] < record["versus"]
    head, line = porteye("diff", "35 min ago", "15 min ago").out.splitlines()
    cells = dict(zip(head.split("\t"), line.split("\t"), strict=True))
    times = {"at", "versus"}  # each command has its own now
    assert {name: cells[name] for name in cells.keys() - times} == {
        name: str(record[name] or "") for name in cells.keys() - times
    }


@pytest.mark.parametrize(
    ("words", "count"),
    [([], 1), (["--port", "8765"], 1), (["--process", "nginx"], 0), (["--user", "www"], 1)],
)
def test_the_filters_are_those_of_now(
    seeded: Instant, porteye: Command, words: list[str], count: int
) -> None:
    answered = porteye("diff", "35 min ago", "25 min ago", "--json", *words)
    assert len(json.loads(answered.out)) == count
    assert answered.status == int(count > 0)


def between(
    before: AttributedSocket, after: AttributedSocket, db: Instant, writer: Writer
) -> list[str]:
    """The line about what one became the other a minute ago."""
    at = db.now - MINUTE
    writer.begin_watch(at - MINUTE, PLAN)
    (born,) = writer.record_changes(at - MINUTE, [Opening(before, at - MINUTE, Precision.KERNEL)])
    closed = [Closing(born, at, Precision.KERNEL)]
    writer.record_changes(at, [Opening(after, at, Precision.KERNEL)], closed)
    _, (_, _, row) = on_terminal(db, "90 sec ago", "30 sec ago")
    return [each.strip() for each in row.split("  ") if each.strip()]


def test_what_became_reachable_tells_both_exposures(seeded: Instant, writer_of_now: Writer) -> None:
    local = owned(endpoint(3000), process(7, name="node"))
    wide = owned(endpoint(3000, address="0.0.0.0"), process(8, name="node"))
    assert between(local, wide, seeded, writer_of_now) == [
        *("became reachable", "3000", "tcp", "node"),
        "this machine only → every interface",
    ]


def test_what_changed_hands_tells_both_owners(seeded: Instant, writer_of_now: Writer) -> None:
    first = owned(endpoint(3000), process(7, name="nginx"))
    second = owned(endpoint(3000), process(8, name="caddy"))
    assert between(first, second, seeded, writer_of_now) == [
        *("changed owner", "3000", "tcp", "caddy"),
        "nginx, pid 7, www → caddy, pid 8, www",
    ]


def test_where_nobody_watches_any_more_it_cannot_be_said(abandoned: Instant) -> None:
    status, lines = on_terminal(abandoned, "15 min ago", "now", "--port", "80")
    assert status in {1, 3}
    assert any(line.startswith("Nobody watched at ") for line in lines)
    status, lines = on_terminal(abandoned, "15 min ago", "now", "--port", "9")
    assert (status, lines[0].endswith("nothing changed.")) == (3, True)


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_a_program_is_told_apart_from_the_records_that_nobody_watched(
    abandoned: Instant, porteye: Command, form: list[str]
) -> None:
    answered = porteye("diff", "15 min ago", "now", "--port", "9", *form)
    assert answered.status == 3
    assert "Nobody" not in answered.out
    assert answered.err.startswith("porteye: Nobody watched at ")
    assert answered.err.count("\n") == 1


@pytest.mark.parametrize(
    "words", [[], ["soon"], ["yesterday", "tomorrow"], ["1", "2", "3"], ["now", "--since", "now"]]
)
def test_wrong_use_is_said(seeded: Instant, porteye: Command, words: list[str]) -> None:
    answered = porteye("diff", *words)
    assert (answered.status, answered.out) == (2, "")
    assert answered.err
